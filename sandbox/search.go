package sandbox

import (
	"slices"
	"strings"
	"unicode"
)

func searchRoutes() []route {
	return []route{
		{"GET /search/issues", none, reading(searchIssues)},
		{"GET /search/repositories", none, reading(searchRepos)},
		{"GET /search/users", none, reading(searchUsers)},
	}
}

// most is how many results GitHub lets one page through.
const mostFound = 1000

func searchIssues(c *call) (any, error) {
	q := strings.TrimSpace(c.query("q"))
	if q == "" {
		return nil, invalid("Search", "q", "missing")
	}
	if s := c.query("sort"); s != "" {
		q += " sort:" + s + "-" + map[bool]string{true: "asc", false: "desc"}[c.query("order") == "asc"]
	}
	all := c.search(q, c.user)
	total := len(all)
	all = all[:min(total, mostFound)]
	page, _ := cut(c, all)
	items := []any{}
	for _, i := range page {
		items = append(items, join(c.showIssue(i), obj{"score": 1.0, "body": i.Body}))
	}
	return obj{"total_count": total, "incomplete_results": false, "search_type": "lexical", "items": items}, nil
}

func searchRepos(c *call) (any, error) {
	words := strings.Fields(lower(c.query("q")))
	list := c.reposWhere(func(r *repo) bool {
		for _, w := range words {
			key, value, ok := strings.Cut(w, ":")
			switch {
			case ok && (key == "user" || key == "org"):
				if lower(c.account(r.Owner).Login) != value {
					return false
				}
			case !ok && !strings.Contains(lower(r.Name+" "+r.Description), w):
				return false
			}
		}
		return true
	})
	page, total := cut(c, list)
	items := []any{}
	for _, r := range page {
		items = append(items, join(c.repoObj(r), obj{"score": 1.0}))
	}
	return obj{"total_count": total, "incomplete_results": false, "items": items}, nil
}

func searchUsers(c *call) (any, error) {
	var list []*account
	for _, a := range c.st.accounts {
		if strings.Contains(lower(a.Login), lower(c.query("q"))) {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b *account) int { return int(a.ID - b.ID) })
	page, total := cut(c, list)
	items := []any{}
	for _, a := range page {
		items = append(items, join(c.showUser(a), obj{"score": 1.0}))
	}
	return obj{"total_count": total, "incomplete_results": false, "items": items}, nil
}

// term is one word of the search language.
type term struct {
	not    bool
	key    string   // "" is free text
	values []string // any of these
}

// terms reads the search language: words, "quoted words", key:value,
// key:"a b","c", -key:value.
func terms(q string) []term {
	var out []term
	r := []rune(q)
	for i := 0; i < len(r); {
		if unicode.IsSpace(r[i]) {
			i++
			continue
		}
		var t term
		if r[i] == '-' && i+1 < len(r) && !unicode.IsSpace(r[i+1]) {
			t.not = true
			i++
		}
		start := i
		for i < len(r) && (unicode.IsLetter(r[i]) || r[i] == '-') {
			i++
		}
		if i < len(r) && r[i] == ':' && i > start {
			t.key = lower(string(r[start:i]))
			i++
		} else {
			i = start
		}
		var word strings.Builder
		quoted, wasQuoted := false, false
		for ; i < len(r) && (quoted || !unicode.IsSpace(r[i])); i++ {
			switch {
			case r[i] == '\\' && quoted && i+1 < len(r):
				i++
				word.WriteRune(r[i])
			case r[i] == '"':
				quoted, wasQuoted = !quoted, true
			case r[i] == ',' && !quoted && t.key != "":
				t.values = append(t.values, word.String())
				word.Reset()
			default:
				word.WriteRune(r[i])
			}
		}
		if word.Len() > 0 || wasQuoted {
			t.values = append(t.values, word.String())
		}
		if len(t.values) > 0 {
			out = append(out, t)
		}
	}
	return out
}

// search finds issues and pull requests that user may see, best first.
func (f *Forge) search(q string, user *account) []*issue {
	all := terms(q)
	by, direction := "created", "desc"
	var must []term
	anyOf := map[string]term{} // GitHub takes repeated places and people as alternatives
	for _, t := range all {
		if n := slices.Index(t.values, "@me"); n >= 0 && user != nil {
			t.values[n] = user.Login
		}
		switch {
		case t.key == "sort":
			by, direction, _ = strings.Cut(t.values[0], "-")
		case !t.not && slices.Contains([]string{"repo", "org", "user", "author", "base"}, t.key):
			key := t.key
			if key == "org" || key == "user" {
				key = "repo"
				for n, v := range t.values {
					t.values[n] = v + "/"
				}
			}
			t.key = key
			t.values = append(anyOf[key].values, t.values...)
			anyOf[key] = t
		default:
			must = append(must, t)
		}
	}
	for _, t := range anyOf {
		must = append(must, t)
	}
	asked := slices.DeleteFunc(slices.Clone(must), func(t term) bool {
		return slices.Contains([]string{"repo", "org", "user", "archived", "in"}, t.key)
	})
	var out []*issue
	for id, list := range f.st.byRepo {
		r := f.st.repos[id]
		if r == nil || f.level(r, user) < read || !f.repoFits(r, must) {
			continue
		}
		for _, i := range list {
			if !slices.ContainsFunc(asked, func(t term) bool { return f.fits(r, i, t) == t.not }) {
				out = append(out, i)
			}
		}
	}
	sortIssues(out, by, direction)
	return out
}

// repoFits asks only what concerns the whole repository.
func (f *Forge) repoFits(r *repo, must []term) bool {
	full := lower(f.repoPath(r))
	for _, t := range must {
		var yes bool
		switch t.key {
		case "repo":
			yes = slices.ContainsFunc(t.values, func(v string) bool {
				return lower(v) == full || strings.HasSuffix(v, "/") && strings.HasPrefix(full, lower(v))
			})
		case "org", "user":
			yes = strings.EqualFold(f.account(r.Owner).Login, t.values[0])
		case "archived":
			yes = r.Archived == (t.values[0] == "true")
		default:
			continue
		}
		if yes == t.not {
			return false
		}
	}
	return true
}
