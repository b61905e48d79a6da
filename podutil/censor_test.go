package podutil

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
)

func censored(t testing.TB, secrets []string, chunks ...string) string {
	t.Helper()
	var b bytes.Buffer
	c := newCensor(&b, secrets)
	for _, s := range chunks {
		if n, err := io.WriteString(c, s); n != len(s) || err != nil {
			t.Fatal(n, err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestCensor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		secrets []string
		in      []string
		want    string
	}{
		{"none", nil, []string{"as it is"}, "as it is"},
		{"one", []string{"tok"}, []string{"a tok b tok"}, "a * b *"},
		{"cut in two", []string{"secret"}, []string{"a sec", "ret b"}, "a * b"},
		{"cut in many", []string{"secret"}, strings.Split("a secret b", ""), "a * b"},
		{"a false start", []string{"secret"}, []string{"sec", "ond sesecret"}, "second se*"},
		{"a false start at the end", []string{"secret"}, []string{"the sec"}, "the sec"},
		{"the longer of two", []string{"abc", "abcdef"}, []string{"x abc", "def abc", "x"}, "x * *x"},
		{"overlapping", []string{"abcd", "cdef"}, []string{"-abcdef-"}, "-*-"},
		{"overlapping, cut", []string{"abcd", "cdef"}, []string{"-abcd", "ef-"}, "-*-"},
		{"one inside another", []string{"b", "abc"}, []string{"abc b"}, "* *"},
		{"touching", []string{"ab"}, []string{"ababab"}, "***"},
		{"over itself", []string{"aa"}, []string{"aaa b"}, "* b"},
		{"over lines", []string{"one\ntwo"}, []string{"x one\n", "two y"}, "x * y"},
	} {
		if got := strings.ReplaceAll(censored(t, c.secrets, c.in...), Mark, "*"); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestALineIsNotHeldBack(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	c := newCensor(&b, forms([]string{"hunter2hunter2hunter2"}, 0))
	if _, err := io.WriteString(c, "up and running\n"); err != nil || b.String() != "up and running\n" {
		t.Errorf("at once there is %q, %v", b.String(), err)
	}
}

func TestForms(t *testing.T) {
	t.Parallel()
	got := forms([]string{" a/b\"c&d\n", "true", "", "  "}, 0)
	for _, want := range []string{`a/b"c&d`, "IGEvYiJjJmQK", "YS9iImMmZA==", "YS9iImMmZA", "a%2Fb%22c%26d", "a%2Fb%22c&d"} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is missing in %q", want, got)
		}
	}
	for _, bad := range []string{"true", "", "  "} {
		if slices.Contains(got, bad) {
			t.Errorf("%q is no secret", bad)
		}
	}
	if got := forms([]string{"short", "long enough"}, 6); slices.Contains(got, "short") || !slices.Contains(got, "long enough") {
		t.Errorf("with a shortest length: %q", got)
	}
}

// However the text is cut, the result is the same, and no secret is in it.
func FuzzCensor(f *testing.F) {
	f.Add("abc", "abcdef", "x abcdef abc abcde", uint8(3))
	f.Add("aa", "aba", "aaabaabaaa", uint8(1))
	f.Add("s", "", "ssss", uint8(2))
	f.Fuzz(func(t *testing.T, one, two, text string, cut uint8) {
		if strings.Contains(Mark, one) || strings.Contains(Mark, two) || strings.ContainsAny(one+two, "X") {
			return // the mark itself would be a secret
		}
		secrets := []string{one, two}
		whole := censored(t, secrets, text)
		var parts []string
		for rest := text; rest != ""; {
			n := min(int(cut)+1, len(rest))
			parts, rest = append(parts, rest[:n]), rest[n:]
		}
		if got := censored(t, secrets, parts...); got != whole {
			t.Fatalf("in parts %q, whole %q", got, whole)
		}
		for _, s := range secrets {
			// What lies on both sides of a mark may make a secret together with it
			// only if it holds an X.
			if s != "" && strings.Contains(whole, s) {
				t.Fatalf("%q is still in %q", s, whole)
			}
		}
		plain := text
		for _, s := range secrets {
			if s != "" && strings.Contains(text, s) {
				plain = ""
			}
		}
		if plain != "" && whole != text {
			t.Fatalf("%q became %q without a reason", text, whole)
		}
	})
}

func BenchmarkCensor(b *testing.B) {
	secrets := forms([]string{strings.Repeat("k3y ", 20), "hunter2", strings.Repeat("pem\n", 500)}, 0)
	chunk := bytes.Repeat([]byte("ok   github.com/prow-ci/prow/podutil 0.4s coverage: 80%\n"), 600)
	c := newCensor(io.Discard, secrets)
	b.SetBytes(int64(len(chunk)))
	for b.Loop() {
		if _, err := c.Write(chunk); err != nil {
			b.Fatal(err)
		}
	}
}
