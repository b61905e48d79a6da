package podutil

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// sentence makes one sentence, with a capital and a stop, of an error's words.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return s
	}
	first, n := utf8.DecodeRuneInString(s)
	// A word that is a name or a path stays as it is.
	if word, _, _ := strings.Cut(s, " "); strings.IndexFunc(word, func(c rune) bool { return !unicode.IsLower(c) && c != ':' && c != ',' }) < 0 {
		s = string(unicode.ToUpper(first)) + s[n:]
	}
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}
