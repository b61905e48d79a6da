package sandbox

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// fits reports whether an issue is what a term says, its "-" left aside.
func (f *Forge) fits(r *repo, i *issue, t term) bool {
	return slices.ContainsFunc(t.values, func(v string) bool { return f.fitsOne(r, i, t.key, v) })
}

func (f *Forge) fitsOne(r *repo, i *issue, key, v string) bool {
	login := func(id int64) bool {
		return strings.EqualFold(strings.TrimPrefix(v, "app/"), strings.TrimSuffix(f.account(id).Login, "[bot]")) || strings.EqualFold(v, f.account(id).Login)
	}
	switch key {
	case "is", "type", "state":
		return f.is(r, i, lower(v))
	case "label":
		return f.hasLabel(i, v)
	case "milestone":
		m := f.st.miles[i.Milestone]
		return m != nil && strings.EqualFold(m.Title, v)
	case "no":
		return lacks(i, lower(v))
	case "author":
		return login(i.Author)
	case "assignee":
		return slices.ContainsFunc(i.Assignees, login)
	case "commenter":
		return slices.ContainsFunc(f.st.said[i.ID], func(c *comment) bool { return login(c.Author) })
	case "involves":
		return login(i.Author) || slices.ContainsFunc(i.Assignees, login) || f.fitsOne(r, i, "commenter", v) || f.fitsOne(r, i, "mentions", v)
	case "mentions":
		return strings.Contains(lower(i.Body), "@"+lower(v)) || slices.ContainsFunc(f.st.said[i.ID], func(c *comment) bool { return strings.Contains(lower(c.Body), "@"+lower(v)) })
	case "created", "updated", "closed":
		return within(map[string]time.Time{"created": i.Created, "updated": i.Updated, "closed": i.Closed}[key], v)
	case "":
		return f.says(i, lower(v))
	}
	return i.Pull != nil && f.pullFits(r, i, key, v)
}

func (f *Forge) pullFits(r *repo, i *issue, key, v string) bool {
	p := i.Pull
	login := func(id int64) bool { return strings.EqualFold(f.account(id).Login, v) }
	switch key {
	case "base":
		return p.BaseRef == v
	case "head":
		return p.HeadRef == v
	case "draft":
		return p.Draft == (v == "true")
	case "merged":
		return within(p.Merged, v)
	case "review-requested", "user-review-requested":
		return slices.ContainsFunc(p.Reviewers, login)
	case "reviewed-by":
		return slices.ContainsFunc(f.st.reviews[i.ID], func(x *review) bool { return x.State != "PENDING" && login(x.Author) })
	case "review":
		d := f.decision(i)
		return lower(d) == v || v == "required" && d == "REVIEW_REQUIRED" || v == "none" && len(f.st.reviews[i.ID]) == 0
	case "status":
		return combined(f.latest(r.ID, p.HeadSHA)) == v
	case "linked", "team-review-requested", "language", "comments", "reactions", "interactions", "project":
		return false
	}
	return f.says(i, lower(key+":"+v))
}

func (f *Forge) is(r *repo, i *issue, v string) bool {
	switch v {
	case "pr", "pull-request":
		return i.Pull != nil
	case "issue":
		return i.Pull == nil
	case "open", "closed":
		return i.State == v
	case "merged":
		return i.Pull != nil && !i.Pull.Merged.IsZero()
	case "unmerged":
		return i.Pull != nil && i.Pull.Merged.IsZero()
	case "draft":
		return i.Pull != nil && i.Pull.Draft
	case "public", "private":
		return visibility(r) == v
	case "locked":
		return i.Locked
	}
	return false
}

func lacks(i *issue, what string) bool {
	switch what {
	case "label":
		return len(i.Labels) == 0
	case "milestone":
		return i.Milestone == 0
	case "assignee":
		return len(i.Assignees) == 0
	}
	return false
}

var shaPart = regexp.MustCompile(`^[0-9a-f]{7,40}$`)

// says looks for text in title, body and comments; what looks like a commit is
// looked for among the commits too.
func (f *Forge) says(i *issue, text string) bool {
	if i.Pull != nil && shaPart.MatchString(text) && (strings.HasPrefix(i.Pull.HeadSHA, text) || strings.HasPrefix(i.Pull.MergeSHA, text) && i.Pull.MergeSHA != "") {
		return true
	}
	return strings.Contains(lower(i.Title), text) || strings.Contains(lower(i.Body), text) ||
		slices.ContainsFunc(f.st.said[i.ID], func(c *comment) bool { return strings.Contains(lower(c.Body), text) })
}

// within compares a time with "a..b", "a..*", ">=a", "<a" or "a". Without a time
// of day the whole day is meant; what cannot be read fits nothing.
func within(t time.Time, v string) bool {
	if t.IsZero() {
		return false
	}
	t = t.Truncate(time.Second)
	if from, to, ok := strings.Cut(v, ".."); ok {
		return (from == "*" || within(t, ">="+from)) && (to == "*" || within(t, "<="+to))
	}
	op := ""
	for _, o := range []string{">=", "<=", ">", "<"} {
		if rest, ok := strings.CutPrefix(v, o); ok {
			op, v = o, rest
			break
		}
	}
	first, last, ok := moment(v)
	if !ok {
		return false
	}
	switch op {
	case ">=":
		return !t.Before(first)
	case "<=":
		return !t.After(last)
	case ">":
		return t.After(last)
	case "<":
		return t.Before(first)
	}
	return !t.Before(first) && !t.After(last)
}

// moment reads a day or a time; first and last are its seconds.
func moment(v string) (first, last time.Time, ok bool) {
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if t, err := time.Parse(form, v); err == nil {
			return t, t, true
		}
	}
	t, err := time.Parse(time.DateOnly, v)
	return t, t.Add(24*time.Hour - time.Second), err == nil
}
