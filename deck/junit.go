package deck

import (
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	prow "github.com/prow-ci/prow"
)

// testResults is what the JUnit files of a run say.
type testResults struct {
	Passed  int        `json:"passed"`
	Failed  int        `json:"failed"`
	Skipped int        `json:"skipped"`
	Flaky   int        `json:"flaky"` // failed, and passed in the same file
	Bad     []testCase `json:"bad"`   // failed, then flaky ones, as far as they fit
	More    int        `json:"more,omitempty"`
	Broken  []string   `json:"broken,omitempty"` // files that could not be read
}

// Total returns how many tests there were.
func (t *testResults) Total() int { return t.Passed + t.Failed + t.Skipped + t.Flaky }

// testCase is one test that did not simply pass.
type testCase struct {
	Suite   string  `json:"suite,omitempty"`
	Class   string  `json:"class,omitempty"`
	Name    string  `json:"name"`
	State   string  `json:"state"` // failed or flaky
	Text    string  `json:"text,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
	File    string  `json:"file"`
}

const (
	maxBad      = 100
	maxTestText = 8 << 10
	maxJUnit    = 100 << 20 // bytes read of one file
	maxJUnits   = 200       // files read of one run
)

var junitFile = regexp.MustCompile(`(^|/)artifacts/(.*/)?junit[^/]*\.xml$`)

// tests reads the JUnit files among files; nil if there are none.
func (s *Server) tests(ctx context.Context, j *prow.Job, files []fileLine) *testResults {
	var out *testResults
	read := 0
	for _, f := range files {
		if !junitFile.MatchString(f.Name) || ctx.Err() != nil || read == maxJUnits {
			continue
		}
		read++
		if out == nil {
			out = &testResults{Bad: []testCase{}}
		}
		r, err := s.Artifacts.Open(path.Join(s.dir(j), f.Name))
		if err == nil {
			err = out.add(f.Name, io.LimitReader(r, maxJUnit))
			_ = r.Close()
		}
		if err != nil {
			out.Broken = append(out.Broken, f.Name)
		}
	}
	if out != nil {
		slices.SortStableFunc(out.Bad, func(a, b testCase) int { return cmp.Compare(a.State, b.State) })
	}
	return out
}

// group is all results of one test in one file.
type group struct {
	test                    testCase
	passed, failed, skipped bool
}

// add reads one file: suites in suites, tests in them, as many as there are,
// one at a time.
func (t *testResults) add(file string, r io.Reader) error {
	groups, order := map[[3]string]*group{}, [][3]string{}
	d := xml.NewDecoder(r)
	d.Strict = false
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	var suites []string
	var err error
	for {
		var tok xml.Token
		if tok, err = d.Token(); err != nil {
			break
		}
		switch e := tok.(type) {
		case xml.StartElement:
			switch e.Name.Local {
			case "testsuite", "testsuites":
				suites = append(suites, attr(e, "name"))
			case "testcase":
				suite := ""
				if len(suites) > 0 {
					suite = suites[len(suites)-1]
				}
				g := readCase(d, e)
				g.test.Suite, g.test.File = suite, file
				key := [3]string{suite, g.test.Class, g.test.Name}
				if old := groups[key]; old != nil {
					old.merge(g)
				} else {
					groups[key], order = &g, append(order, key)
				}
			}
		case xml.EndElement:
			if (e.Name.Local == "testsuite" || e.Name.Local == "testsuites") && len(suites) > 0 {
				suites = suites[:len(suites)-1]
			}
		}
	}
	for _, k := range order {
		t.count(groups[k])
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (g *group) merge(o group) {
	g.passed, g.failed, g.skipped = g.passed || o.passed, g.failed || o.failed, g.skipped || o.skipped
	g.test.Text = cmp.Or(g.test.Text, o.test.Text)
	g.test.Seconds += o.test.Seconds
}

func (t *testResults) count(g *group) {
	switch {
	case g.failed && g.passed:
		t.Flaky++
		g.test.State = "flaky"
	case g.failed:
		t.Failed++
		g.test.State = "failed"
	case g.skipped:
		t.Skipped++
		return
	default:
		t.Passed++
		return
	}
	if len(t.Bad) == maxBad {
		t.More++
		return
	}
	t.Bad = append(t.Bad, g.test)
}

// readCase reads a testcase to its end.
func readCase(d *xml.Decoder, e xml.StartElement) group {
	g := group{test: testCase{Name: attr(e, "name"), Class: attr(e, "classname")}}
	g.test.Seconds, _ = strconv.ParseFloat(strings.ReplaceAll(attr(e, "time"), ",", ""), 64)
	var text strings.Builder
	inside, depth := "", 1
	for depth > 0 {
		tok, err := d.Token()
		if err != nil {
			break
		}
		switch e := tok.(type) {
		case xml.StartElement:
			depth++
			switch n := e.Name.Local; n {
			case "failure", "error":
				g.failed, inside = true, n
				keep(&text, attr(e, "message"))
			case "skipped":
				g.skipped, inside = true, n
			case "flakyFailure", "flakyError", "rerunFailure", "rerunError":
				g.failed = g.failed || strings.HasPrefix(n, "rerun")
				if strings.HasPrefix(n, "flaky") {
					g.failed, g.passed = true, true
				}
				inside = n
				keep(&text, attr(e, "message"))
			default:
				inside = n
			}
		case xml.CharData:
			if inside == "failure" || inside == "error" {
				keep(&text, string(e))
			}
		case xml.EndElement:
			depth--
			inside = ""
		}
	}
	g.passed = g.passed || !g.failed && !g.skipped
	g.test.Text = strings.TrimSpace(text.String())
	return g
}

func keep(b *strings.Builder, s string) {
	s = strings.TrimSpace(s)
	if s == "" || b.Len() >= maxTestText || strings.Contains(b.String(), s) {
		return
	}
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	b.WriteString(strings.ToValidUTF8(s[:min(len(s), maxTestText-b.Len())], ""))
}

func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}
