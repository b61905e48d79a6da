package sandbox

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// issueLine is an issue or pull request in a list.
type issueLine struct {
	Number        int
	Title, Author string
	State         string
	Labels        []label
	Updated       time.Time
	Checks        string
	Comments      int
}

func listPage(pulls bool) func(*visit) (any, error) {
	return func(v *visit) (any, error) {
		state := v.r.URL.Query().Get("state")
		if state == "" {
			state = "open"
		}
		var out []issueLine
		_ = v.read(func() error {
			list := slices.Clone(v.st.byRepo[v.repo.ID])
			slices.Reverse(list)
			for _, i := range list {
				if (i.Pull != nil) != pulls || state != "all" && i.State != state || len(out) >= 500 {
					continue
				}
				l := issueLine{Number: i.Number, Title: i.Title, Author: v.account(i.Author).Login, State: lower(graphState(i)), Labels: v.labelsOf(i), Updated: i.Updated}
				l.Comments, _ = v.talk(i.ID)
				if i.Pull != nil {
					if all := v.latest(i.Repo, i.Pull.HeadSHA); len(all) > 0 {
						l.Checks = combined(all)
					}
				}
				out = append(out, l)
			}
			return nil
		})
		title := map[bool]string{true: "Pull requests", false: "Issues"}[pulls]
		return view{"list", title, map[string]any{"Pulls": pulls, "State": state, "Lines": out}}, nil
	}
}

func (f *Forge) labelsOf(i *issue) []label {
	var out []label
	for _, id := range i.Labels {
		if l := f.st.labels[id]; l != nil {
			out = append(out, *l)
		}
	}
	return out
}

// pullView is an issue or pull request as its page shows it.
type pullView struct {
	Number                  int
	Title, Author, Body     string
	State                   string
	IsPull, Draft           bool
	Base, Head, HeadOwner   string
	SHA                     string
	Created                 time.Time
	Labels                  []label
	Known                   []label
	Assignees, Reviewers    []string
	Milestone               string
	Talk                    []talkLine
	Checks                  []checkLine
	Merge                   string // what GitHub calls mergeStateStatus, in lower case
	MergeText               string
	Methods                 []string
	Commits, Files          int
	Additions, Deletions    int
	MayMerge, MayEdit, Mine bool
}

// talkLine is one entry of the conversation.
type talkLine struct {
	Kind, Who, Body, Text, Path, Hunk string
	At                                time.Time
	id                                int64
}

type checkLine struct{ Name, State, Text, URL string }

func (v *visit) target() (i *issue, err error) {
	n, _ := strconv.Atoi(v.r.PathValue("number"))
	err = v.read(func() error {
		if i = v.st.numbers[numberID{v.repo.ID, n}]; i == nil {
			return notFound()
		}
		return nil
	})
	return i, err
}

// look collects all that the page shows.
func (v *visit) look(i *issue) (*pullView, error) {
	var x *facts
	if i.Pull != nil {
		var e ends
		_ = v.read(func() error { e = v.ends(i); return nil })
		if e.open {
			var err error
			if x, err = v.git.look(v.r.Context(), e.repo, e.base, e.head); err != nil {
				return nil, err
			}
		}
	}
	var d *pullView
	err := v.read(func() error {
		d = &pullView{
			Number: i.Number, Title: i.Title, Author: v.account(i.Author).Login, Body: i.Body, State: lower(graphState(i)), IsPull: i.Pull != nil, Created: i.Created,
			Labels: v.labelsOf(i), Assignees: v.logins(i.Assignees), Talk: v.history(i), MayMerge: v.may >= push, MayEdit: v.may >= triage || i.Author == v.userID(), Mine: i.Author == v.userID(),
		}
		for _, l := range v.repo.Labels {
			d.Known = append(d.Known, *l)
		}
		if m := v.st.miles[i.Milestone]; m != nil {
			d.Milestone = m.Title
		}
		if i.Pull != nil {
			v.addPull(d, i, x)
		}
		return nil
	})
	return d, err
}

