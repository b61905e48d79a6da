package deck

import "testing"

func TestPagesHoldNoTerminalEscapes(t *testing.T) {
	for in, want := range map[rune]rune{'a': 'a', 'ü': 'ü', '\n': '\n', '\t': '\t', '\x1b': -1, '\a': -1, '\r': -1, '\x7f': -1, '\u009b': -1, '\u00a0': '\u00a0'} {
		if got := printable(in); got != want {
			t.Errorf("printable(%q) = %q, want %q", in, got, want)
		}
	}
}
