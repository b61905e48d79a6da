package hook

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	prow "github.com/prow-ci/prow"
)

// glance is the little that has to be known of a webhook before it is stored.
type glance struct {
	Where  prow.IssueID
	Action string
	By     string
}

var errNotJSON = errors.New("not JSON")

// peek reads a body once, sees that it is JSON and keeps what says where it
// belongs. A body is tens of kilobytes and arrives a thousand times a second, so
// nothing else is decoded.
func peek(body []byte) (glance, error) {
	var g glance
	var full, repoOwner, repoName, org string
	var number int
	s := &scan{b: body}
	s.object(func(key []byte) {
		switch string(key) {
		case "action":
			g.Action = s.text()
		case "number":
			number = s.number()
		case "issue", "pull_request":
			s.object(func(key []byte) {
				if string(key) != "number" {
					s.skip()
				} else if n := s.number(); n > 0 {
					g.Where.Number = n
				}
			})
		case "sender":
			s.object(func(key []byte) { s.keep(key, "login", &g.By) })
		case "organization":
			s.object(func(key []byte) { s.keep(key, "login", &org) })
		case "repository":
			s.object(func(key []byte) {
				switch string(key) {
				case "full_name":
					full = s.text()
				case "name":
					repoName = s.text()
				case "owner":
					s.object(func(key []byte) { s.keep(key, "login", &repoOwner) })
				default:
					s.skip()
				}
			})
		default:
			s.skip()
		}
	})
	if !s.end() {
		return glance{}, errNotJSON
	}
	if g.Where.Number == 0 && number > 0 {
		g.Where.Number = number
	}
	switch owner, name, ok := strings.Cut(full, "/"); {
	case ok:
		g.Where.Repo = prow.Repo{Owner: owner, Name: name}
	case repoOwner != "" && repoName != "":
		g.Where.Repo = prow.Repo{Owner: repoOwner, Name: repoName}
	default:
		g.Where = prow.IssueID{Repo: prow.Repo{Owner: org}}
	}
	return g, nil
}

// scan walks through JSON once and checks it on the way. After a fault it stands
// still at the end.
type scan struct {
	b     []byte
	i     int
	depth int
	bad   bool
}

// maxDepth is encoding/json's.
const maxDepth = 10000

func (s *scan) fail() {
	s.bad, s.i = true, len(s.b)
}

func (s *scan) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

func (s *scan) peek() byte {
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

// end reports whether one whole value was read and nothing follows.
func (s *scan) end() bool {
	s.space()
	return !s.bad && s.i == len(s.b)
}

// object reads an object; each has to read the value of its key. What is no
// object is skipped.
func (s *scan) object(each func(key []byte)) {
	s.space()
	if s.peek() != '{' {
		s.skip()
		return
	}
	s.list('}', func() {
		s.space()
		key := s.raw()
		s.space()
		if s.bad || s.peek() != ':' {
			s.fail()
			return
		}
		s.i++
		s.space()
		each(unquoted(key))
	})
}

// list reads what stands between two brackets, separated by commas.
func (s *scan) list(last byte, each func()) {
	if s.depth++; s.depth > maxDepth {
		s.fail()
	}
	defer func() { s.depth-- }()
	s.i++
	s.space()
	if s.peek() == last {
		s.i++
		return
	}
	for !s.bad {
		each()
		s.space()
		switch s.peek() {
		case ',':
			s.i++
		case last:
			s.i++
			return
		default:
			s.fail()
		}
	}
}

func (s *scan) skip() {
	s.space()
	switch c := s.peek(); {
	case c == '{':
		s.object(func([]byte) { s.skip() })
	case c == '[':
		s.list(']', s.skip)
	case c == '"':
		s.raw()
	case c == 't':
		s.word("true")
	case c == 'f':
		s.word("false")
	case c == 'n':
		s.word("null")
	default:
		s.digits()
	}
}

func (s *scan) word(w string) {
	if s.i+len(w) > len(s.b) || string(s.b[s.i:s.i+len(w)]) != w {
		s.fail()
		return
	}
	s.i += len(w)
}

// raw reads a string and returns it with its quotes.
func (s *scan) raw() []byte {
	start := s.i
	if s.peek() != '"' {
		s.fail()
		return nil
	}
	for s.i++; s.i < len(s.b); s.i++ {
		switch c := s.b[s.i]; {
		case c == '"':
			s.i++
			return s.b[start:s.i]
		case c == '\\':
			s.escape()
		case c < ' ':
			s.fail()
			return nil
		}
	}
	s.fail()
	return nil
}

// escape reads the part of an escape after its backslash but the last byte.
func (s *scan) escape() {
	s.i++
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return
	case 'u':
		for range 4 {
			s.i++
			if c := s.peek(); !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
				s.fail()
				return
			}
		}
		return
	}
	s.fail()
}

// digits reads a number and returns its text.
func (s *scan) digits() []byte {
	start := s.i
	run := func() bool {
		from := s.i
		for c := s.peek(); c >= '0' && c <= '9'; c = s.peek() {
			s.i++
		}
		return s.i > from
	}
	if s.peek() == '-' {
		s.i++
	}
	if s.peek() == '0' {
		s.i++
	} else if !run() {
		s.fail()
		return nil
	}
	if s.peek() == '.' {
		if s.i++; !run() {
			s.fail()
			return nil
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.i++
		if c := s.peek(); c == '+' || c == '-' {
			s.i++
		}
		if !run() {
			s.fail()
			return nil
		}
	}
	return s.b[start:s.i]
}

// text reads a string; what is none is skipped.
func (s *scan) text() string {
	s.space()
	if s.peek() != '"' {
		s.skip()
		return ""
	}
	return string(unquoted(s.raw()))
}

// number reads a whole number; what is none is skipped.
func (s *scan) number() int {
	s.space()
	if c := s.peek(); c < '0' || c > '9' {
		s.skip()
		return 0
	}
	n, err := strconv.Atoi(string(s.digits()))
	if err != nil {
		return 0
	}
	return n
}

// keep reads the value of key, into v if it is the one named want.
func (s *scan) keep(key []byte, want string, v *string) {
	if string(key) == want {
		*v = s.text()
		return
	}
	s.skip()
}

func unquoted(raw []byte) []byte {
	if len(raw) < 2 {
		return nil
	}
	for _, c := range raw {
		if c == '\\' {
			var out string
			if json.Unmarshal(raw, &out) != nil {
				return nil
			}
			return []byte(out)
		}
	}
	return raw[1 : len(raw)-1]
}
