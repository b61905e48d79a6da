package sandbox

import (
	"net/http"
	"net/url"
	"strings"
)

// mux finds the route of a request. http.ServeMux will not do: GitHub's paths
// overlap (issues/comments/5, issues/5/comments), and a fixed word comes before a
// variable there.
type mux struct {
	next    map[string]*mux
	any     *mux
	name    string // of the variable that any stands for
	rest    map[string]*leaf
	restVar string
	here    map[string]*leaf // by method
}

type leaf struct {
	pattern string
	handler http.Handler
}

// add files "GET /a/{b}/{c...}".
func (m *mux) add(pattern string, h http.Handler) {
	method, path, _ := strings.Cut(pattern, " ")
	l := &leaf{pattern, h}
	for part := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		name, variable := strings.CutPrefix(part, "{")
		name = strings.TrimSuffix(name, "}")
		switch {
		case name == "$":
			continue
		case variable && strings.HasSuffix(name, "..."):
			if m.rest == nil {
				m.rest = map[string]*leaf{}
			}
			m.rest[method], m.restVar = l, strings.TrimSuffix(name, "...")
			return
		case variable:
			// One variable has one name wherever it stands; routes that call it
			// otherwise hang beside.
			at := m
			for at.any != nil && at.name != name {
				at = at.any.sibling()
			}
			if at.any == nil {
				at.any, at.name = &mux{}, name
			}
			m = at.any
		default:
			if m.next == nil {
				m.next = map[string]*mux{}
			}
			if m.next[part] == nil {
				m.next[part] = &mux{}
			}
			m = m.next[part]
		}
	}
	if m.here == nil {
		m.here = map[string]*leaf{}
	}
	m.here[method] = l
}

const beside = "\x00" // no part of a path

func (m *mux) sibling() *mux {
	if m.next == nil {
		m.next = map[string]*mux{}
	}
	if m.next[beside] == nil {
		m.next[beside] = &mux{}
	}
	return m.next[beside]
}

func (m *mux) find(r *http.Request, method string, parts []string) *leaf {
	if len(parts) == 0 {
		if l := m.here[method]; l != nil {
			return l
		}
		return m.rest[method]
	}
	if n := m.next[parts[0]]; n != nil && parts[0] != beside {
		if l := n.find(r, method, parts[1:]); l != nil {
			return l
		}
	}
	for at := m; at != nil && at.any != nil && parts[0] != ""; at = at.any.next[beside] {
		if l := at.any.find(r, method, parts[1:]); l != nil {
			r.SetPathValue(at.name, unescape(parts[0]))
			return l
		}
	}
	if l := m.rest[method]; l != nil {
		r.SetPathValue(m.restVar, unescape(strings.Join(parts, "/")))
		return l
	}
	return nil
}

func unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}

func (m *mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	var parts []string
	if p := strings.Trim(r.URL.EscapedPath(), "/"); p != "" {
		parts = strings.Split(p, "/")
	}
	l := m.find(r, method, parts)
	if l == nil {
		l = m.rest[""]
	}
	r.Pattern = l.pattern
	l.handler.ServeHTTP(w, r)
}
