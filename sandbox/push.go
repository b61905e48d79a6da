package sandbox

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// moved is one ref that is not where it was.
type moved struct {
	ref, before, after string // forty zeros: absent
	forced             bool
	commits            []commit // new on a branch, oldest first, at most maxPushed
	landed             map[string]bool
}

const maxPushed = 20 // commits that a push event lists

func (m *moved) branch() (string, bool) { return strings.CutPrefix(m.ref, "refs/heads/") }

// settle looks which refs of a repository moved since the last look and does all
// that follows: push events, heads of pull requests, pull requests that are closed
// or merged by it. The caller holds the repository's lock. actor may be nil.
func (f *Forge) settle(ctx context.Context, repoID int64, actor *account) error {
	ctx = context.WithoutCancel(ctx) // what moved has moved, though the client went away
	now, err := f.git.refs(ctx, repoID)
	if err != nil {
		return err
	}
	var before map[string]string
	_ = f.read(func() error {
		if r := f.st.repos[repoID]; r != nil {
			before = maps.Clone(r.Refs)
		}
		return nil
	})
	moves, err := f.compare(ctx, repoID, before, now)
	if err != nil || len(moves) == 0 {
		return err
	}
	heads, err := f.follow(ctx, repoID, moves)
	if err != nil {
		return err
	}
	return f.write(ctx, func(t *tx) error {
		r := t.st.repos[repoID]
		if r == nil {
			return nil
		}
		if actor == nil {
			actor = t.account(r.Owner)
		}
		r.Refs = now
		r.Pushed = t.o.Now()
		t.save(r)
		for _, m := range moves {
			t.pushed(r, m, actor)
		}
		for _, h := range heads {
			t.headMoved(h, actor)
		}
		for _, m := range moves {
			t.landedOn(r, m, actor)
		}
		return nil
	})
}

