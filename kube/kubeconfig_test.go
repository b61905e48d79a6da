package kube

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func kubeconfig(current string, servers ...string) string {
	s := "apiVersion: v1\nkind: Config\nusers: [{name: u, user: {token: t}}]\n"
	if current != "" {
		s += "current-context: " + current + "\n"
	}
	var clusters, contexts []string
	for _, name := range servers {
		clusters = append(clusters, fmt.Sprintf("{name: c-%s, cluster: {server: 'https://%s.example.com'}}", name, name))
		contexts = append(contexts, fmt.Sprintf("{name: %s, context: {cluster: c-%s, user: u}}", name, name))
	}
	return s + "clusters: [" + strings.Join(clusters, ", ") + "]\ncontexts: [" + strings.Join(contexts, ", ") + "]\n"
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestKubeconfig(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"one":        kubeconfig("infra", "infra", "a"),
		"default":    kubeconfig("infra", "infra", "default"),
		"none":       kubeconfig(""),
		"broken":     strings.Replace(kubeconfig("a", "a", "b"), "https://b.example.com'", "https://b.example.com', certificate-authority: gone.pem", 1),
		"d/x.yaml":   kubeconfig("x", "x"),
		"d/y.yaml":   kubeconfig("v", "v", "z"),
		"d/notes":    "not a kubeconfig",
		"d/..data/q": kubeconfig("q", "q"),
		"e/x.yaml":   kubeconfig("x", "x"),
		"e/z.yaml":   kubeconfig("z", "z", "x"),
	})
	in := func(name string) string { return filepath.Join(dir, name) }
	t.Setenv("KUBECONFIG", in("one")+":"+in("gone")+":"+in("default"))
	for _, c := range []struct {
		name     string
		k        Kubeconfig
		build    string
		infra    string
		mistakes string
	}{
		{"a file", Kubeconfig{Files: []string{in("one")}}, "a default infra", "infra", ""},
		{"a context named default", Kubeconfig{Files: []string{in("default")}}, "default infra", "infra", ""},
		{"a folder", Kubeconfig{Dir: in("d"), Suffix: ".yaml"}, "default v x z", "x", ""},
		{"a file and a folder", Kubeconfig{Files: []string{in("one")}, Dir: in("d"), Suffix: ".yaml"}, "a default infra v x z", "infra", ""},
		{"where kubectl looks", Kubeconfig{}, "a default infra", "infra", ""},
		{"disabled", Kubeconfig{Files: []string{in("one")}, Disabled: func() []string { return []string{"a"} }}, "default infra", "infra", ""},
		{"without aliases", Kubeconfig{Files: []string{in("one")}, NoInCluster: true}, "a infra", "infra", ""},
		{"a broken context breaks no other", Kubeconfig{Files: []string{in("broken")}}, "a default", "a", ""},
		{"no context", Kubeconfig{Files: []string{in("none")}}, "", "", "give --kubeconfig a file with a current-context"},
		{"one name twice", Kubeconfig{Dir: in("e")}, "", "", "context x is in both"},
		{"not a kubeconfig", Kubeconfig{Dir: in("d")}, "", "", "d/notes"},
		{"no such file", Kubeconfig{Files: []string{in("gone")}}, "", "", "gone"},
		{"no such folder", Kubeconfig{Dir: in("gone")}, "", "", "gone"},
	} {
		got, err := c.k.Load()
		if c.mistakes != "" {
			if err == nil || !strings.Contains(err.Error(), c.mistakes) {
				t.Errorf("%s: %v; want it to say %q", c.name, err, c.mistakes)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if names := strings.Join(slices.Sorted(maps.Keys(got.Build)), " "); names != c.build || got.Infrastructure.Host != "https://"+c.infra+".example.com" {
			t.Errorf("%s: build clusters %q, infrastructure %s; want %q, %s", c.name, names, got.Infrastructure.Host, c.build, c.infra)
		}
		if c.name == "a context named default" && got.Build["default"].Host != "https://default.example.com" {
			t.Errorf("default is %s", got.Build["default"].Host)
		}
		if c.name == "a broken context breaks no other" && got.Broken["b"] == nil {
			t.Error("b is not told to be broken")
		}
	}
}

func TestKubeconfigInCluster(t *testing.T) {
	t.Setenv("KUBECONFIG", "/does/not/exist")
	t.Setenv("HOME", t.TempDir())
	t.Setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
	t.Setenv("KUBERNETES_SERVICE_PORT", "443")
	if _, err := (Kubeconfig{}).Load(); err == nil || !strings.Contains(err.Error(), "serviceaccount") {
		t.Errorf("without the files of a service account: %v", err)
	}
}

func TestKubeconfigIsFollowed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"a": kubeconfig("a", "a")})
	var disabled atomic.Pointer[[]string]
	disabled.Store(&[]string{})
	k := Kubeconfig{Dir: dir, Disabled: func() []string { return *disabled.Load() }}
	was, err := k.Load()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	got, faults, done := make(chan *Clusters), make(chan error), make(chan struct{})
	go func() {
		defer close(done)
		k.Follow(ctx, was, time.Millisecond, func(c *Clusters) { got <- c }, func(err error) { faults <- err })
	}()
	appear := func(name, text string) { // at once, as nobody sees a half of it
		write(t, dir, map[string]string{".." + name: text})
		if err := os.Rename(filepath.Join(dir, ".."+name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	appear("b", "]")
	if err := <-faults; !strings.Contains(err.Error(), "b") {
		t.Error(err)
	}
	if err := os.Rename(filepath.Join(dir, "b"), filepath.Join(dir, "..b")); err != nil {
		t.Fatal(err)
	}
	if c := <-got; len(c.Build) != 2 {
		t.Errorf("%v", c.Build)
	}
	appear("c", kubeconfig("c", "c"))
	if c := <-got; c.Build["c"] == nil || c.Build["a"] == nil {
		t.Errorf("%v", c.Build)
	}
	disabled.Store(&[]string{"c"})
	if c := <-got; c.Build["c"] != nil || c.Build["a"] == nil {
		t.Errorf("with c disabled: %v", c.Build)
	}
	cancel()
	<-done
}
