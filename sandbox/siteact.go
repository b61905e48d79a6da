package sandbox

import (
	"net/http"
	"strings"
)

func commentAction(v *visit) (any, error) {
	i, err := v.target()
	if err != nil {
		return nil, err
	}
	body := strings.ReplaceAll(v.r.PostFormValue("body"), "\r\n", "\n")
	if strings.TrimSpace(body) == "" {
		return nil, refuse(http.StatusUnprocessableEntity, "Write something first.")
	}
	err = v.write(v.r.Context(), func(t *tx) error {
		if err := checkBody("IssueComment", body); err != nil {
			return err
		}
		if i.Locked && v.may < push {
			return refuse(http.StatusForbidden, "This conversation is locked.")
		}
		t.say(i, v.me, body)
		return nil
	})
	return v.path(i), err
}

func reviewAction(v *visit) (any, error) {
	i, err := v.target()
	if err != nil {
		return nil, err
	}
	if i.Pull == nil {
		return nil, notFound()
	}
	var e ends
	_ = v.read(func() error { e = v.ends(i); return nil })
	_, err = v.addReview(v.r.Context(), e, v.me, reviewInput{Event: v.r.PostFormValue("event"), Body: strings.ReplaceAll(v.r.PostFormValue("body"), "\r\n", "\n")})
	return v.path(i), err
}

func mergeAction(v *visit) (any, error) {
	i, err := v.target()
	if err != nil {
		return nil, err
	}
	if i.Pull == nil {
		return nil, notFound()
	}
	_, err = v.merge(v.r.Context(), i, v.me, mergeInput{Method: v.r.PostFormValue("method"), SHA: v.r.PostFormValue("sha")})
	return v.path(i), err
}

func labelAction(v *visit) (any, error) {
	i, err := v.target()
	if err != nil {
		return nil, err
	}
	err = v.write(v.r.Context(), func(t *tx) error {
		if v.may < triage {
			return refuse(http.StatusForbidden, "Changing labels needs triage access to this repository.")
		}
		if n := v.r.PostFormValue("remove"); n != "" {
			if l := v.repo.label(n); l != nil {
				t.removeLabel(i, v.me, l)
			}
			return nil
		}
		n := strings.TrimSpace(v.r.PostFormValue("add"))
		if n == "" || len([]rune(n)) > 50 {
			return refuse(http.StatusUnprocessableEntity, "A label has a name of 1 to 50 characters.")
		}
		t.addLabel(i, v.me, t.needLabel(v.repo, n))
		return nil
	})
	return v.path(i), err
}

func stateAction(v *visit) (any, error) {
	i, err := v.target()
	if err != nil {
		return nil, err
	}
	err = v.write(v.r.Context(), func(t *tx) error {
		if v.may < triage && i.Author != v.me.ID {
			return refuse(http.StatusForbidden, "Only its author and people with triage access can do this.")
		}
		switch v.r.PostFormValue("state") {
		case "closed":
			t.close(i, v.me, "")
		case "open":
			if i.Pull != nil {
				if err := t.mayReopen(i); err != nil {
					return err
				}
			}
			t.reopen(i, v.me)
		case "ready":
			t.setDraft(i, v.me, false)
		}
		return nil
	})
	return v.path(i), err
}

// openView is the form that opens a pull request.
type openView struct {
	Base, Head, Title string
	Bases, Heads      []string
}

func openPage(v *visit) (any, error) {
	d := openView{Head: v.r.URL.Query().Get("head"), Base: v.r.URL.Query().Get("base")}
	if base, head, ok := strings.Cut(v.r.PathValue("rest"), "..."); ok {
		d.Base, d.Head = base, head
	} else if d.Head == "" {
		d.Head = v.r.PathValue("rest")
	}
	_ = v.read(func() error {
		if d.Base == "" {
			d.Base = v.repo.DefaultBranch
		}
		d.Bases = named(v.repo.Refs, heads)
		for _, n := range d.Bases {
			if n != d.Base {
				d.Heads = append(d.Heads, n)
			}
		}
		for _, r := range v.st.repos {
			if r.Parent == v.repo.ID {
				for _, n := range named(r.Refs, heads) {
					d.Heads = append(d.Heads, v.account(r.Owner).Login+":"+n)
				}
			}
		}
		return nil
	})
	return view{"open", "Open a pull request", d}, nil
}

func openAction(v *visit) (any, error) {
	title := strings.TrimSpace(v.r.PostFormValue("title"))
	if title == "" {
		return nil, refuse(http.StatusUnprocessableEntity, "A pull request needs a title.")
	}
	i, err := v.openPull(v.r.Context(), v.repo, v.me, newPull{head: v.r.PostFormValue("head"), base: v.r.PostFormValue("base"), title: title,
		body: strings.ReplaceAll(v.r.PostFormValue("body"), "\r\n", "\n"), draft: v.r.PostFormValue("draft") != "", maintainer: true})
	if err != nil {
		return nil, err
	}
	return v.path(i), nil
}

func newIssuePage(*visit) (any, error) { return view{"newissue", "Open an issue", nil}, nil }

func newIssueAction(v *visit) (any, error) {
	title := strings.TrimSpace(v.r.PostFormValue("title"))
	if title == "" || len([]rune(title)) > 256 {
		return nil, refuse(http.StatusUnprocessableEntity, "An issue needs a title of at most 256 characters.")
	}
	body := strings.ReplaceAll(v.r.PostFormValue("body"), "\r\n", "\n")
	var i *issue
	err := v.write(v.r.Context(), func(t *tx) error {
		if err := checkBody("Issue", body); err != nil {
			return err
		}
		i = t.openIssue(v.repo, v.me, title, body, nil)
		t.onIssue(i, v.me, "opened", nil)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return v.path(i), nil
}

func forkAction(v *visit) (any, error) {
	r, err := v.forkRepo(v.r.Context(), v.repo, v.me, v.me, "")
	if err != nil {
		return nil, err
	}
	var to string
	_ = v.read(func() error { to = "/" + v.repoPath(r); return nil })
	return redirect(to), nil
}
