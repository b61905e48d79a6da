package local

import (
	"os"
	"strings"
	"testing"
)

func FuzzParseStat(f *testing.F) {
	b, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("1 (a) b) S 2 3"))
	f.Add([]byte("1 (x) S x " + strings.Repeat("1 ", 30)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, ok := parseStat(7, b); ok && (s.pid != 7 || s.start == "" || strings.ContainsAny(s.start, " \n")) {
			t.Fatalf("%+v", s)
		}
	})
}

func TestStartTime(t *testing.T) {
	first, again := startTime(os.Getpid()), startTime(os.Getpid())
	if first == "" || first != again {
		t.Errorf("our own start is %q, then %q", first, again)
	}
	if startTime(1<<30) != "" {
		t.Error("a process that is not there has a start")
	}
}

func TestSegment(t *testing.T) {
	seen := map[string]string{}
	for _, id := range []string{"a", "../../x", ".", "..", ".x", "%2Ex", "a/b", "a%2Fb", "", "\x00", "ü"} {
		s := segment(id)
		if strings.ContainsAny(s, "/\x00") || strings.HasPrefix(s, ".") {
			t.Errorf("%q became %q", id, s)
		}
		if other, ok := seen[s]; ok {
			t.Errorf("%q and %q are both %q", id, other, s)
		}
		seen[s] = id
	}
}
