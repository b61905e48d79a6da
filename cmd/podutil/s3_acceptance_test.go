//go:build acceptance

package main

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/blob"
)

// A pod whose files go to a bucket, by the credentials in its volume.
func TestPodOnS3(t *testing.T) {
	dir := os.Getenv("PROW_STORAGE")
	if dir == "" {
		out, err := exec.Command("../../scripts/storage").Output()
		if err != nil {
			t.Fatalf("scripts/storage, which gets the stores: %v", err)
		}
		dir = strings.TrimSpace(string(out))
	}
	p := newPod(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	gateway := exec.Command(filepath.Join(dir, "versitygw"), "--port", address, "posix", p.path("bucket"))
	gateway.Env = append(os.Environ(), "ROOT_ACCESS_KEY=ak", "ROOT_SECRET_KEY=a-secret")
	if err := gateway.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = gateway.Process.Kill(); _ = gateway.Wait() })
	await(t, "the store answers", func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	if err := os.Mkdir(p.path("bucket/runs"), 0o755); err != nil {
		t.Fatal(err)
	}
	p.write("s3/service-account.json", `{"region":"us-east-1","endpoint":"`+address+`","insecure":true,"s3_force_path_style":true,"access_key":"ak","secret_key":"a-secret"}`)
	p.config.Bucket, p.config.PathPrefix = "s3://runs", "pre"
	p.config.CompressFileTypes, p.config.MediaTypes = []string{"txt"}, map[string]string{"odd": "text/x-odd"}
	credentials := func(o *prow.SidecarOptions) { o.GCSOptions.S3CredentialsFile = p.path("s3/service-account.json") }
	o := prow.InitUploadOptions{GCSOptions: prow.GCSOptions{GCSConfiguration: p.config, S3CredentialsFile: p.path("s3/service-account.json")}}
	p.start("", "initupload", prow.InitUploadOptionsEnv, o).ends(0)
	s := p.sidecar(credentials)
	p.entrypoint(prow.EntrypointOptions{}, "sh", "-c", `echo the log; cd logs/artifacts
		yes 0123456789 | head -c 100000 > big.txt; echo small > small.txt; echo x > a.odd; echo x > 'no#1'
		echo inner | gzip > page.html.gz; echo inner | gzip > unknown.gz`).ends(0)
	s.ends(0)

	a, err := blob.Open(t.Context(), "s3://runs", blob.Options{S3Credentials: p.path("s3/service-account.json")})
	if err != nil {
		t.Fatal(err)
	}
	run := "pre/pr-logs/pull/o_r/5/unit/9/"
	for name, want := range map[string]struct {
		mediaType, encoding string
		length              int
	}{
		"started.json":        {"application/json", "", 0},
		"finished.json":       {"application/json", "", 0},
		"build-log.txt":       {"text/plain; charset=utf-8", "", 8},
		"artifacts/big.txt":   {"text/plain; charset=utf-8", "gzip", 100000},
		"artifacts/small.txt": {"text/plain; charset=utf-8", "", 6},
		"artifacts/a.odd":     {"text/x-odd", "", 2},
		"artifacts/no%231":    {"application/octet-stream", "", 2},
		"artifacts/page.html": {"text/html; charset=utf-8", "gzip", 6},
		"artifacts/unknown":   {"application/gzip", "", 0},
	} {
		req, err := http.NewRequest(http.MethodGet, a.URL(run+name), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept-Encoding", "gzip") // to see what is stored
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if got := res.Header; res.StatusCode != http.StatusOK || got.Get("Content-Type") != want.mediaType || got.Get("Content-Encoding") != want.encoding {
			t.Errorf("%s: %s, %q %q; want %q %q", name, res.Status, got.Get("Content-Type"), got.Get("Content-Encoding"), want.mediaType, want.encoding)
		}
		f, err := a.Open(run + name)
		if err != nil {
			t.Error(err)
			continue
		}
		if i, err := f.Stat(); err != nil || want.length > 0 && i.Size() != int64(want.length) {
			t.Errorf("%s has %d bytes, want %d", name, i.Size(), want.length)
		}
		_ = f.Close()
	}
	alias, err := http.Get(a.URL("pr-logs/directory/unit/9.txt"))
	if err != nil {
		t.Fatal(err)
	}
	_ = alias.Body.Close()
	if got := alias.Header.Get("X-Amz-Meta-X-Goog-Meta-Link"); got != "s3://runs/"+strings.TrimSuffix(run, "/") {
		t.Errorf("the alias says %q: %v", got, alias.Header)
	}
}
