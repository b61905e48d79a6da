package schema_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"testing"
)

// words.json says what the sources say.
func TestWordsAreThoseOfTheSources(t *testing.T) {
	t.Parallel()
	s := sources(t)
	s.defaults(t)
	golden(t, "words.json", encode(t, s))
}

// What a comment says of a default is what a load of nothing fills in.
func TestCommentsTellTheTruthAboutDefaults(t *testing.T) {
	t.Parallel()
	s := sources(t)
	s.defaults(t)
	value := regexp.MustCompile(`Default: ([0-9][0-9a-z]*|true|false|https?://\S+)( Example: .*)?$`)
	held := 0
	for field, v := range s.Defaults {
		m := value.FindStringSubmatch(s.Docs[field])
		if m == nil {
			continue
		}
		held++
		if got := fmt.Sprint(v); got != m[1] {
			t.Errorf("%s is %s by default; its comment says %s", field, got, m[1])
		}
	}
	if held < 15 {
		t.Errorf("only %d comments were held against the values", held)
	}
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// golden compares with a file, or writes it for `make docs`.
func golden(t *testing.T, name string, want []byte) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the code says (%v): run make docs and read the diff", name, err)
	}
}
