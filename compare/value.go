package compare

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxShown is how many characters of a value are shown to people.
const maxShown = 100

// shown returns both sides of c for people, "" for an absent one: texts without
// quotes where they need none, long ones cut down to where they differ.
func (c *Change) shown() (before, after string) {
	before, after = c.Old.text(), c.New.text()
	if c.Old != "" && c.New != "" {
		return focus(before, after)
	}
	return cut(before), cut(after)
}

// text writes v on one line of visible characters.
func (v Value) text() string {
	if strings.HasPrefix(string(v), `"`) {
		var s string
		if json.Unmarshal([]byte(v), &s) == nil && s != "" && visible(s) == s && strings.TrimSpace(s) == s && s[0] != '"' {
			return s
		}
	}
	return visible(string(v))
}

// visible writes characters that a terminal or a reader may take for something else
// as escapes: control characters, and those that turn the direction of text.
func visible(s string) string {
	odd := func(r rune) bool { return r == utf8.RuneError || r != ' ' && !unicode.IsPrint(r) }
	if strings.IndexFunc(s, odd) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case !odd(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// cut shortens a text.
func cut(s string) string {
	r := []rune(s)
	if len(r) <= maxShown {
		return s
	}
	return string(r[:maxShown-1]) + "…"
}

// focus shortens two texts to the part in which they differ.
func focus(a, b string) (string, string) {
	ra, rb := []rune(a), []rune(b)
	if len(ra) <= maxShown && len(rb) <= maxShown {
		return a, b
	}
	const around = 20
	front := 0
	for front < min(len(ra), len(rb)) && ra[front] == rb[front] {
		front++
	}
	if from := front - around; from > 0 {
		a, b = "…"+string(ra[from:]), "…"+string(rb[from:])
	}
	ra, rb = []rune(a), []rune(b)
	back := 0
	for back < min(len(ra), len(rb))-min(front, around+1) && ra[len(ra)-1-back] == rb[len(rb)-1-back] {
		back++
	}
	if end := back - around; end > 0 {
		a, b = string(ra[:len(ra)-end])+"…", string(rb[:len(rb)-end])+"…"
	}
	return cut(a), cut(b)
}
