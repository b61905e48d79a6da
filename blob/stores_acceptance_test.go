//go:build acceptance

package blob_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/blob"
	"github.com/prow-ci/prow/prowtest"
)

// storage is the folder that scripts/storage fills.
func storage(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("PROW_STORAGE")
	if dir == "" {
		out, err := exec.Command("../scripts/storage").Output()
		if err != nil {
			t.Fatalf("scripts/storage, which gets the stores: %v", err)
		}
		dir = strings.TrimSpace(string(out))
	}
	return dir
}

// serve starts a store and waits until it answers.
func serve(t *testing.T, port string, env []string, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("%s said:\n%.4000s", filepath.Base(name), said.String())
		}
	})
	for {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-ended:
			t.Fatalf("%s ended:\n%s", name, said.String())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func secretJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "service-account.json")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// aStore is a kind of store, with a way to open an empty bucket of it.
type aStore struct {
	scheme string
	open   func(t *testing.T) prow.Artifacts
	links  bool // links are signed, and checked
}

func TestS3(t *testing.T) {
	dir, port, root := storage(t), freePort(t), t.TempDir()
	serve(t, port, []string{"ROOT_ACCESS_KEY=ak", "ROOT_SECRET_KEY=a-secret"}, filepath.Join(dir, "versitygw"), "--port", "127.0.0.1:"+port, "posix", root)
	key := secretJSON(t, map[string]any{
		"region": "us-east-1", "endpoint": "http://127.0.0.1:" + port, "insecure": true, "s3_force_path_style": true,
		"access_key": "ak", "secret_key": "a-secret",
	})
	n := 0
	with := func(key string) func(t *testing.T) prow.Artifacts {
		return func(t *testing.T) prow.Artifacts {
			n++
			name := fmt.Sprintf("bucket-%d", n)
			if err := os.Mkdir(filepath.Join(root, name), 0o755); err != nil {
				t.Fatal(err)
			}
			return openAt(t, "s3://"+name, blob.Options{S3Credentials: key})
		}
	}
	try(t, aStore{"s3", with(key), true})
	t.Run("that falters", func(t *testing.T) {
		key := secretJSON(t, map[string]any{"endpoint": faltering(t, port), "s3_force_path_style": true, "access_key": "ak", "secret_key": "a-secret"})
		prowtest.Artifacts(t, with(key))
		large(t, with(key)(t))
	})

	t.Run("wrong keys are refused, and read again from the file when they change", func(t *testing.T) {
		if err := os.Mkdir(filepath.Join(root, "changing"), 0o755); err != nil {
			t.Fatal(err)
		}
		file := secretJSON(t, map[string]any{"region": "us-east-1", "endpoint": "127.0.0.1:" + port, "insecure": true, "s3_force_path_style": true, "access_key": "ak", "secret_key": "wrong"})
		a := openAt(t, "s3://changing", blob.Options{S3Credentials: file})
		w, err := a.Create(t.Context(), "f")
		if err == nil {
			err = w.Close()
		}
		if !errors.Is(err, prow.ErrForbidden) {
			t.Errorf("with a wrong key: %v", err)
		}
		if strings.Contains(fmt.Sprint(err), "wrong") {
			t.Errorf("the error tells the key: %v", err)
		}
		b, err := os.ReadFile(key)
		if err == nil {
			err = os.WriteFile(file, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		write(t, a, "f", "now it works")
	})
	t.Run("a bucket that is not there", func(t *testing.T) {
		a := openAt(t, "s3://no-such-bucket", blob.Options{S3Credentials: key})
		w, err := a.Create(t.Context(), "f")
		if err == nil {
			err = w.Close()
		}
		if !prow.IsFinal(err) || !strings.Contains(fmt.Sprint(err), "bucket does not exist") {
			t.Errorf("Close = %v", err)
		}
	})
}

func TestGCS(t *testing.T) {
	dir, port := storage(t), freePort(t)
	host := "127.0.0.1:" + port
	bad := faltering(t, port)
	serve(t, port, nil, filepath.Join(dir, "fake-gcs-server"), "-scheme", "http", "-host", "127.0.0.1", "-port", port,
		"-public-host", host, "-external-url", bad, "-backend", "memory")
	t.Setenv("STORAGE_EMULATOR_HOST", host)
	n := 0
	empty := func(t *testing.T) prow.Artifacts {
		n++
		name := fmt.Sprintf("bucket-%d", n)
		res, err := http.Post("http://"+host+"/storage/v1/b?project=p", "application/json", strings.NewReader(`{"name":"`+name+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return openAt(t, "gs://"+name, blob.Options{})
	}
	try(t, aStore{"gs", empty, false})
	t.Run("that falters", func(t *testing.T) {
		t.Setenv("STORAGE_EMULATOR_HOST", bad)
		prowtest.Artifacts(t, empty)
		large(t, empty(t))
	})
}

// The account that azurite knows, as published.
const (
	azuriteAccount = "devstoreaccount1"
	azuriteKey     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

func TestAzure(t *testing.T) {
	dir, port := storage(t), freePort(t)
	serve(t, port, nil, "node", filepath.Join(dir, "azurite", "node_modules", "azurite", "dist", "src", "blob", "main.js"),
		"--blobHost", "127.0.0.1", "--blobPort", port, "--location", t.TempDir(), "--silent", "--skipApiVersionCheck", "--disableTelemetry")
	endpoint := "http://127.0.0.1:" + port + "/" + azuriteAccount
	key := secretJSON(t, map[string]any{"account": azuriteAccount, "key": azuriteKey, "endpoint": endpoint})
	n := 0
	try(t, aStore{"azblob", func(t *testing.T) prow.Artifacts {
		n++
		name := fmt.Sprintf("container-%d", n)
		if err := blob.MakeAzureContainer(t.Context(), name, key); err != nil {
			t.Fatal(err)
		}
		return openAt(t, "azblob://"+name, blob.Options{AzureCredentials: key})
	}, true})
}

func openAt(t *testing.T, address string, o blob.Options) prow.Artifacts {
	t.Helper()
	a, err := blob.Open(context.Background(), address, o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// try is what all stores do alike.
func try(t *testing.T, s aStore) {
	t.Run("suite", func(t *testing.T) { prowtest.Artifacts(t, s.open) })

	t.Run("large files, written in parts", func(t *testing.T) { large(t, s.open(t)) })
	t.Run("a large file that is cancelled never appears", func(t *testing.T) {
		a := s.open(t)
		ctx, cancel := context.WithCancel(t.Context())
		w, err := a.Create(ctx, "large.bin")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, 9<<20)); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := w.Close(); err == nil {
			t.Error("Close said nothing")
		}
		if _, err := fs.Stat(a, "large.bin"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Stat = %v", err)
		}
	})
	t.Run("lists have many pages", func(t *testing.T) {
		a := s.open(t)
		var want []string
		for i := range 1100 {
			want = append(want, fmt.Sprintf("%04d", i))
		}
		write(t, a, "x/0000", "")
		fill(t, a, "x", want[1:])
		var got []string
		list, err := fs.ReadDir(a, "x")
		for _, e := range list {
			got = append(got, e.Name())
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%d names, %v; want %d", len(got), err, len(want))
		}
	})
	t.Run("how a file is served", func(t *testing.T) {
		a := s.open(t).(prow.ServingArtifacts)
		zipped := gzipOf(t, strings.Repeat("0123456789", 1000))
		w, err := a.CreateServed(t.Context(), "d/log.txt", prow.Served{ContentType: "text/plain; charset=utf-8", ContentEncoding: "gzip", Metadata: map[string]string{"x-goog-meta-link": "gs://b/d"}})
		if err == nil {
			_, err = w.Write(zipped)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		if b, err := fs.ReadFile(a, "d/log.txt"); err != nil || len(b) != 10000 {
			t.Errorf("%d bytes, %v; want what was compressed", len(b), err)
		}
		f, err := a.Open("d/log.txt")
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(f, []byte(strings.Repeat("0123456789", 1000))); err != nil {
			t.Error(err)
		}
		if !s.links {
			return
		}
		res, err := http.Get(a.URL("d/log.txt")) // a browser, which decompresses
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK || len(b) != 10000 || res.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s, %d bytes, %v, %v: %.300s", res.Status, len(b), res.Header, err, b)
		}
	})
	if s.links {
		t.Run("links", func(t *testing.T) {
			a := s.open(t)
			for _, name := range []string{"plain.txt", "a b/ü#?%&+.txt"} {
				write(t, a, name, "for whoever has the link")
				link := a.URL(name)
				res, err := http.Get(link)
				if err != nil {
					t.Fatal(err)
				}
				b, _ := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if string(b) != "for whoever has the link" {
					t.Errorf("%s: %s %.300s", link, res.Status, b)
				}
				bare, _, _ := strings.Cut(link, "?")
				if res, err = http.Get(bare); err != nil {
					t.Fatal(err)
				}
				_ = res.Body.Close()
				if res.StatusCode == http.StatusOK {
					t.Errorf("%s needs no signature", bare)
				}
			}
		})
	}
}

// fill writes many small files at once.
func fill(t *testing.T, a prow.Artifacts, dir string, names []string) {
	t.Helper()
	work, errs := make(chan string), make(chan error, 8)
	for range 8 {
		go func() {
			var err error
			for n := range work {
				w, e := a.Create(t.Context(), dir+"/"+n)
				if e == nil {
					e = w.Close()
				}
				err = errors.Join(err, e)
			}
			errs <- err
		}()
	}
	for _, n := range names {
		work <- n
	}
	close(work)
	for range 8 {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
}

// large writes files that come in parts, and reads them.
func large(t *testing.T, a prow.Artifacts) {
	t.Helper()
	for _, size := range []int{8 << 20, 8<<20 + 1, 21<<20 + 12345} {
		want := make([]byte, size)
		_, _ = rand.Read(want)
		w, err := a.Create(t.Context(), "dir/large.bin")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(struct{ io.Writer }{w}, bytes.NewReader(want)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		f, err := a.Open("dir/large.bin")
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(f)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes came back as %d, %v", size, len(got), err)
		}
		part := make([]byte, 1000)
		if _, err := f.(io.ReaderAt).ReadAt(part, int64(size-1000)); err != nil || !bytes.Equal(part, want[size-1000:]) {
			t.Errorf("the end differs: %v", err)
		}
		_ = f.Close()
	}
}

// faltering stands before a store: it loses every third request and cuts every
// seventh answer. It returns its address.
func faltering(t *testing.T, port string) string {
	t.Helper()
	var n atomic.Int64
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { // the host stays: it is signed
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", "127.0.0.1:"+port, r.In.Host
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch i := n.Add(1); {
		case i%3 == 0:
			http.Error(w, "not now", http.StatusServiceUnavailable)
		case i%7 == 0 && r.Method == http.MethodGet:
			proxy.ServeHTTP(&cut{ResponseWriter: w}, r)
		default:
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// cut breaks off in the middle of an answer.
type cut struct {
	http.ResponseWriter
	n int
}

func (c *cut) Write(p []byte) (int, error) {
	if c.n++; c.n > 1 || len(p) < 2 {
		panic(http.ErrAbortHandler)
	}
	if _, err := c.ResponseWriter.Write(p[:len(p)/2]); err != nil {
		return 0, err
	}
	c.ResponseWriter.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func gzipOf(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
