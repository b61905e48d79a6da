package sandbox

import (
	"encoding/base64"
	"net/http"
	"regexp"
	"strings"
)

func gitRoutes() []route {
	const base = "/repos/{owner}/{repo}/git"
	return []route{
		{"GET " + base + "/ref/{ref...}", read, reading(getRef)},
		{"GET " + base + "/matching-refs/{ref...}", read, reading(listRefs)},
		{"POST " + base + "/refs", push, freely(postRef)},
		{"PATCH " + base + "/refs/{ref...}", push, freely(patchRef)},
		{"DELETE " + base + "/refs/{ref...}", push, freely(deleteRef)},
		{"GET " + base + "/commits/{sha}", read, freely(getGitCommit)},
		{"GET " + base + "/trees/{sha}", read, freely(getTree)},
		{"GET " + base + "/blobs/{sha}", read, freely(getBlob)},
	}
}

var badRef = regexp.MustCompile(`[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|$)|\.$`)

// goodBranch reports whether git takes name for a branch.
func goodBranch(name string) bool {
	return name != "" && name != "@" && name != "HEAD" && len(name) < 250 && !strings.HasPrefix(name, "-") && !strings.HasPrefix(name, ".") &&
		!strings.HasPrefix(name, "/") && !strings.HasSuffix(name, "/") && !badRef.MatchString(name)
}

func (c *call) showRef(ref, sha string) obj {
	u := c.repoAPI(c.repo)
	return obj{"ref": ref, "node_id": "REF_" + ref, "url": u + "/git/" + escapePath(ref), "object": obj{"sha": sha, "type": "commit", "url": u + "/git/commits/" + sha}}
}

func getRef(c *call) (any, error) {
	ref := "refs/" + c.path("ref")
	if sha := c.repo.Refs[ref]; sha != "" {
		return c.showRef(ref, sha), nil
	}
	return nil, notFound()
}

func listRefs(c *call) (any, error) {
	prefix := "refs/" + c.path("ref")
	return paged(c, named(c.repo.Refs, prefix), func(rest string) any { return c.showRef(prefix+rest, c.repo.Refs[prefix+rest]) })
}

type refInput struct {
	Ref, SHA string
	Force    bool
}

// moveRef sets a ref for an API call, with what follows from it.
func (c *call) moveRef(ref, to, old string) error {
	ctx := c.r.Context()
	defer c.git.lock(c.repo.ID)()
	if why := c.mayPush(ctx, c.repo.ID, c.user, []command{{old, to, ref}}); why != "" {
		return refuse(http.StatusUnprocessableEntity, "%s", why)
	}
	if err := c.git.move(ctx, c.repo.ID, ref, to, old); err != nil {
		if exitCode(err) != 0 {
			return refuse(http.StatusUnprocessableEntity, "Reference cannot be updated")
		}
		return err
	}
	return c.settle(ctx, c.repo.ID, c.user)
}

func postRef(c *call) (any, error) {
	var in refInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	name, isTag := strings.CutPrefix(in.Ref, tags)
	if !isTag {
		var ok bool
		if name, ok = strings.CutPrefix(in.Ref, heads); !ok {
			return nil, refuse(http.StatusUnprocessableEntity, "Reference name must start with 'refs/' and have at least two slashes")
		}
	}
	if !goodBranch(name) {
		return nil, refuse(http.StatusUnprocessableEntity, "%s is not a valid ref name.", in.Ref)
	}
	if c.snapshot(c.repo).Refs[in.Ref] != "" {
		return nil, refuse(http.StatusUnprocessableEntity, "Reference already exists")
	}
	if !shaForm.MatchString(in.SHA) || c.needCommit(in.SHA) != nil {
		return nil, refuse(http.StatusUnprocessableEntity, "Object does not exist")
	}
	if err := c.moveRef(in.Ref, in.SHA, zero); err != nil {
		return nil, err
	}
	var out any
	_ = c.read(func() error { out = c.showRef(in.Ref, in.SHA); return nil })
	return created(out)
}

