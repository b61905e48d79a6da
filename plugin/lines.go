package plugin

import (
	"strings"
)

// MaxLines bounds how many commands of one text are read.
const MaxLines = 200

// maxText bounds how much of a text is read, in bytes. GitHub lets people write
// 65,536 characters.
const maxText = 256 << 10

// Line is one command found in a comment.
type Line struct {
	Name string // as written, without slash
	Rest string // after the name, trimmed
}

// Text is what a person said to us in a comment.
type Text struct {
	// Visible is the text without fenced code, quotes and HTML comments, lines
	// ended by a plain newline: what patterns of the configuration may match.
	Visible string
	Lines   []Line // the commands, in their order
	Unread  int    // how many commands beyond MaxLines were left out
	Cut     bool   // it is longer than anybody can write, and its end was not read
}

// Lines returns the commands of a comment: lines that begin with a slash at the
// first column, outside fenced code, quotes and HTML comments. At most MaxLines.
func Lines(body string) []Line { return Read(body).Lines }

// Read finds what a comment says to us, in time linear in its length, of which
// 256 KiB are read.
func Read(body string) Text {
	var t Text
	if len(body) > maxText {
		body, t.Cut = body[:maxText], true
	}
	var seen strings.Builder
	r := reader{lastClose: strings.LastIndex(body, "-->")}
	for raw := range strings.SplitAfterSeq(body, "\n") {
		line, ok := r.visible(raw)
		r.offset += len(raw)
		if !ok {
			continue
		}
		seen.WriteString(line)
		seen.WriteByte('\n')
		if l, ok := parseLine(line); ok {
			if len(t.Lines) == MaxLines {
				t.Unread++
				continue
			}
			t.Lines = append(t.Lines, l)
		}
	}
	t.Visible = seen.String()
	return t
}

// parseLine reads "/name rest".
func parseLine(line string) (Line, bool) {
	after, ok := strings.CutPrefix(line, "/")
	if !ok {
		return Line{}, false
	}
	end := strings.IndexAny(after, " \t\v\f\r")
	if end < 0 {
		end = len(after)
	}
	name := after[:end]
	return Line{name, strings.TrimSpace(after[end:])}, name != ""
}

// reader walks through the lines of a text.
type reader struct {
	offset    int    // of the current line in the text
	lastClose int    // where the last --> of the text begins, or -1
	fence     string // the fence that is open, or ""
	nested    bool   // it belongs to a list item, so its end is indented
	comment   bool   // an HTML comment is open
}

// visible returns the part of a line that people see as plain text, and false
// if there is none.
func (r *reader) visible(raw string) (string, bool) {
	line := strings.TrimRight(raw, "\r\n")
	if r.fence != "" {
		if closes(line, r.fence, r.nested) {
			r.fence = ""
		}
		return "", false
	}
	if !r.comment {
		if f, nested := opens(line); f != "" {
			r.fence, r.nested = f, nested
			return "", false
		}
		if strings.HasPrefix(line, ">") {
			return "", false
		}
	}
	rest, hidden := r.uncomment(line)
	return rest, rest != "" || !hidden
}

// uncomment cuts HTML comments out of a line; hidden says that there were some.
func (r *reader) uncomment(line string) (rest string, hidden bool) {
	var out strings.Builder
	at := 0
	for {
		if r.comment {
			hidden = true
			end := strings.Index(line[at:], "-->")
			if end < 0 {
				return out.String(), true
			}
			at += end + len("-->")
			r.comment = false
		}
		begin := strings.Index(line[at:], "<!--")
		if begin < 0 || !r.ends(line, at+begin) {
			out.WriteString(line[at:])
			return out.String(), hidden
		}
		out.WriteString(line[at : at+begin])
		at += begin + len("<!--")
		r.comment = true
	}
}

// ends reports whether the comment that begins at i of the line is one: one
// that never ends is plain text, unless it opens its line.
func (r *reader) ends(line string, i int) bool {
	return r.lastClose >= r.offset+i+len("<!--") || strings.TrimSpace(line[:i]) == ""
}

// opens returns the fence that a line opens, "" if none.
func opens(line string) (fence string, nested bool) {
	s := strings.TrimLeft(line, " ")
	if len(line)-len(s) > 3 {
		return "", false
	}
	if item := listItem(s); item != s {
		s, nested = item, true
	}
	if s == "" || s[0] != '`' && s[0] != '~' {
		return "", false
	}
	info := strings.TrimLeft(s, s[:1])
	fence = s[:len(s)-len(info)]
	if len(fence) < 3 || fence[0] == '`' && strings.Contains(info, "`") {
		return "", false
	}
	return fence, nested
}

// listItem cuts the marker of a list item off s.
func listItem(s string) string {
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	rest := s[digits:]
	switch {
	case rest == "":
		return s
	case digits == 0 && strings.ContainsRune("-*+", rune(rest[0])):
	case digits > 0 && digits < 10 && strings.ContainsRune(".)", rune(rest[0])):
	default:
		return s
	}
	if text := strings.TrimLeft(rest[1:], " "); text != rest[1:] {
		return text
	}
	return s
}

// closes reports whether a line ends the open fence.
func closes(line, fence string, nested bool) bool {
	s := strings.TrimLeft(line, " ")
	if !nested && len(line)-len(s) > 3 {
		return false
	}
	s = strings.TrimRight(s, " \t")
	return len(s) >= len(fence) && strings.Trim(s, fence[:1]) == ""
}
