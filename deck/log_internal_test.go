package deck

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prow-ci/prow/config"
)

// text opens a text as a log.
func text(s string) opener {
	return func(_ context.Context, offset int64) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(s[min(int(offset), len(s)):])), nil
	}
}

func TestIndexKnowsEveryLine(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	var want []string
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 60_000 {
		line := strings.Repeat("x", random.IntN(40)) + fmt.Sprint(i)
		if i == 30_000 {
			line = strings.Repeat("long", 1<<18)
		}
		want = append(want, line)
		b.WriteString(line + "\n")
	}
	b.WriteString("unfinished")
	want = append(want, "unfinished")
	log, x := b.String(), &logIndex{}
	e, err := x.extend(t.Context(), text(log), true)
	if err != nil || e.lines != len(want) || e.size != int64(len(log)) {
		t.Fatalf("extent %+v, %v; want %d lines, %d bytes", e, err, len(want), len(log))
	}
	for _, from := range []int{0, 1, 29_999, 30_000, 30_001, 59_999, 60_000, 60_001, 12_345} {
		got, err := x.read(t.Context(), text(log), from, 3)
		if err != nil {
			t.Fatal(err)
		}
		for i, l := range got {
			w := want[from+i]
			if l.Number != from+i+1 || l.Text != w[:min(len(w), maxLine)] || l.Cut != int64(max(0, len(w)-maxLine)) {
				t.Errorf("line %d = %d %.40q cut %d", from+i, l.Number, l.Text, l.Cut)
			}
		}
		if n := min(3, len(want)-from); len(got) != max(n, 0) {
			t.Errorf("from %d: %d lines, want %d", from, len(got), n)
		}
	}
}

// A log that grows between two looks is indexed on from where it was.
func TestIndexGrows(t *testing.T) {
	t.Parallel()
	whole := strings.Repeat("one\ntwo\nthree", 5000)
	x := &logIndex{}
	for end := 0; ; end = min(len(whole), end+7777) {
		e, err := x.extend(t.Context(), text(whole[:end]), end == len(whole))
		lines := strings.Count(whole[:end], "\n")
		if end > 0 && whole[end-1] != '\n' {
			lines++
		}
		if err != nil || e.lines != lines || e.size != int64(end) {
			t.Fatalf("at %d: %+v, %v; want %d lines", end, e, err, lines)
		}
		if end == len(whole) {
			return
		}
	}
}

func FuzzIndex(f *testing.F) {
	f.Add("a\nb\n\nc", 1, 2)
	f.Add("", 0, 1)
	f.Add("\n\n\n", 2, 5)
	f.Add("\r\n\x00\xff", 0, 9)
	f.Fuzz(func(t *testing.T, log string, from, count int) {
		from, count = max(0, from%50), max(0, count%50)
		x := &logIndex{}
		e, err := x.extend(t.Context(), text(log), true)
		if err != nil {
			t.Fatal(err)
		}
		all := strings.Split(strings.TrimSuffix(log, "\n"), "\n")
		if log == "" {
			all = nil
		}
		if e.lines != len(all) {
			t.Fatalf("%d lines in %q, want %d", e.lines, log, len(all))
		}
		got, err := x.read(t.Context(), text(log), from, count)
		if err != nil {
			t.Fatal(err)
		}
		for i, l := range got {
			if want := all[from+i]; len(want) <= maxLine && l.Text != want {
				t.Fatalf("line %d of %q = %q", from+i, log, l.Text)
			}
		}
		if n := min(count, max(0, len(all)-from)); len(got) != n && len(log) < maxAnswer {
			t.Fatalf("%d lines, want %d", len(got), n)
		}
	})
}

