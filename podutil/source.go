package podutil

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	prow "github.com/prow-ci/prow"
)

// clone clones what the job asks for. The result has a verdict if there is
// nothing to test.
func (r *Run) clone(ctx context.Context) ([]Record, Result) {
	refs := r.refs()
	if len(refs) == 0 {
		return nil, Result{}
	}
	r.doing("cloning")
	home := filepath.Join(r.Folder, homeDir)
	c := &Cloner{Root: home, Logins: r.Logins, Scratch: filepath.Join(r.Folder, scratchDir), Pauses: Pauses()}
	if err := r.keys(c, refs); err != nil {
		return failedSetup("find the keys to clone with", err), r.broken(err)
	}
	records := c.Clone(ctx, refs)
	if ctx.Err() != nil {
		return records, stopped(ctx)
	}
	for i := range records {
		err := records[i].err
		if err == nil {
			continue
		}
		if conflict := (*ConflictError)(nil); errors.As(err, &conflict) {
			return records, Result{Verdict: prow.Failure, Why: sentence(conflict.Error()), ExitCode: 1}
		}
		if says(err, "terminal prompts disabled", "authentication failed", "returned error: 403") {
			err = fmt.Errorf("%w: the repository may be private, and no token that may read it was given", err)
		}
		res := r.broken(err)
		if where := records[i].Refs; where.Repo != "" {
			res.Why = "Cloning " + where.Org + "/" + where.Repo + " failed: " + strings.TrimPrefix(res.Why, "git ")
		}
		return records, res
	}
	return records, Result{}
}

// keys finds, among the machine's secrets, those that the job clones with.
func (r *Run) keys(c *Cloner, refs []prow.Refs) error {
	d := r.Job.Spec.DecorationConfig
	c.Hosts = d.SSHHostFingerprints
	for _, name := range d.SSHKeySecrets {
		keys, err := r.secret(name)
		if err != nil {
			return err
		}
		for k := range keys {
			c.SSHKeys = append(c.SSHKeys, filepath.Join(r.Secrets, name, k))
		}
	}
	if d.CookiefileSecret != nil && *d.CookiefileSecret != "" {
		name, key, ok := strings.Cut(*d.CookiefileSecret, "/")
		if !ok {
			key = name
		}
		if _, err := r.secretKey(name, key); err != nil {
			return err
		}
		c.Cookies = filepath.Join(r.Secrets, name, key)
	}
	if t := d.OauthTokenSecret; t != nil && t.Name != "" {
		token, err := r.secretKey(t.Name, t.Key)
		if err != nil {
			return err
		}
		own := make([]Login, 0, len(refs))
		for i := range refs {
			own = append(own, Login{URL: refs[i].CloneFrom(), Token: strings.TrimSpace(token)})
		}
		c.Logins = append(own, c.Logins...) // the job's own come first
	}
	return nil
}
