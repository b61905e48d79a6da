package config

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	yaml2 "sigs.k8s.io/yaml"
)

// everything has a field of each sort that configuration is made of.
type everything struct {
	JobConfig `json:",inline"`

	Text    string            `json:"text"`
	Ptr     *string           `json:"ptr"`
	Bool    *bool             `json:"bool"`
	Int     int               `json:"int"`
	Float   float64           `json:"float"`
	List    []string          `json:"list"`
	Map     map[string]string `json:"map"`
	Numbers map[string]int    `json:"numbers"`
	Any     any               `json:"any"`
	Nested  *everything       `json:"nested"`
	Plank   Plank             `json:"plank"`
}

func decodeBoth(t *testing.T, text []byte) (ours, theirs everything, found Problems, err error) {
	err = yaml2.Unmarshal(text, &theirs)
	found = newCodec().decode("f", text, &ours, KindUnknown)
	clean(&ours)
	clean(&theirs)
	return ours, theirs, found, err
}

func clean(e *everything) {
	for ; e != nil; e = e.Nested {
		for _, jobs := range e.PresubmitsStatic {
			for i := range jobs {
				jobs[i].Source = Position{}
			}
		}
		for _, jobs := range e.PostsubmitsStatic {
			for i := range jobs {
				jobs[i].Source = Position{}
			}
		}
		for i := range e.Periodics {
			e.Periodics[i].Source = Position{}
		}
	}
}

func hasErrors(p Problems) bool {
	for _, x := range p {
		if !x.Warning {
			return true
		}
	}
	return false
}

// Scalars, merges, doubled keys, odd cases: what sigs.k8s.io/yaml makes of them.
func TestDecodesLikeTheOriginal(t *testing.T) {
	t.Parallel()
	values := strings.Fields(`yes no on off y n true True TRUE tRUE ~ null 1 010 0x1F 0b11 -0b11 1_000 1.5 1.0 1e3 1e30 .5 5. .inf -.INF .nan + - . -- 0o7 08 1:30
		2001-01-01 2001-01-01T00:00:00Z "1" 'yes' !!str!1 18446744073709551615 9223372036854775808 1.10 <<  0x_1 1__0 -0 +1 1e 12e03 3.14159265358979`)
	for _, key := range []string{"text", "ptr", "bool", "int", "float", "any", "list", "map"} {
		for _, v := range values {
			v = strings.ReplaceAll(v, "!!str!", "!!str ")
			for _, text := range []string{key + ": " + v, "nested: {" + key + ": " + v + "}", key + ": [" + v + "]", key + ": {a: " + v + "}", key + ": {" + v + ": b}"} {
				if v == "18446744073709551615" || v == "9223372036854775808" && strings.Contains(text, ": b") {
					continue // as a key: refused there, for no reason, and taken here
				}
				compare(t, []byte(text))
			}
		}
	}
	for _, text := range []string{
		"text: a\ntext: b", "map: {a: b, a: c}", "TEXT: a", "tExT: a", "map: &m {a: b, c: d}\nnested: {map: {<<: *m, a: z}}",
		"map: &m {a: b, c: d}\nnested: {map: {a: z, <<: *m}}", "any: [&a {x: 1}, &b {x: 2, y: 3}]\nnested: {any: {<<: [*a, *b]}}",
		"any: [&a {text: 1}, &b {text: 2, int: 3}]\nnested: {<<: [*a, *b], int: 4}", "nested: &n {text: a}\nany: *n", "nested: ~", "list: ~", "list: []", "map: {}",
		"list: [a, ~, b]", "any: {1: a, true: b, 1.5: c}", "text: |\n  a\n  b\n", "text: >-\n  a\n  b\n", "text: \"a\\tb\"", "nested: {nested: {nested: {int: 5}}}",
		"presubmits: {o/r: [{name: 1}]}", "presubmits: {o/r: [{trigger: 1}]}", "presubmits: {o/r: [{labels: {a: true}}]}", "presets: [{labels: {a: true}}]",
		"plank: {max_concurrency: 1.0}", "plank: {pod_pending_timeout: 5m}", "plank: {report_templates: {a: 1}}", "int: 99999999999999999999999",
		"periodics: [{name: a, spec: {containers: [{resources: {requests: {cpu: 1, memory: 1Gi}}, ports: [{containerPort: 80}], livenessProbe: {httpGet: {port: 80}}}]}}]",
		"any: !!binary aGVsbG8=", "text: !!binary aGVsbG8=", "any: !foo bar", "text: !foo bar", "any: 0.1", "any: 100000000000000000000000", "float: 0x10",
	} {
		compare(t, []byte(text))
	}
}

func compare(t *testing.T, text []byte) {
	t.Helper()
	ours, theirs, found, err := decodeBoth(t, text)
	if (err != nil) != hasErrors(found) {
		t.Errorf("%q: ours %v, theirs %v", text, found, err)
	} else if err == nil && !reflect.DeepEqual(ours, theirs) {
		t.Errorf("%q: ours\n%+v, theirs\n%+v", text, ours, theirs)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		"presubmits:\n  o/r:\n  - name: a\n    always_run: true\n    spec:\n      containers:\n      - image: x\n        args: [a, \"b\"]\n",
		"any: &a {x: 1}\nmap: {<<: *a, b: yes}\n", "plank: {max_concurrency: 3}", "nested: {list: [1, 2]}", "a: [*b]", "? [a]\n: b", "--- a\n---\nb", "text: |2\n   a\n",
		"periodics: [{cron: '@daily', interval: 1h}]", "\ufefftext: a\r\n", "int: 0x_1\nfloat: 1e5", "any: {<<: [{a: 1}]}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		start := time.Now()
		_, _, _, _ = decodeBoth(t, text) // no panic, and an end
		if d := time.Since(start); d > 10*time.Second {
			t.Fatalf("took %v", d)
		}
	})
}

func FuzzCron(f *testing.F) {
	for _, s := range []string{"5 4 * * *", "@daily", "TZ=0", "CRON_TZ=UTC", "CRON_TZ=UTC @every 1h", "0 5 4 * * MON-FRI", "TZ= 1 2 3 4 5", "CRON_TZ=../../etc/passwd 1 2 3 4 5", "01-23/24 * * * *"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := ParseCron(text); err == nil {
			s.Next(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
		}
	})
}

// The default trigger, looked up by hand, finds what the expression finds.
func FuzzDefaultTrigger(f *testing.F) {
	for _, s := range []string{"/test a", "/test b a", "/test a,", "/test  a\r\n", "x\n/test aa a\tb", "/test a,b a", "/test\ta", "/test ba a,\n", "/test a\n"} {
		f.Add(s, "a")
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		if name == "" || !jobName.MatchString(name) {
			return
		}
		want := regexp.MustCompile(defaultTrigger(name)).MatchString(text)
		if got := NewComment(text).Triggers(&Presubmit{JobBase: JobBase{Name: name}}); got != want {
			t.Errorf("%q in %q: %v, the expression says %v", name, text, got, want)
		}
	})
}

func FuzzIgnore(f *testing.F) {
	f.Add("a/**/b\n!c/\n[!x]?\\*\n# no\n", "a/x/b")
	f.Fuzz(func(_ *testing.T, rules, name string) {
		ignored(parseIgnore("d", rules), name, false)
	})
}
