package git

import (
	"bytes"
	"strings"
	"testing"
)

func FuzzParseTree(f *testing.F) {
	id := strings.Repeat("\x01", 20)
	f.Add([]byte("100644 a\x00" + id + "40000 b\x00" + id))
	f.Add([]byte("100644 a/b\x00" + id))
	f.Add([]byte("120000 \x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := parseTree(b, 20)
		if err != nil {
			return
		}
		size := 0
		for i, e := range entries {
			if e.name == "" || strings.Contains(e.name, "/") || !isID(e.id) {
				t.Fatalf("entry %+v", e)
			}
			if i > 0 && entries[i-1].name > e.name {
				t.Fatalf("%q before %q", entries[i-1].name, e.name)
			}
			size += len(e.mode) + 1 + len(e.name) + 1 + 20
		}
		if size != len(b) {
			t.Fatalf("%d of %d bytes understood", size, len(b))
		}
	})
}

func FuzzParseCommit(f *testing.F) {
	f.Add([]byte("tree x\nparent y\nauthor a <a@x> 1 +0000\ncommitter b <b@x> 2 +0000\n\nmessage\n\nmore"))
	f.Add([]byte("author a\n\n"))
	f.Add([]byte("committer > x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseCommit(b)
		if err == nil && (c.author == "" || strings.Contains(c.author, "\n") || !bytes.HasSuffix(b, []byte(c.message))) {
			t.Fatalf("%+v", c)
		}
	})
}

func FuzzParseDiff(f *testing.F) {
	f.Add(":100644 100644 a b M\x00f\x001\t2\tf\x00")
	f.Add(":100644 100644 a b R90\x00old\x00new\x000\t0\t\x00old\x00new\x00")
	f.Add(":000000 100644 a b A\x00x\ty\x00-\t-\tx\ty\x00")
	f.Fuzz(func(t *testing.T, out string) {
		files, err := parseDiff(out)
		if err != nil {
			return
		}
		for _, x := range files {
			if x.Name == "" || x.Status == "" || x.Status == "renamed" && x.OldName == "" {
				t.Fatalf("%+v", x)
			}
		}
	})
}

func FuzzParseHeader(f *testing.F) {
	f.Add(strings.Repeat("a", 40) + " blob 12")
	f.Add("x missing")
	f.Add("x ambiguous")
	f.Fuzz(func(t *testing.T, line string) {
		o, err := parseHeader(line)
		if err == nil && (!isID(o.id) || o.size < 0) {
			t.Fatalf("%+v", o)
		}
	})
}

func FuzzCheckRef(f *testing.F) {
	for _, s := range []string{"refs/heads/main", "refs/heads/-x", "refs/heads/a..b", "refs/heads/ü", "refs/heads/x.lock", "main", "refs/heads/a:b", "refs/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, ref string) {
		if checkRef(ref) == nil && (!strings.HasPrefix(ref, "refs/") || strings.ContainsAny(ref, " :^~?*[\\\n\x00\x7f") || strings.Contains(ref, "..")) {
			t.Fatalf("%q passed", ref)
		}
	})
}

func FuzzRedact(f *testing.F) {
	f.Add("fatal: https://user:t0ken@host/o/r: not found", "t0ken")
	f.Add("://://@", "")
	f.Add("https://a@b@c/", "x")
	f.Fuzz(func(t *testing.T, text, secret string) {
		got := Redact(text, secret)
		if len(secret) > 8 && !strings.Contains("CENSORED", secret) && strings.Contains(got, secret) && strings.Count(got, "CENSORED") == 0 {
			t.Fatalf("%q is in %q", secret, got)
		}
	})
}

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"fatal: 'https://user:t0ken@host/o/r' not found": "fatal: 'https://CENSORED@host/o/r' not found",
		"git@github.com:o/r.git":                         "git@github.com:o/r.git",
		"https://host/a@b t0ken":                         "https://host/a@b CENSORED",
	} {
		if got := Redact(in, "t0ken"); got != want {
			t.Errorf("Redact(%q) = %q, want %q", in, got, want)
		}
	}
}
