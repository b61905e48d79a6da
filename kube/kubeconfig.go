package kube

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Kubeconfig says where the settings of clusters are, as the flags of the
// original Prow do. Without files and folder it is where kubectl looks.
type Kubeconfig struct {
	Files       []string
	Dir         string // of further files; folders in it and ..names are not read
	Suffix      string // of the names in Dir
	TokenFile   string // for the cluster that this process runs in
	NoInCluster bool   // do not use that cluster
	// Disabled lists contexts to leave out; nil: none. It is asked at each look.
	Disabled func() []string
}

// Clusters are what a Kubeconfig leads to.
type Clusters struct {
	// Infrastructure is where ProwJobs are: the cluster this process runs in, else
	// the current context.
	Infrastructure *rest.Config
	// Build are the clusters that run jobs, by alias: all contexts, and "default",
	// which is the infrastructure's unless a context has that name.
	Build map[string]*rest.Config
	// Broken are contexts that cannot be used, and why.
	Broken map[string]error

	content []byte // of the files
}

// Load reads the files.
func (k Kubeconfig) Load() (*Clusters, error) {
	content, err := k.content()
	if err != nil {
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	merged, err := k.merged()
	if err != nil {
		return nil, err
	}
	c, disabled := &Clusters{Build: map[string]*rest.Config{}, Broken: map[string]error{}, content: content}, k.disabled()
	for _, name := range slices.Sorted(maps.Keys(merged.Contexts)) {
		if slices.Contains(disabled, name) {
			continue
		}
		config, err := clientcmd.NewNonInteractiveClientConfig(*merged, name, &clientcmd.ConfigOverrides{}, nil).ClientConfig()
		if err != nil {
			c.Broken[name] = err
			continue
		}
		c.Build[name] = config
	}
	if !k.NoInCluster {
		if c.Infrastructure, err = k.inCluster(); err != nil {
			return nil, err
		}
	}
	if c.Infrastructure == nil {
		c.Infrastructure = c.Build[merged.CurrentContext]
	}
	if c.Infrastructure == nil {
		if err := c.Broken[merged.CurrentContext]; err != nil {
			return nil, fmt.Errorf("context %s: %w", merged.CurrentContext, err)
		}
		return nil, errors.New("no Kubernetes cluster is known: give --kubeconfig a file with a current-context, or run inside a cluster")
	}
	if _, ok := c.Build[defaultCluster]; !ok && c.Broken[defaultCluster] == nil && !k.NoInCluster && !slices.Contains(disabled, defaultCluster) {
		c.Build[defaultCluster] = c.Infrastructure
	}
	return c, nil
}

func (k Kubeconfig) disabled() []string {
	if k.Disabled == nil {
		return nil
	}
	return k.Disabled()
}

// inCluster returns the cluster that this process runs in, or nil.
func (k Kubeconfig) inCluster() (*rest.Config, error) {
	config, err := rest.InClusterConfig()
	if errors.Is(err, rest.ErrNotInCluster) {
		return nil, nil
	}
	if err == nil && k.TokenFile != "" {
		config.BearerToken, config.BearerTokenFile = "", k.TokenFile
	}
	return config, err
}

func (k Kubeconfig) merged() (*clientcmdapi.Config, error) {
	files, err := k.files()
	if err != nil {
		return nil, err
	}
	out, where := clientcmdapi.NewConfig(), map[string]string{}
	for _, file := range files {
		one, err := clientcmd.LoadFromFile(file)
		if err != nil {
			return nil, fmt.Errorf("kubeconfig %s: %w", file, err)
		}
		if err := clientcmd.ResolveLocalPaths(one); err != nil {
			return nil, fmt.Errorf("kubeconfig %s: %w", file, err)
		}
		for name, context := range one.Contexts {
			if before, ok := where[name]; ok && k.explicit() {
				return nil, fmt.Errorf("context %s is in both %s and %s: a name may stand for one cluster only", name, before, file)
			} else if ok {
				continue // kubectl takes the first
			}
			where[name] = file
			// Two files may give one name to two clusters or users.
			cluster, user := name+"\x00"+file, name+"\x00"+file
			if c := one.Clusters[context.Cluster]; c != nil {
				out.Clusters[cluster] = c
			}
			if u := one.AuthInfos[context.AuthInfo]; u != nil {
				out.AuthInfos[user] = u
			}
			context.Cluster, context.AuthInfo = cluster, user
			out.Contexts[name] = context
		}
		if out.CurrentContext == "" {
			out.CurrentContext = one.CurrentContext
		}
	}
	return out, nil
}

func (k Kubeconfig) explicit() bool { return len(k.Files) > 0 || k.Dir != "" }

// files lists what is to be read.
func (k Kubeconfig) files() ([]string, error) {
	if !k.explicit() {
		rules := clientcmd.NewDefaultClientConfigLoadingRules()
		return slices.DeleteFunc(rules.Precedence, func(file string) bool {
			_, err := os.Stat(file)
			return errors.Is(err, fs.ErrNotExist)
		}), nil
	}
	files := slices.Clone(k.Files)
	if k.Dir == "" {
		return files, nil
	}
	entries, err := os.ReadDir(k.Dir)
	if err != nil {
		return nil, fmt.Errorf("folder of kubeconfigs: %w", err)
	}
	for _, e := range entries {
		file := filepath.Join(k.Dir, e.Name())
		if strings.HasPrefix(e.Name(), "..") || !strings.HasSuffix(e.Name(), k.Suffix) {
			continue
		}
		if at, err := os.Stat(file); err != nil || at.IsDir() { // files of a Secret are links
			continue
		}
		files = append(files, file)
	}
	return files, nil
}

// Follow looks at the files every so often, until ctx ends, and hands on what
// they lead to whenever that is not as it was, at two looks in a row. Files that
// cannot be read change nothing; failed is told.
func (k Kubeconfig) Follow(ctx context.Context, was *Clusters, every time.Duration, changed func(*Clusters), failed func(error)) {
	var seen []byte
	for last := was.content; ; {
		select {
		case <-time.After(every):
		case <-ctx.Done():
			return
		}
		now, err := k.content()
		if err != nil || bytes.Equal(now, last) {
			continue // a file that is being replaced is there again soon
		}
		if !bytes.Equal(now, seen) {
			seen = now // somebody may be writing it: what it says counts if it stays so
			continue
		}
		last = now
		clusters, err := k.Load()
		if err != nil {
			failed(err)
			continue
		}
		changed(clusters)
	}
}

// content is all that the files say, and which contexts are left out.
func (k Kubeconfig) content() ([]byte, error) {
	files, err := k.files()
	if err != nil {
		return nil, err
	}
	out := fmt.Appendf(nil, "%q", k.disabled())
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		out = append(append(out, file...), b...)
	}
	return out, nil
}
