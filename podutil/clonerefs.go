package podutil

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	prow "github.com/prow-ci/prow"
)

// CheckCloneRefs says what is wrong with the options.
func CheckCloneRefs(o *prow.CloneRefsOptions) error {
	switch {
	case o.SrcRoot == "":
		return errors.New("src_root is missing: it says which folder the clones go to")
	case o.Log == "":
		return errors.New("log is missing: it says which file the records of the clones go to")
	case len(o.Refs) == 0:
		return errors.New("no refs were given: there is nothing to clone")
	case o.OauthTokenFile != "" && o.GitHubAppPrivateKeyFile != "":
		return errors.New("oauth_token_file and github_app_private_key_file exclude each other")
	case (o.GitHubAppID == "") != (o.GitHubAppPrivateKeyFile == ""):
		return errors.New("github_app_id and github_app_private_key_file come together")
	case o.GitHubAppID != "" && len(o.GitHubAPIEndpoints) == 0:
		return errors.New("github_app_id needs github_api_endpoints")
	}
	return nil
}

// CloneRefs clones, and writes the records of it. A clone that failed is in its
// record; it is an error only where the options ask for that.
func (x *Utility) CloneRefs(ctx context.Context, o *prow.CloneRefsOptions) error {
	if err := CheckCloneRefs(o); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp(x.Temp, "clonerefs-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	records := x.cloneRefs(ctx, o, scratch)
	for i := range records {
		x.Log.Info("cloned", "repo", records[i].Refs.RepoID().String(), "failed", records[i].Failed, "sha", records[i].FinalSHA)
	}
	b, err := json.Marshal(records)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(o.Log), 0o777); err != nil {
		return err
	}
	if err := os.WriteFile(o.Log, b, 0o755); err != nil {
		return err
	}
	if o.Fail && slices.ContainsFunc(records, func(r Record) bool { return r.Failed }) {
		return errors.New("a clone failed, see " + o.Log)
	}
	return nil
}

func (x *Utility) cloneRefs(ctx context.Context, o *prow.CloneRefsOptions, scratch string) []Record {
	c := &Cloner{
		Root: o.SrcRoot, Hosts: o.HostFingerprints, Cookies: o.CookiePath, Scratch: scratch, Pauses: Pauses(),
		UserName: o.GitUserName, UserEmail: o.GitEmail, Parallel: o.MaxParallelWorkers,
	}
	var err error
	if c.SSHKeys, err = keyFiles(o.KeyFiles, scratch); err != nil {
		return failedSetup("find the SSH keys", err)
	}
	if c.Logins, err = x.cloneLogins(ctx, o); err != nil {
		return failedSetup("get a token for cloning", err)
	}
	return c.Clone(ctx, o.Refs)
}

// failedSetup is the record of what failed before the first clone.
func failedSetup(what string, err error) []Record {
	r := Record{Commands: []Command{{Command: what}}}
	r.fail(err)
	return []Record{r}
}

// keyFiles copies the SSH keys: mounted ones may belong to a group, and ssh takes
// only keys that nobody else can read.
func keyFiles(paths []string, scratch string) ([]string, error) {
	var out []string
	for _, p := range paths {
		err := filepath.WalkDir(p, func(name string, e fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case strings.HasPrefix(e.Name(), ".."): // how Kubernetes swaps a mounted secret
				if e.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			if i, err := os.Stat(name); err != nil || !i.Mode().IsRegular() {
				return err
			}
			b, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			to := filepath.Join(scratch, "key-"+strconv.Itoa(len(out)))
			out = append(out, to)
			return os.WriteFile(to, b, 0o600)
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// cloneLogins are the tokens to clone with, from a file or made by an app.
func (x *Utility) cloneLogins(ctx context.Context, o *prow.CloneRefsOptions) ([]Login, error) {
	var out []Login
	switch {
	case o.OauthTokenFile != "":
		b, err := os.ReadFile(o.OauthTokenFile)
		if err != nil {
			return nil, err
		}
		token := strings.TrimSpace(string(b))
		if token == "" {
			return nil, fmt.Errorf("%s is empty: want a token", o.OauthTokenFile)
		}
		for i := range o.Refs {
			out = append(out, Login{URL: o.Refs[i].CloneFrom(), Username: token, Token: "x-oauth-basic", secret: token})
		}
	case o.GitHubAppID != "":
		app, err := newApp(o, x.Now)
		if err != nil {
			return nil, err
		}
		for i := range o.Refs {
			token, err := app.token(ctx, o.Refs[i].RepoID())
			if err != nil {
				return nil, err
			}
			out = append(out, Login{URL: o.Refs[i].CloneFrom(), Username: "x-access-token", Token: token})
		}
	}
	return out, nil
}
