package sandbox

import (
	"fmt"
	"strings"
	"time"
)

func gitUser(p person) obj {
	return obj{"name": p.name, "email": p.email, "date": p.when.UTC().Format(time.RFC3339)}
}

// byMail finds who a commit is by.
func (f *Forge) byMail(email string) any {
	if a := f.st.emails[strings.ToLower(email)]; a != nil {
		return f.showUser(a)
	}
	return nil
}

func unsigned() obj {
	return obj{"verified": false, "reason": "unsigned", "signature": nil, "payload": nil, "verified_at": nil}
}

func (f *Forge) showCommit(r *repo, c *commit) obj {
	u, html := f.repoAPI(r), f.o.URL+"/"+f.repoPath(r)
	parents := []any{}
	for _, p := range c.parents {
		parents = append(parents, obj{"sha": p, "url": u + "/commits/" + p, "html_url": html + "/commit/" + p})
	}
	return obj{
		"sha": c.sha, "node_id": fmt.Sprintf("C_%d_%s", r.ID, c.sha), "url": u + "/commits/" + c.sha, "html_url": html + "/commit/" + c.sha,
		"comments_url": u + "/commits/" + c.sha + "/comments", "author": f.byMail(c.author.email), "committer": f.byMail(c.committer.email), "parents": parents,
		"commit": obj{
			"author": gitUser(c.author), "committer": gitUser(c.committer), "message": c.message, "comment_count": 0, "verification": unsigned(),
			"tree": obj{"sha": c.tree, "url": u + "/git/trees/" + c.tree}, "url": u + "/git/commits/" + c.sha,
		},
	}
}

// showGitCommit is the commit of the git data API.
func (f *Forge) showGitCommit(r *repo, c *commit) obj {
	o := f.showCommit(r, c)
	in := o["commit"].(obj)
	return obj{
		"sha": c.sha, "node_id": o["node_id"], "url": in["url"], "html_url": o["html_url"], "author": in["author"], "committer": in["committer"],
		"message": c.message, "tree": in["tree"], "parents": o["parents"], "verification": unsigned(),
	}
}

func (f *Forge) showFile(r *repo, sha string, c *file) obj {
	u := f.repoAPI(r)
	o := obj{
		"sha": c.sha, "filename": c.name, "status": c.status, "additions": c.additions, "deletions": c.deletions, "changes": c.additions + c.deletions,
		"blob_url": f.o.URL + "/" + f.repoPath(r) + "/blob/" + sha + "/" + escapePath(c.name), "raw_url": f.o.URL + "/" + f.repoPath(r) + "/raw/" + sha + "/" + escapePath(c.name),
		"contents_url": u + "/contents/" + escapePath(c.name) + "?ref=" + sha,
	}
	if c.patch != "" {
		o["patch"] = c.patch
	}
	if c.old != "" {
		o["previous_filename"] = c.old
	}
	return o
}

func (f *Forge) showStatus(r *repo, s *status) obj {
	by := f.account(s.Creator)
	return obj{
		"url": f.repoAPI(r) + "/statuses/" + s.SHA, "avatar_url": f.o.URL + "/-/avatar/" + by.Login, "id": s.ID, "node_id": nodeID("SC", s.ID), "state": s.State,
		"description": orNull(s.Text), "target_url": orNull(s.TargetURL), "context": s.Context, "created_at": stamp(s.Created), "updated_at": stamp(s.Created),
		"creator": f.showUser(by),
	}
}

func (f *Forge) showCheck(r *repo, c *checkRun) obj {
	u := fmt.Sprintf("%s/check-runs/%d", f.repoAPI(r), c.ID)
	pulls := []any{}
	for _, i := range f.st.byRepo[r.ID] {
		if i.Pull != nil && i.State == "open" && i.Pull.HeadSHA == c.SHA {
			pulls = append(pulls, f.showMiniPull(i))
		}
	}
	return obj{
		"id": c.ID, "head_sha": c.SHA, "node_id": nodeID("CR", c.ID), "external_id": c.ExternalID, "url": u,
		"html_url": fmt.Sprintf("%s/%s/runs/%d", f.o.URL, f.repoPath(r), c.ID), "details_url": orNull(c.DetailsURL), "status": c.Status,
		"conclusion": orNull(c.Conclusion), "started_at": stamp(c.Started), "completed_at": stamp(c.Completed), "name": c.Name,
		"output":      obj{"title": orNull(c.Title), "summary": orNull(c.Summary), "text": orNull(c.Text), "annotations_count": 0, "annotations_url": u + "/annotations"},
		"check_suite": obj{"id": c.ID}, "app": nil, "pull_requests": pulls,
	}
}

// showSuite is the check suite of a check run, as webhooks tell it: each has its own.
func (f *Forge) showSuite(r *repo, k *checkRun) obj {
	var branch any
	for _, i := range f.st.byRepo[r.ID] {
		if i.Pull != nil && i.Pull.HeadSHA == k.SHA {
			branch = i.Pull.HeadRef
		}
	}
	return obj{
		"id": k.ID, "node_id": nodeID("CS", k.ID), "head_branch": branch, "head_sha": k.SHA, "status": k.Status, "conclusion": orNull(k.Conclusion),
		"url": fmt.Sprintf("%s/check-suites/%d", f.repoAPI(r), k.ID), "before": nil, "after": k.SHA, "pull_requests": []any{}, "app": nil,
		"created_at": stamp(k.Started), "updated_at": stamp(k.Started),
	}
}

// showMiniPull is how check runs name their pull requests.
func (f *Forge) showMiniPull(i *issue) obj {
	r, p := f.st.repos[i.Repo], i.Pull
	end := func(r *repo, ref, sha string) obj {
		if r == nil {
			return obj{"ref": ref, "sha": sha, "repo": obj{"id": 0, "url": "", "name": ""}}
		}
		return obj{"ref": ref, "sha": sha, "repo": obj{"id": r.ID, "url": f.repoAPI(r), "name": r.Name}}
	}
	return obj{
		"id": i.ID, "number": i.Number, "url": fmt.Sprintf("%s/pulls/%d", f.repoAPI(r), i.Number),
		"head": end(f.st.repos[p.HeadRepo], p.HeadRef, p.HeadSHA), "base": end(r, p.BaseRef, p.BaseSHA),
	}
}