func (v *visit) userID() int64 {
	if v.me == nil {
		return 0
	}
	return v.me.ID
}

func (f *Forge) logins(ids []int64) []string {
	var out []string
	for _, id := range ids {
		out = append(out, f.account(id).Login)
	}
	return out
}

func (v *visit) addPull(d *pullView, i *issue, x *facts) {
	p := i.Pull
	d.Draft, d.Base, d.Head, d.HeadOwner, d.SHA = p.Draft, p.BaseRef, p.HeadRef, v.account(p.HeadOwner).Login, p.HeadSHA
	d.Commits, d.Files, d.Additions, d.Deletions = p.Commits, p.ChangedFiles, p.Additions, p.Deletions
	d.Reviewers = v.logins(p.Reviewers)
	for _, s := range v.latest(i.Repo, p.HeadSHA) {
		d.Checks = append(d.Checks, checkLine{s.Context, s.State, strings.TrimSpace(s.Text), link(s.TargetURL)})
	}
	for _, k := range v.latestRuns(i.Repo, p.HeadSHA) {
		d.Checks = append(d.Checks, checkLine{k.Name, cmp.Or(k.Conclusion, k.Status), k.Title, link(k.DetailsURL)})
	}
	if x == nil {
		return
	}
	d.Merge = lower(v.mergeState(i, x))
	d.MergeText = map[string]string{
		"dirty": "This branch has conflicts with the base branch.", "draft": "This pull request is still a draft.", "blocked": "Merging is blocked by the protection of the base branch.",
		"behind": "This branch is out of date with the base branch.", "unstable": "Not all checks have passed.", "clean": "This branch has no conflicts with the base branch.",
	}[d.Merge]
	for _, m := range []struct {
		name string
		off  bool
	}{{"merge", v.repo.NoMerge}, {"squash", v.repo.NoSquash}, {"rebase", v.repo.NoRebase}} {
		if !m.off {
			d.Methods = append(d.Methods, m.name)
		}
	}
}

// link is an address that is safe to click, or nothing.
func link(s string) string {
	if u, err := url.Parse(s); err == nil && (u.Scheme == "http" || u.Scheme == "https") {
		return s
	}
	return ""
}

// history mixes comments, reviews and events, oldest first.
func (v *visit) history(i *issue) []talkLine {
	var out []talkLine
	for _, c := range v.conversation(i) {
		out = append(out, talkLine{Kind: "comment", Who: v.account(c.Author).Login, Body: c.Body, At: c.Created, id: c.ID})
	}
	for _, c := range v.onDiff(i) {
		out = append(out, talkLine{Kind: "comment", Who: v.account(c.Author).Login, Body: c.Body, At: c.Created, Path: c.Line.Path, Hunk: c.Line.Hunk, id: c.ID})
	}
	for _, r := range v.visibleReviews(i, v.userID()) {
		if r.State == "COMMENTED" && r.Body == "" {
			continue
		}
		text := map[string]string{"APPROVED": "approved these changes", "CHANGES_REQUESTED": "requested changes", "COMMENTED": "reviewed", "DISMISSED": "had a review that was dismissed", "PENDING": "has a review that is not submitted"}[r.State]
		out = append(out, talkLine{Kind: "review " + lower(r.State), Who: v.account(r.Author).Login, Text: text, Body: r.Body, At: r.Submitted, id: r.ID})
	}
	last := ""
	for _, e := range v.st.events[i.ID] {
		merged := last == "merged" && e.Kind == "closed" // says the same twice
		if last = e.Kind; merged {
			continue
		}
		if text := v.tell(e); text != "" {
			out = append(out, talkLine{Kind: "event", Who: v.account(e.Actor).Login, Text: text, At: e.Created, id: e.ID})
		}
	}
	slices.SortFunc(out, func(a, b talkLine) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.id, b.id)) })
	return out
}

