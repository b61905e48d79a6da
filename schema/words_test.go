package schema_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
)

// words.json says what the sources say.
func TestWordsAreThoseOfTheSources(t *testing.T) {
	golden(t, "words.json", encode(t, sources(t)))
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
