package server

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/blob"
)

// A status file may be in a bucket, where nobody between it and its readers keeps it,
// or on this machine.
func TestWriteServed(t *testing.T) {
	t.Parallel()
	var path, cache, body string
	store := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		path, cache, body = r.Method+" "+r.URL.Path, r.Header.Get("Cache-Control"), string(b)
	}))
	defer store.Close()
	dir := t.TempDir()
	keys := filepath.Join(dir, "keys")
	if err := os.WriteFile(keys, []byte(`{"region":"r","endpoint":"`+store.URL+`","access_key":"a","secret_key":"s","s3_force_path_style":true}`), 0o600); err != nil {
		t.Fatal(err)
	}
	how, text := prow.Served{CacheControl: "no-cache"}, []byte(`{"default":"Reachable"}`)
	if err := writeServed(t.Context(), "s3://bucket/status/clusters.json", how, text, blob.Options{S3Credentials: keys}); err != nil {
		t.Fatal(err)
	}
	if path != "PUT /bucket/status/clusters.json" || cache != "no-cache" || body != string(text) {
		t.Errorf("%s, %q, %s", path, cache, body)
	}
	here := filepath.Join(dir, "clusters.json")
	for _, name := range []string{here, "file://" + here} {
		if err := writeServed(t.Context(), name, how, text, blob.Options{}); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(here); err != nil || string(b) != string(text) {
			t.Errorf("%s: %s, %v", name, b, err)
		}
		if err := os.Remove(here); err != nil {
			t.Fatal(err)
		}
	}
}