// tell says an event in words.
func (f *Forge) tell(e *event) string {
	who := ""
	if e.Who != 0 {
		who = f.account(e.Who).Login
	} else if t := f.st.teams[e.Team]; t != nil {
		who = "team " + t.Name
	}
	switch e.Kind {
	case "labeled":
		return "added the label " + e.Label.Name
	case "unlabeled":
		return "removed the label " + e.Label.Name
	case "assigned":
		return "assigned " + who
	case "unassigned":
		return "unassigned " + who
	case "review_requested":
		return "asked " + who + " for a review"
	case "review_request_removed":
		return "no longer asks " + who + " for a review"
	case "renamed":
		return "changed the title from “" + e.From + "” to “" + e.To + "”"
	case "base_ref_changed":
		return "changed the base branch from " + e.From + " to " + e.To
	case "milestoned":
		return "added this to the milestone " + e.Title
	case "demilestoned":
		return "removed this from the milestone " + e.Title
	case "merged":
		return "merged this as " + short(e.SHA)
	case "closed":
		return "closed this"
	case "reopened":
		return "reopened this"
	case "ready_for_review":
		return "marked this as ready for review"
	case "convert_to_draft":
		return "made this a draft"
	case "head_ref_deleted":
		return "deleted the branch"
	case "locked", "unlocked":
		return e.Kind + " the conversation"
	}
	return ""
}

func (v *visit) path(i *issue) redirect {
	var u *url.URL
	_ = v.read(func() error { u, _ = url.Parse(v.issueHTML(v.repo, i)); return nil })
	return redirect(u.EscapedPath())
}

func pullPage(v *visit) (any, error) {
	for _, kind := range []string{"diff", "patch"} {
		if n, ok := strings.CutSuffix(v.r.PathValue("number"), "."+kind); ok {
			return v.text(n, kind)
		}
	}
	i, err := v.target()
	if err != nil {
		return nil, err
	}
	here := strings.Contains(v.r.URL.Path, "/pull/")
	if (i.Pull != nil) != here {
		return v.path(i), nil
	}
	d, err := v.look(i)
	if err != nil {
		return nil, err
	}
	page := "pull"
	if i.Pull == nil {
		page = "issue"
	}
	return view{page, d.Title, d}, nil
}

// text answers pull/5.diff and pull/5.patch.
func (v *visit) text(number, kind string) (any, error) {
	v.r.SetPathValue("number", number)
	_, _, e, err := v.pull()
	if err != nil {
		return nil, err
	}
	text, err := v.textOf(v.r.Context(), e, kind)
	if err != nil {
		return nil, err
	}
	v.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = v.w.Write([]byte(text))
	return nil, nil
}

func pullCommitsPage(v *visit) (any, error) {
	i, d, e, err := v.pull()
	if err != nil {
		return nil, err
	}
	mb, err := v.mergeBase(v.r.Context(), e)
	if err != nil {
		return nil, err
	}
	list, err := v.git.log(v.r.Context(), e.repo, false, "--reverse", "-250", mb+".."+e.head)
	return view{"commits", i.Title, map[string]any{"Commits": commitLines(list), "Pull": d}}, err
}

func (v *visit) pull() (*issue, *pullView, ends, error) {
	i, err := v.target()
	if err == nil && i.Pull == nil {
		err = notFound()
	}
	if err != nil {
		return nil, nil, ends{}, err
	}
	d, err := v.look(i)
	var e ends
	_ = v.read(func() error { e = v.ends(i); return nil })
	return i, d, e, err
}

func pullFilesPage(v *visit) (any, error) {
	i, d, e, err := v.pull()
	if err != nil {
		return nil, err
	}
	files, err := v.pullFiles(v.r.Context(), e)
	return view{"diff", i.Title, map[string]any{"Files": fileViews(files), "Pull": d, "SHA": e.head, "Message": "", "Author": "", "When": d.Created}}, err
}
