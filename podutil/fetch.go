package podutil

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
)

// fetch brings what is to be checked out, with one command where it can.
func (k *clone) fetch(ctx context.Context) error {
	if err := checkRefs(&k.refs); err != nil {
		return err
	}
	base := k.refs.BaseSHA
	if base == "" {
		base = k.refs.BaseRef
	}
	if k.sparse() {
		if _, err := k.git(ctx, "sparse-checkout", "init", "--no-cone"); err != nil {
			return err
		}
	}
	specs := []string{base}
	whole := true // all commits are known by their ids: none is lost in FETCH_HEAD
	for i := range k.refs.Pulls {
		p := &k.refs.Pulls[i]
		whole = whole && p.SHA != ""
		specs = append(specs, pullSpec(p))
	}
	if k.refs.BaseSHA != "" && whole {
		err := k.fetchSpecs(ctx, k.tags(), specs...)
		if err == nil || !absent(err) {
			k.all = err == nil
			return err
		}
	}
	return k.fetchBase(ctx, base) // pulls are fetched one by one, so that the one at fault is named
}

func (k *clone) fetchBase(ctx context.Context, base string) error {
	err := k.fetchSpecs(ctx, k.tags(), base)
	if err != nil && absent(err) && k.refs.BaseSHA != "" && k.refs.BaseRef != "" {
		// The server may serve branches only; then the commit is in its branch.
		err = k.fetchSpecs(ctx, k.tags(), k.refs.BaseRef)
	}
	if err != nil && absent(err) {
		return fmt.Errorf("%s of %s/%s does not exist (any more): %w", base, k.refs.Org, k.refs.Repo, err)
	}
	return err
}

// fetchPull makes sure that a pull's commit is here and returns what to merge.
func (k *clone) fetchPull(ctx context.Context, p *prow.PullRef) (string, error) {
	if k.all {
		return p.SHA, nil
	}
	if p.SHA != "" {
		if _, err := k.quiet(ctx, "cat-file", "-e", p.SHA+"^{commit}"); err == nil {
			return p.SHA, nil
		}
	}
	err := k.fetchSpecs(ctx, "--no-tags", pullSpec(p))
	if err != nil && absent(err) && p.Ref == "" && p.SHA != "" {
		err = k.fetchSpecs(ctx, "--no-tags", pullHead(p.Number))
	}
	switch {
	case err != nil && absent(err):
		return "", fmt.Errorf("the commit of #%d does not exist (any more): %w", p.Number, err)
	case err != nil:
		return "", fmt.Errorf("#%d: %w", p.Number, err)
	case p.SHA != "":
		return p.SHA, nil
	}
	return "FETCH_HEAD", nil
}

func pullSpec(p *prow.PullRef) string {
	switch {
	case p.Ref != "":
		return p.Ref
	case p.SHA != "":
		return p.SHA
	}
	return pullHead(p.Number)
}

func pullHead(number int) string { return "pull/" + strconv.Itoa(number) + "/head" }

func (k *clone) sparse() bool { return len(k.refs.SparseCheckoutFiles) > 0 }

// tags says whether all tags come too.
func (k *clone) tags() string {
	if k.refs.SkipFetchHead || k.sparse() {
		return "--no-tags"
	}
	return "--tags"
}

func (k *clone) fetchSpecs(ctx context.Context, tags string, specs ...string) error {
	args := []string{"fetch", "--quiet", "--no-recurse-submodules", tags}
	if k.refs.CloneDepth > 0 {
		args = append(args, "--depth", strconv.Itoa(k.refs.CloneDepth))
	}
	if k.sparse() || k.refs.BloblessFetch != nil && *k.refs.BloblessFetch {
		args = append(args, "--filter=blob:none")
	}
	args = append(append(args, "--", k.uri), specs...)
	return k.patiently(ctx, func() error {
		_, err := k.git(ctx, args...)
		return err
	})
}

// patiently tries again, after a pause, what the network spoiled.
func (k *clone) patiently(ctx context.Context, try func() error) error {
	for i := 0; ; i++ {
		err := try()
		if err == nil || !network(err) || i >= len(k.c.Pauses) {
			return err
		}
		select {
		case <-time.After(k.c.Pauses[i]):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// checkRefs refuses names that git would take for something else.
func checkRefs(r *prow.Refs) error {
	names := []string{r.BaseRef, r.BaseSHA}
	for _, p := range r.Pulls {
		names = append(names, p.SHA, p.Ref)
	}
	for _, n := range names {
		if strings.HasPrefix(n, "-") || strings.HasPrefix(n, "+") || strings.ContainsAny(n, ":^~?*[\\ \n\x00") || strings.Contains(n, "..") {
			return fmt.Errorf("%q is not the name of a branch or commit", n)
		}
	}
	if r.BaseRef == "" && r.BaseSHA == "" {
		return fmt.Errorf("%s/%s: neither base_ref nor base_sha says what to check out", r.Org, r.Repo)
	}
	return nil
}

// absent reports whether the remote does not have, or does not give, what was
// asked for by name.
func absent(err error) bool {
	return says(err, "couldn't find remote ref", "not our ref", "unadvertised object", "no such remote ref", "not a valid object")
}

// network reports whether trying again may help.
func network(err error) bool {
	return says(err, "could not resolve host", "failed to connect", "couldn't connect", "connection refused", "connection reset",
		"connection timed out", "operation timed out", "early eof", "rpc failed", "unexpected disconnect", "hung up unexpectedly",
		"requested url returned error: 5", "requested url returned error: 429", "empty reply from server", "operation too slow",
		"gnutls", "ssl_", "ssh: connect to host", "temporary failure", "transfer closed")
}

func says(err error, words ...string) bool {
	var e *commandError
	if !errors.As(err, &e) {
		return false
	}
	text := strings.ToLower(e.output)
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}