func TestSearch(t *testing.T) {
	t.Parallel()
	log := "all is well\nERROR: first\nfine\n\x1b[31merror\x1b[0m: coloured\n0 errors\n--- FAIL: TestX (0.1s)\nE0102 03:04:05.678] klog\n" + strings.Repeat("y", 3<<20) + " timed out\nTraceback (most recent call last):\nGroße Fehler\n"
	find := func(m matcher, from int) (out []int) {
		x := &logIndex{}
		if _, err := x.extend(t.Context(), text(log), true); err != nil {
			t.Fatal(err)
		}
		hits, more, err := x.find(t.Context(), text(log), m, from, 100)
		if err != nil || more {
			t.Fatal(more, err)
		}
		for _, h := range hits {
			out = append(out, h.Number)
		}
		return out
	}
	typed := func(q string) matcher {
		m, err := textMatcher(q)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	configured := &config.Config{}
	configured.Deck.Spyglass.Lenses = []config.LensFile{{Lens: config.Lens{Name: "buildlog", Config: map[string]any{"highlight_regexes": []any{"(", "^a.*l$"}}}}}
	for _, c := range []struct {
		name string
		m    matcher
		from int
		want []int
	}{
		{"what looks like an error", errorMatcher(nil), 0, []int{2, 4, 6, 7, 8, 9}},
		{"what the configuration calls one, but for what is no expression", errorMatcher(configured), 0, []int{1}},
		{"from a line on", errorMatcher(nil), 4, []int{6, 7, 8, 9}},
		{"any case", typed("error"), 0, []int{2, 4, 5}},
		{"a capital letter matters", typed("ERROR"), 0, []int{2}},
		{"a regular expression", typed("/^a.*l$/"), 0, []int{1}},
		{"at the end of a long line", typed("timed OUT"), 0, nil},
		{"beyond ASCII", typed("große"), 0, []int{10}},
		{"nothing", typed("zzz"), 0, nil},
	} {
		if got := find(c.m, c.from); !slices.Equal(got, c.want) {
			t.Errorf("%s: lines %v, want %v", c.name, got, c.want)
		}
	}
}

func FuzzContainsFold(f *testing.F) {
	f.Add("Hello World", "o w")
	f.Add("ÄÖ", "ö")
	f.Fuzz(func(t *testing.T, s, q string) {
		for _, r := range q {
			if r >= 0x80 || r >= 'A' && r <= 'Z' {
				return // such are matched in other ways
			}
		}
		for _, r := range s {
			if r >= 0x80 {
				return // Unicode folds some letters to ASCII ones
			}
		}
		if got, want := containsFold([]byte(s), []byte(q)), strings.Contains(strings.ToLower(s), q); got != want {
			t.Errorf("containsFold(%q, %q) = %v", s, q, got)
		}
	})
}

func TestPaint(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain":                                 "plain",
		"<script>alert(1)</script>&":            "&lt;script&gt;alert(1)&lt;/script&gt;&amp;",
		"\x1b[31mred\x1b[0m not":                `<span class="f1">red</span> not`,
		"\x1b[1;4;92mx":                         `<span class="f10 sb su">x</span>`,
		"\x1b[38;5;196mx\x1b[39my":              `<span class="f9">x</span>y`,
		"\x1b[48;2;0;0;255mx\x1b[m":             `<span class="b12">x</span>`,
		"10 %\r50 %\r100 %":                     "100 %",
		"windows\r":                             "windows",
		"\x1b[2K\x1b[1Agone":                    "gone",
		"\x1b]8;;https://x\x1b\\link\x1b]8;;\a": "link",
		"a\x00b\x07c\x7f":                       "ab␇c",
		"\xff\u202eevil":                        "��evil",
		"\x1b":                                  "",
		"\x1b[31":                               "",
		"tab\there":                             "tab\there",
		"\x1b[31m<b>\x1b[":                      `<span class="f1">&lt;b&gt;</span>`,
	} {
		if got := string(paint(in)); got != want {
			t.Errorf("paint(%q) = %q, want %q", in, got, want)
		}
	}
}

// Whatever a job prints, what comes out is well formed, has no element but span
// with our classes, and no control characters.
func FuzzPaint(f *testing.F) {
	f.Add("\x1b[31;1mred\x1b[0m<script>\x1b[")
	f.Add("\x1b]0;title\a\x1b[38;5;999999999999m\xff\xc0\u202e\r\n")
	f.Fuzz(func(t *testing.T, s string) {
		out := string(paint(strings.ReplaceAll(s, "\n", "")))
		d := xml.NewDecoder(strings.NewReader("<x>" + out + "</x>"))
		d.Entity = xml.HTMLEntity
		for {
			tok, err := d.Token()
			if err == io.EOF {
				return
			}
			if err != nil {
				t.Fatalf("paint(%q) = %q: %v", s, out, err)
			}
			if e, ok := tok.(xml.StartElement); ok && e.Name.Local != "x" && (e.Name.Local != "span" || len(e.Attr) != 1 || strings.ContainsAny(e.Attr[0].Value, `<>"'=`)) {
				t.Fatalf("paint(%q) = %q", s, out)
			}
		}
	})
}