// compare finds what moved, and asks git about it.
func (f *Forge) compare(ctx context.Context, repo int64, before, now map[string]string) ([]*moved, error) {
	var out []*moved
	for _, ref := range slices.Sorted(maps.Keys(now)) {
		old, ok := before[ref]
		if !ok {
			old = zero
		}
		if old != now[ref] {
			out = append(out, &moved{ref: ref, before: old, after: now[ref]})
		}
	}
	for _, ref := range slices.Sorted(maps.Keys(before)) {
		if now[ref] == "" {
			out = append(out, &moved{ref: ref, before: before[ref], after: zero})
		}
	}
	for _, m := range out {
		if _, ok := m.branch(); ok && m.after != zero {
			if err := f.describe(ctx, repo, m, before); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// describe lists the commits of a push.
func (f *Forge) describe(ctx context.Context, repo int64, m *moved, before map[string]string) error {
	args := []string{m.after}
	if m.before != zero {
		old, err := f.git.isAncestor(ctx, repo, m.before, m.after)
		if err != nil {
			return err
		}
		m.forced = !old
		args = append(args, "^"+m.before)
	} else {
		for _, sha := range before {
			args = append(args, "^"+sha)
		}
	}
	limited := append([]string{fmt.Sprintf("-%d", maxPushed)}, args...)
	commits, err := f.git.log(ctx, repo, true, limited...)
	if err != nil {
		return err
	}
	slices.Reverse(commits)
	m.commits = commits
	all, err := f.git.run(ctx, repo, append([]string{"rev-list"}, args...)...)
	if err != nil {
		return err
	}
	m.landed = map[string]bool{}
	for _, sha := range strings.Fields(all) {
		m.landed[sha] = true
	}
	return nil
}

// head is an open pull request whose head moved.
type head struct {
	issue         int64
	before, after string
	stat          diffstat
}

// follow brings the heads of pull requests into their repositories.
func (f *Forge) follow(ctx context.Context, repo int64, moves []*moved) ([]head, error) {
	type want struct {
		head
		base, number int64
		baseSHA      string
	}
	var wants []want
	_ = f.read(func() error {
		for _, m := range moves {
			branch, ok := m.branch()
			if !ok {
				continue
			}
			for _, i := range f.st.issues {
				if p := i.Pull; p != nil && i.State == "open" && p.HeadRepo == repo && p.HeadRef == branch {
					wants = append(wants, want{head{issue: i.ID, before: p.HeadSHA, after: m.after}, i.Repo, int64(i.Number), f.st.repos[i.Repo].Refs["refs/heads/"+p.BaseRef]})
				}
			}
		}
		return nil
	})
	slices.SortFunc(wants, func(a, b want) int { return int(a.issue - b.issue) })
	var out []head
	for _, w := range wants {
		if w.after != zero {
			if err := f.fetchHead(ctx, repo, w.base, int(w.number), w.after); err != nil {
				return nil, err
			}
			if x, err := f.git.look(ctx, w.base, w.baseSHA, w.after); err == nil {
				w.stat = x.stat
			}
		}
		out = append(out, w.head)
	}
	return out, nil
}

// fetchHead sets refs/pull/N/head of base to a commit of from.
func (f *Forge) fetchHead(ctx context.Context, from, base int64, number int, sha string) error {
	ref := fmt.Sprintf("refs/pull/%d/head", number)
	if from == base {
		return f.git.move(ctx, base, ref, sha, "")
	}
	_, err := f.git.run(context.WithoutCancel(ctx), base, "fetch", "-q", "--no-write-fetch-head", "--no-tags", f.git.path(from), "+"+sha+":"+ref)
	return err
}

// pushed tells of one moved ref.
func (t *tx) pushed(r *repo, m *moved, actor *account) {
	name := strings.TrimPrefix(strings.TrimPrefix(m.ref, "refs/heads/"), "refs/tags/")
	kind := "branch"
	if strings.HasPrefix(m.ref, "refs/tags/") {
		kind = "tag"
	}
	t.emit(r, actor, "push", "", func() obj { return t.showPush(r, m, actor) })
	if m.before == zero {
		t.emit(r, actor, "create", "", func() obj {
			return obj{"ref": name, "ref_type": kind, "master_branch": r.DefaultBranch, "description": orNull(r.Description), "pusher_type": "user"}
		})
	}
	if m.after == zero {
		t.emit(r, actor, "delete", "", func() obj { return obj{"ref": name, "ref_type": kind, "pusher_type": "user"} })
	}
}

func (t *tx) showPush(r *repo, m *moved, actor *account) obj {
	html := t.o.URL + "/" + t.repoPath(r)
	commits := []any{}
	for _, c := range m.commits {
		commits = append(commits, obj{
			"id": c.sha, "tree_id": c.tree, "distinct": true, "message": c.message, "timestamp": stamp(c.author.when), "url": html + "/commit/" + c.sha,
			"author": t.pusher(c.author), "committer": t.pusher(c.committer), "added": list(c.added), "removed": list(c.removed), "modified": list(c.modified),
		})
	}
	owner := t.account(r.Owner)
	repository := join(t.repoObj(r), obj{"master_branch": r.DefaultBranch, "stargazers": r.Stars, "owner": join(t.showUser(owner), obj{"name": owner.Login, "email": orNull(owner.Email)})})
	p := obj{
		"repository": repository, "ref": m.ref, "before": m.before, "after": m.after, "created": m.before == zero, "deleted": m.after == zero, "forced": m.forced,
		"base_ref": nil, "compare": html + "/compare/" + m.before[:12] + "..." + m.after[:12], "commits": commits, "head_commit": nil,
		"pusher": obj{"name": actor.Login, "email": actor.Email},
	}
	if len(commits) > 0 {
		p["head_commit"] = commits[len(commits)-1]
	}
	return p
}

func (t *tx) pusher(p person) obj {
	o := obj{"name": p.name, "email": p.email}
	if a := t.st.emails[strings.ToLower(p.email)]; a != nil {
		o["username"] = a.Login
	}
	return o
}

func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// headMoved says "synchronize"; a pull request whose branch is gone is closed.
func (t *tx) headMoved(h head, actor *account) {
	i := t.st.issues[h.issue]
	if i == nil || i.State != "open" || i.Pull.HeadSHA == h.after {
		return
	}
	if h.after == zero {
		t.note(i, actor, event{Kind: "head_ref_deleted"})
		t.close(i, actor, "")
		return
	}
	p := i.Pull
	p.HeadSHA, p.BaseSHA = h.after, t.st.repos[i.Repo].Refs["refs/heads/"+p.BaseRef]
	p.Commits, p.Additions, p.Deletions, p.ChangedFiles = h.stat.commits, h.stat.additions, h.stat.deletions, h.stat.files
	t.touch(i)
	if pr := t.st.repos[i.Repo].Protection[p.BaseRef]; pr != nil && pr.DismissStale {
		t.dismissAll(i, actor)
	}
	t.onIssue(i, actor, "synchronize", obj{"before": h.before, "after": h.after})
}

// landedOn marks the pull requests that a push to their base contains.
func (t *tx) landedOn(r *repo, m *moved, actor *account) {
	branch, ok := m.branch()
	if !ok || m.after == zero {
		return
	}
	for _, i := range t.st.byRepo[r.ID] {
		p := i.Pull
		if p == nil || i.State != "open" || p.BaseRef != branch {
			continue
		}
		sha, who := "", actor
		switch {
		case p.Merging != nil && m.landed[p.Merging.SHA]:
			sha, who = p.Merging.SHA, t.account(p.Merging.By)
		case m.landed[p.HeadSHA] && m.before != zero:
			sha = p.HeadSHA
		default:
			continue
		}
		p.Merged, p.MergedBy, p.MergeSHA, p.Merging = t.o.Now(), who.ID, sha, nil
		p.BaseSHA = m.before
		t.note(i, who, event{Kind: "merged", SHA: sha})
		t.close(i, who, "")
	}
}

// catchUp settles every repository: a process that was killed between a push and
// what follows from it left that to its successor.
func (f *Forge) catchUp(ctx context.Context) error {
	for _, r := range f.st.repos {
		unlock := f.git.lock(r.ID)
		err := errors.Join(f.git.unlock(r.ID), f.settle(ctx, r.ID, nil))
		unlock()
		if err != nil {
			return fmt.Errorf("sandbox: repository %d: %w", r.ID, err)
		}
	}
	return nil
}
