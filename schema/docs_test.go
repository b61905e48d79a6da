package schema_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prow-ci/prow/schema"
	"github.com/prow-ci/prow/server"
)

// No key is left out.
func TestDocsTellOfEveryKey(t *testing.T) {
	t.Parallel()
	pages, err := schema.Pages(server.Sections())
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, p := range pages {
		all.Write(p.Text)
	}
	for _, kind := range schema.Kinds() {
		for _, e := range entries(t, kind) {
			told := regexp.MustCompile("[`.]" + regexp.QuoteMeta(e.Key.Name) + "(\\[\\]|\\.\\*)*`")
			if !told.MatchString(all.String()) {
				t.Errorf("%s: no page tells of %s: give it to one in areas.go", kind, e.Path)
			}
		}
	}
}

// Every link leads somewhere: to a page that is there, and a heading in it.
func TestLinksInDocs(t *testing.T) {
	t.Parallel()
	pages, err := schema.Pages(server.Sections())
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	heading, link := regexp.MustCompile("(?m)^#+ (.*)$"), regexp.MustCompile(`\]\(([^)]+)\)`)
	for _, p := range pages {
		there[p.Name] = true
		for _, m := range heading.FindAllStringSubmatch(string(p.Text), -1) {
			id := strings.ReplaceAll(regexp.MustCompile(`[^\w -]`).ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")
			if there[p.Name+"#"+id] {
				t.Errorf("%s has the heading %s twice", p.Name, m[1])
			}
			there[p.Name+"#"+id] = true
		}
	}
	links := 0
	for _, p := range pages {
		for _, m := range link.FindAllStringSubmatch(string(p.Text), -1) {
			links++
			to := m[1]
			if strings.HasPrefix(to, "#") {
				to = p.Name + to
			}
			if up, ok := strings.CutPrefix(to, "../"); ok {
				if _, err := os.Stat(filepath.Join("../docs", up)); err != nil {
					t.Errorf("%s: %v", p.Name, err)
				}
			} else if !strings.Contains(to, "://") && !there[to] {
				t.Errorf("%s links to %s, which is not there", p.Name, to)
			}
		}
	}
	if links < 100 {
		t.Errorf("looked at %d links only", links)
	}
}

// docs/config says what the code says.
func TestDocs(t *testing.T) {
	t.Parallel()
	pages, err := schema.Pages(server.Sections())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pages {
		golden(t, filepath.Join("../docs/config", p.Name), p.Text)
	}
}
