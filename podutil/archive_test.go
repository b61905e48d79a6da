package podutil

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func gz(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b)
	_ = z.Close()
	return out.Bytes()
}

func tarred(files map[string][]byte) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for name, b := range files {
		_ = w.WriteHeader(&tar.Header{Name: name, Size: int64(len(b)), Mode: 0o644, Format: tar.FormatUSTAR})
		_, _ = w.Write(b)
	}
	_ = w.Close()
	return out.Bytes()
}

func zipped(files map[string][]byte) []byte {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for name, b := range files {
		f, _ := w.Create(name)
		_, _ = f.Write(b)
	}
	_ = w.Close()
	return out.Bytes()
}

func TestInspect(t *testing.T) {
	t.Parallel()
	secret, fine := []byte("so: the-secret"), []byte("so: nothing")
	// `echo 'so: the-secret' | bzip2`
	bz, err := base64.StdEncoding.DecodeString("QlpoOTFBWSZTWfWYMO4AAAZZgAAQQAIAEApAnAAgACIAD1CAaaaCb1tC3DsPF3JFOFCQ9Zgw7g==")
	if err != nil {
		t.Fatal(err)
	}
	deep := fine
	for range 6 {
		deep = gz(deep)
	}
	one := func(b []byte) map[string][]byte { return map[string][]byte{"a": b} }
	any := errors.New("any")
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"no archive":                   {secret, nil}, // it is censored on its way
		"gzip":                         {gz(secret), errSecretInside},
		"gzip without":                 {gz(fine), nil},
		"tar":                          {tarred(one(secret)), errSecretInside},
		"tar without":                  {tarred(one(fine)), nil},
		"a name in a tar":              {tarred(map[string][]byte{"the-secret": fine}), errSecretInside},
		"tar.gz":                       {gz(tarred(one(secret))), errSecretInside},
		"tar.gz without":               {gz(tarred(one(fine))), nil},
		"zip":                          {zipped(one(secret)), errSecretInside},
		"zip without":                  {zipped(one(fine)), nil},
		"a name in a zip":              {zipped(map[string][]byte{"the-secret": fine}), errSecretInside},
		"empty zip":                    {zipped(nil), nil},
		"zip in a zip":                 {zipped(one(zipped(one(secret)))), errSecretInside},
		"zip in a zip without":         {zipped(one(zipped(one(fine)))), nil},
		"gzip in a zip in a tar.gz":    {gz(tarred(one(zipped(one(gz(secret)))))), errSecretInside},
		"bzip2 in a tar":               {tarred(one(bz)), errSecretInside},
		"xz":                           {[]byte("\xfd7zXZ\x00 and so on"), errOpaque},
		"zstd in a tar.gz":             {gz(tarred(one([]byte("\x28\xb5\x2f\xfd and so on")))), errOpaque},
		"too deep":                     {deep, errTooDeep},
		"gzip cut short":               {gz(fine)[:15], any},
		"zip cut short":                {zipped(one(fine))[:20], any},
		"tar cut short":                {tarred(one(fine))[:512+3], any},
		"gzip with rubbish at its end": {append(gz(fine), "rubbish"...), any},
	} {
		f, err := os.Create(filepath.Join(t.TempDir(), "f"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(c.b); err != nil {
			t.Fatal(err)
		}
		got := inspect(f, []string{"the-secret"})
		if c.want == any && got == nil || c.want != any && !errors.Is(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		_ = f.Close()
	}
}

func FuzzInspect(f *testing.F) {
	for _, b := range [][]byte{gz([]byte("x")), zipped(map[string][]byte{"a": gz([]byte("x"))}), tarred(map[string][]byte{"a": []byte("x")}), []byte("BZh91AY")} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		// However it is packed, and whatever else is there: it is not let through.
		file, err := os.Create(filepath.Join(t.TempDir(), "f"))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if _, err := file.Write(zipped(map[string][]byte{"a": b, "b": gz([]byte("the-secret"))})); err != nil {
			t.Fatal(err)
		}
		if err := inspect(file, []string{"the-secret"}); err == nil {
			t.Error("the secret was let through")
		}
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
	})
}
