package deck

import (
	"bytes"
	"context"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/prow-ci/prow/config"
)

// matcher finds lines. may tells of a stretch of text whether a line of it
// could match, more quickly than is does of a line; nil knows nothing.
type matcher struct {
	may func([]byte) bool
	is  func([]byte) bool
}

// defaultErrors is what an error looks like where nothing is configured.
const defaultErrors = `timed out|ERROR:|(FAIL|Failure \[)\b|panic\b|^E\d{4} \d\d:\d\d:\d\d\.\d\d\d]|\b[Ee]rror: |\b[Ff]atal: |\*\*\* \[|^Traceback `

// errorHints are texts one of which is in every line that defaultErrors match.
func errorHints() [][]byte {
	var out [][]byte
	for _, h := range []string{"timed out", "ERROR:", "ERROR\x1b", "FAIL", "Failure [", "panic", "rror:", "rror\x1b", "atal:", "atal\x1b", "*** [", "Traceback ", "\nE0", "\nE1"} {
		out = append(out, []byte(h))
	}
	return out
}

// errorMatcher finds what looks like an error, by the configuration of the
// lens buildlog where there is one.
func errorMatcher(cfg *config.Config) matcher {
	if patterns := configuredErrors(cfg); len(patterns) > 0 {
		if re, err := regexp.Compile(strings.Join(patterns, "|")); err == nil {
			return matcher{is: re.Match}
		}
	}
	re, hints := regexp.MustCompile(defaultErrors), errorHints()
	may := func(b []byte) bool {
		for _, h := range hints {
			if bytes.Contains(b, h) {
				return true
			}
		}
		return len(b) > 2 && b[0] == 'E'
	}
	return matcher{may, func(line []byte) bool { return may(line) && re.Match(uncoloured(line)) }}
}

// colours matches the sequences that give a terminal its colours.
var colours = regexp.MustCompile(`\x1b\[[0-9;:]*m`)

func uncoloured(line []byte) []byte {
	if bytes.IndexByte(line, 0x1b) < 0 {
		return line
	}
	return colours.ReplaceAll(line, nil)
}

func configuredErrors(cfg *config.Config) []string {
	if cfg == nil {
		return nil
	}
	for _, l := range cfg.Deck.Spyglass.Lenses {
		var c config.BuildLogLens
		if l.Lens.Name != "buildlog" || l.Lens.Settings(&c) != nil {
			continue
		}
		// What is no expression is left out; checkconfig says so.
		return slices.DeleteFunc(c.HighlightRegexes, func(text string) bool { _, err := regexp.Compile(text); return err != nil })
	}
	return nil
}

// textMatcher finds what was typed: a text, whose case matters if it has a
// capital letter, or a /regular expression/.
func textMatcher(q string) (matcher, error) {
	if len(q) > 2 && q[0] == '/' && q[len(q)-1] == '/' {
		re, err := regexp.Compile(q[1 : len(q)-1])
		if err != nil {
			return matcher{}, badRequest("This is not a regular expression: %s.", "It is Go's syntax, see pkg.go.dev/regexp/syntax. Without slashes it is searched for as it stands.", q)
		}
		return matcher{is: re.Match}, nil
	}
	want := []byte(q)
	if strings.ContainsFunc(q, unicode.IsUpper) {
		has := func(b []byte) bool { return bytes.Contains(b, want) }
		return matcher{has, has}, nil
	}
	has := func(b []byte) bool { return containsFold(b, want) }
	return matcher{has, has}, nil
}

// containsFold reports whether b holds lower, which is in lower case, in any
// case. It looks for the first letter in both cases and compares from there.
func containsFold(b, lower []byte) bool {
	if len(lower) == 0 {
		return true
	}
	first := lower[:1]
	upper := bytes.ToUpper(first)
	if lower[0] >= 0x80 {
		return bytes.Contains(bytes.ToLower(b), lower)
	}
	for _, c := range [][]byte{first, upper} {
		for rest := b; ; {
			i := bytes.Index(rest, c)
			if i < 0 || len(rest)-i < len(lower) {
				break
			}
			if bytes.EqualFold(rest[i:i+len(lower)], lower) {
				return true
			}
			rest = rest[i+1:]
		}
		if bytes.Equal(first, upper) {
			break
		}
	}
	return false
}

// searchBlock is how much of a log is looked at in one go. A longer line is
// looked at in pieces.
const searchBlock = 1 << 20

// find returns the lines that m matches, from the line from on, counted from 0,
// at most limit; more says that it stopped at the limit.
func (x *logIndex) find(ctx context.Context, open opener, m matcher, from, limit int) (hits []logLine, more bool, err error) {
	at := x.near(from)
	f, err := open(ctx, at.offset)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	s := scan{m: m, from: from, limit: limit, line: at.line}
	block, kept := make([]byte, searchBlock), 0
	for {
		n, err := io.ReadFull(f, block[kept:])
		end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		text := block[:kept+n]
		cut := bytes.LastIndexByte(text, '\n') + 1
		if end || cut == 0 {
			cut = len(text)
		}
		if s.look(text[:cut]) {
			return s.hits, true, nil
		}
		if end {
			return s.hits, false, nil
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return s.hits, true, err
		}
		kept = copy(block, text[cut:])
	}
}

// scan is one search under way.
type scan struct {
	m           matcher
	from, limit int
	line        int // of the next byte
	hits        []logLine
}

// look goes through text and reports whether there are more hits than wanted.
func (s *scan) look(text []byte) (full bool) {
	if s.m.may != nil && !s.m.may(text) {
		s.line += bytes.Count(text, []byte{'\n'})
		return false
	}
	for len(text) > 0 {
		line, rest, ended := bytes.Cut(text, []byte{'\n'})
		if s.line >= s.from && s.m.is(line) && !s.has(s.line+1) {
			if len(s.hits) == s.limit {
				return true
			}
			shown := line[:min(len(line), 300)]
			s.hits = append(s.hits, logLine{s.line + 1, string(shown), int64(len(line) - len(shown))})
		}
		if ended {
			s.line++
		}
		text = rest
	}
	return false
}

func (s *scan) has(number int) bool {
	return len(s.hits) > 0 && s.hits[len(s.hits)-1].Number == number
}