func patchRef(c *call) (any, error) {
	var in refInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	ref := "refs/" + c.path("ref")
	old := c.snapshot(c.repo).Refs[ref]
	if old == "" {
		return nil, refuse(http.StatusUnprocessableEntity, "Reference does not exist")
	}
	if !shaForm.MatchString(in.SHA) || c.needCommit(in.SHA) != nil {
		return nil, refuse(http.StatusUnprocessableEntity, "Object does not exist")
	}
	if !in.Force {
		ok, err := c.git.isAncestor(c.r.Context(), c.repo.ID, old, in.SHA)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, refuse(http.StatusUnprocessableEntity, "Update is not a fast forward")
		}
	}
	if err := c.moveRef(ref, in.SHA, old); err != nil {
		return nil, err
	}
	var out any
	_ = c.read(func() error { out = c.showRef(ref, in.SHA); return nil })
	return out, nil
}

func deleteRef(c *call) (any, error) {
	ref := "refs/" + c.path("ref")
	r := c.snapshot(c.repo)
	switch {
	case r.Refs[ref] == "":
		return nil, refuse(http.StatusUnprocessableEntity, "Reference does not exist")
	case ref == heads+r.DefaultBranch:
		return nil, refuse(http.StatusUnprocessableEntity, "Cannot delete the default branch")
	}
	if err := c.moveRef(ref, zero, r.Refs[ref]); err != nil {
		return nil, err
	}
	return noContent()
}

func getGitCommit(c *call) (any, error) {
	if !shaForm.MatchString(c.path("sha")) {
		return nil, notFound()
	}
	one, err := c.commitOf(c.r.Context(), c.repo.ID, c.path("sha"))
	if err != nil {
		return nil, err
	}
	var out any
	err = c.read(func() error { out = c.showGitCommit(c.repo, one); return nil })
	return out, err
}

func getTree(c *call) (any, error) {
	ctx, id := c.r.Context(), c.repo.ID
	rev := c.path("sha")
	if sha, err := c.resolve(ctx, id, rev); err == nil {
		rev = sha
	} else if !shaForm.MatchString(rev) {
		return nil, notFound()
	}
	sha, err := c.git.line(ctx, id, "rev-parse", "--verify", "--quiet", rev+"^{tree}")
	if err != nil {
		return nil, notFound()
	}
	recursive := c.query("recursive")
	list, err := c.tree(sha, "", recursive != "")
	if err != nil {
		return nil, err
	}
	const most = 100_000
	cut := len(list) > most
	if cut {
		list = list[:most]
	}
	var u string
	_ = c.read(func() error { u = c.repoAPI(c.repo); return nil })
	out := make([]any, 0, len(list))
	for _, e := range list {
		o := obj{"path": e.name, "mode": e.mode, "type": e.kind, "sha": e.sha, "url": u + "/git/" + e.kind + "s/" + e.sha}
		if e.kind == "blob" {
			o["size"] = e.size
		}
		out = append(out, o)
	}
	return obj{"sha": sha, "url": u + "/git/trees/" + sha, "tree": out, "truncated": cut}, nil
}

func getBlob(c *call) (any, error) {
	sha := c.path("sha")
	if !shaForm.MatchString(sha) {
		return nil, notFound()
	}
	text, err := c.git.run(c.r.Context(), c.repo.ID, "cat-file", "blob", sha)
	if err != nil {
		if exitCode(err) != 0 {
			return nil, notFound()
		}
		return nil, err
	}
	var u string
	_ = c.read(func() error { u = c.repoAPI(c.repo); return nil })
	return obj{"sha": sha, "node_id": "B_" + sha, "size": len(text), "url": u + "/git/blobs/" + sha, "encoding": "base64", "content": wrap(base64.StdEncoding.EncodeToString([]byte(text)))}, nil
}
