package blob_test

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/blob"
	"github.com/prow-ci/prow/prowtest"
)

// folders opens buckets as folders; nobody may look at gs://secret.
func folders(t *testing.T) *blob.Buckets {
	t.Helper()
	dir := t.TempDir()
	rest, err := blob.Dir(filepath.Join(dir, "rest"))
	if err != nil {
		t.Fatal(err)
	}
	return &blob.Buckets{Rest: rest, Bucket: func(_ context.Context, address string) (prow.Artifacts, error) {
		if address == "gs://secret" {
			return nil, fs.ErrPermission
		}
		return blob.Dir(filepath.Join(dir, strings.ReplaceAll(address, "://", "-")))
	}}
}

func TestBucketsAreArtifacts(t *testing.T) {
	t.Parallel()
	prowtest.Artifacts(t, func(t *testing.T) prow.Artifacts { return folders(t) })
}

func TestEachBucketIsApart(t *testing.T) {
	t.Parallel()
	b := folders(t)
	for _, name := range []string{"gs:one/a/x", "gs:two/a/x", "s3:one/a/x", "a/x"} {
		w, err := b.Create(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(name)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"gs:one/a/x", "gs:two/a/x", "s3:one/a/x", "a/x"} {
		if text, err := fs.ReadFile(b, name); err != nil || string(text) != name {
			t.Errorf("%s = %q, %v", name, text, err)
		}
	}
	if list, err := fs.ReadDir(b, "gs:one"); err != nil || len(list) != 1 || list[0].Name() != "a" {
		t.Errorf("gs:one holds %v, %v", list, err)
	}
	if _, err := b.Open("gs:secret/a"); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("secret: %v", err)
	}
	if _, err := b.Open("gs:one/../two/a/x"); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("a name that climbs: %v", err)
	}
}