func TestJUnit(t *testing.T) {
	t.Parallel()
	read := func(s string) *testResults {
		r := &testResults{Bad: []testCase{}}
		if err := r.add("j.xml", strings.NewReader(s)); err != nil {
			r.Broken = append(r.Broken, "j.xml")
		}
		return r
	}
	for _, c := range []struct {
		name, xml string
		want      testResults
	}{
		{"nested suites", `<testsuites><testsuite name="a"><testsuite name="b"><testcase name="x"/></testsuite><testcase name="y"><skipped/></testcase></testsuite></testsuites>`, testResults{Passed: 1, Skipped: 1, Bad: []testCase{}}},
		{"no suites around", `<testsuite name="s"><testcase name="x" classname="c" time="1,000.5"><error message="m"><![CDATA[ <trace> ]]></error></testcase></testsuite>`,
			testResults{Failed: 1, Bad: []testCase{{Suite: "s", Class: "c", Name: "x", State: "failed", Text: "m\n<trace>", Seconds: 1000.5, File: "j.xml"}}}},
		{"passed and failed is flaky", `<testsuite><testcase name="x"><failure/></testcase><testcase name="x"/></testsuite>`, testResults{Flaky: 1, Bad: []testCase{{Name: "x", State: "flaky", File: "j.xml"}}}},
		{"surefire's flaky", `<testsuite><testcase name="x"><flakyFailure message="once"/></testcase></testsuite>`, testResults{Flaky: 1, Bad: []testCase{{Name: "x", State: "flaky", Text: "once", File: "j.xml"}}}},
		{"skipped and failed failed", `<testsuite><testcase name="x"><skipped/></testcase><testcase name="x"><failure/></testcase></testsuite>`, testResults{Failed: 1, Bad: []testCase{{Name: "x", State: "failed", File: "j.xml"}}}},
		{"output is not the reason", `<testsuite><testcase name="x"><system-out>noise</system-out><failure message="why"/></testcase></testsuite>`, testResults{Failed: 1, Bad: []testCase{{Name: "x", State: "failed", Text: "why", File: "j.xml"}}}},
		{"cut off", `<testsuite><testcase name="x"/><testcase name="y"><fail`, testResults{Passed: 2, Bad: []testCase{}, Broken: []string{"j.xml"}}},
		{"not XML", `{"a": 1}`, testResults{Bad: []testCase{}}},
	} {
		if d := cmp.Diff(&c.want, read(c.xml)); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
	var big bytes.Buffer
	big.WriteString("<testsuite>")
	for i := range 5000 {
		fmt.Fprintf(&big, `<testcase name="t%d"><failure>%s</failure></testcase>`, i, strings.Repeat("z", 50))
	}
	big.WriteString("</testsuite>")
	if r := read(big.String()); r.Failed != 5000 || len(r.Bad) != maxBad || r.More != 4900 {
		t.Errorf("%d failed, %d shown, %d more", r.Failed, len(r.Bad), r.More)
	}
}

func FuzzJUnit(f *testing.F) {
	f.Add(`<testsuites><testsuite name="a"><testcase name="x"><failure>f</failure></testcase></testsuite></testsuites>`)
	f.Add(`<testcase><testcase><skipped></testcase>`)
	f.Fuzz(func(t *testing.T, s string) {
		r := &testResults{}
		_ = r.add("f", strings.NewReader(s))
		if r.Total() < len(r.Bad) {
			t.Errorf("%+v", r)
		}
	})
}

func TestTexts(t *testing.T) {
	t.Parallel()
	for sec, want := range map[float64]string{0: "under 1 s", 0.012: "12 ms", 0.34: "0.3 s", 7: "7 s", 60: "1 min", 72: "1 min 12 s", 3600: "1 h", 7500: "2 h 5 min", 200000: "2 days"} {
		if got := length(seconds(sec)); got != want {
			t.Errorf("length(%v) = %q, want %q", sec, got, want)
		}
	}
	for in, want := range map[string]string{"a b": "'a b'", "unit-1.2_x": "unit-1.2_x", "it's": `'it'\''s'`} {
		if got := quoteArg(in); got != want {
			t.Errorf("quoteArg(%q) = %q", in, got)
		}
	}
}

func seconds(f float64) time.Duration { return time.Duration(f * float64(time.Second)) }
