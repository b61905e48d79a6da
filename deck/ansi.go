package deck

import (
	"html"
	"html/template"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// paint turns a line of a log into HTML: colours and weights of the terminal
// become classes, every other control sequence goes, and all that remains is
// text, whatever it says. Of a line that was drawn over and over with carriage
// returns, the last drawing is shown.
func paint(line string) template.HTML {
	line = strings.TrimRight(line, "\r")
	if i := strings.LastIndexByte(line, '\r'); i >= 0 {
		line = line[i+1:]
	}
	p := painter{}
	for len(line) > 0 {
		i := strings.IndexFunc(line, special)
		if i < 0 {
			p.text(line)
			break
		}
		p.text(line[:i])
		if line[i] == 0x1b {
			line = p.escape(line[i+1:])
			continue
		}
		r, n := utf8.DecodeRuneInString(line[i:])
		p.odd(r, n)
		line = line[i+n:]
	}
	if p.open {
		p.b.WriteString("</span>")
	}
	return template.HTML(p.b.String())
}

// special finds what is not plain text: control characters, characters that
// turn the direction of writing, and bytes that are no characters.
func special(r rune) bool {
	return r != '\t' && (r < 0x20 || r == 0x7f || r >= 0x80 && (r == utf8.RuneError || unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Bidi_Control, r)))
}

type painter struct {
	b                       strings.Builder
	open                    bool
	fg, bg                  int // 1 + colour; 0 is the page's own
	bold, faint, ital, line bool
}

func (p *painter) text(s string) { p.b.WriteString(html.EscapeString(s)) }

// odd shows a character that must not act as itself.
func (p *painter) odd(r rune, n int) {
	switch {
	case r == utf8.RuneError && n <= 1, r >= 0x80:
		p.b.WriteString("\ufffd")
	case r == '\b', r == 0x7f, r == 0:
	default:
		p.b.WriteRune(0x2400 + r) // its picture
	}
}

// escape handles what follows an escape character and returns the rest.
func (p *painter) escape(s string) string {
	if s == "" {
		return s
	}
	switch s[0] {
	case '[':
		for i := 1; i < len(s); i++ {
			if c := s[i]; c >= 0x40 && c <= 0x7e {
				if c == 'm' {
					p.style(s[1:i])
				}
				return s[i+1:]
			} else if c < 0x20 {
				return s[i:]
			}
		}
		return ""
	case ']', 'P', '_', '^', 'X': // up to BEL or ST
		if i := strings.IndexAny(s, "\a\x1b"); i >= 0 {
			return strings.TrimPrefix(s[i+1:], "\\")
		}
		return ""
	}
	return s[1:]
}

// style applies a list of SGR codes.
func (p *painter) style(list string) {
	codes := strings.FieldsFunc(list, func(r rune) bool { return r == ';' || r == ':' })
	if len(codes) == 0 {
		codes = []string{"0"}
	}
	for i := 0; i < len(codes); i++ {
		n, err := strconv.Atoi(codes[i])
		if err != nil {
			continue
		}
		switch {
		case n == 0:
			*p = painter{b: p.b, open: p.open}
		case n == 1:
			p.bold = true
		case n == 2:
			p.faint = true
		case n == 3:
			p.ital = true
		case n == 4:
			p.line = true
		case n == 22:
			p.bold, p.faint = false, false
		case n == 23:
			p.ital = false
		case n == 24:
			p.line = false
		case n >= 30 && n <= 37:
			p.fg = n - 29
		case n == 39:
			p.fg = 0
		case n >= 40 && n <= 47:
			p.bg = n - 39
		case n == 49:
			p.bg = 0
		case n >= 90 && n <= 97:
			p.fg = n - 81
		case n >= 100 && n <= 107:
			p.bg = n - 91
		case n == 38, n == 48:
			colour, used := extended(codes[i+1:])
			i += used
			if n == 38 {
				p.fg = colour
			} else {
				p.bg = colour
			}
		}
	}
	p.restyle()
}

func (p *painter) restyle() {
	if p.open {
		p.b.WriteString("</span>")
	}
	var c []string
	if p.fg > 0 {
		c = append(c, "f"+strconv.Itoa(p.fg-1))
	}
	if p.bg > 0 {
		c = append(c, "b"+strconv.Itoa(p.bg-1))
	}
	for _, s := range []struct {
		on   bool
		name string
	}{{p.bold, "sb"}, {p.faint, "sf"}, {p.ital, "si"}, {p.line, "su"}} {
		if s.on {
			c = append(c, s.name)
		}
	}
	if p.open = len(c) > 0; p.open {
		p.b.WriteString(`<span class="` + strings.Join(c, " ") + `">`)
	}
}

// extended reads what follows 38 or 48: a colour of 256, or red, green and
// blue. It returns 1 + the nearest of the sixteen.
func extended(codes []string) (colour, used int) {
	at := func(i int) int {
		if i < len(codes) {
			n, _ := strconv.Atoi(codes[i])
			return min(max(n, 0), 255)
		}
		return 0
	}
	switch at(0) {
	case 5:
		n := at(1)
		switch {
		case n < 16:
			return n + 1, 2
		case n < 232:
			n -= 16
			return nearest(n/36*51, n/6%6*51, n%6*51), 2
		}
		g := 8 + (n-232)*10
		return nearest(g, g, g), 2
	case 2:
		return nearest(at(1), at(2), at(3)), 4
	}
	return 0, 1
}

// nearest returns 1 + the colour of the sixteen that is like r, g, b.
func nearest(r, g, b int) int {
	top := max(r, g, b)
	if top < 48 {
		return 1
	}
	c := 0
	for i, v := range []int{r, g, b} {
		if v*2 > top {
			c |= 1 << i
		}
	}
	if c == 7 && top < 160 {
		return 9
	}
	if top > 190 {
		c += 8
	}
	return c + 1
}
