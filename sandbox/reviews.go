package sandbox

import (
	"context"
	"net/http"
	"strconv"
	"strings"
)

func reviewRoutes() []route {
	const one = inPull + "/reviews/{review}"
	return []route{
		{"GET " + inPull + "/reviews", read, reading(listReviews)},
		{"POST " + inPull + "/reviews", read, freely(postReview)},
		{"GET " + one, read, reading(getReview)},
		{"PUT " + one, read, writing(putReview)},
		{"DELETE " + one, read, writing(deleteReview)},
		{"POST " + one + "/events", read, writing(postReviewEvent)},
		{"PUT " + one + "/dismissals", push, writing(putDismissal)},
		{"GET " + one + "/comments", read, reading(listCommentsOfReview)},
		{"GET " + inPull + "/comments", read, reading(listReviewComments)},
		{"POST " + inPull + "/comments", read, freely(postReviewComment)},
		{"POST " + inPull + "/comments/{comment}/replies", read, freely(postReply)},
	}
}

func (c *call) review() (*issue, *review, error) {
	i, err := c.pull()
	if err != nil {
		return nil, nil, err
	}
	for _, v := range c.st.reviews[i.ID] {
		if v.ID == c.number("review") && (v.State != "PENDING" || v.Author == c.userID()) {
			return i, v, nil
		}
	}
	return nil, nil, notFound()
}

// visibleReviews leaves out what others have not submitted.
func (f *Forge) visibleReviews(i *issue, user int64) []*review {
	var out []*review
	for _, v := range f.st.reviews[i.ID] {
		if v.State != "PENDING" || v.Author == user {
			out = append(out, v)
		}
	}
	return out
}

func listReviews(c *call) (any, error) {
	i, err := c.pull()
	if err != nil {
		return nil, err
	}
	return paged(c, c.visibleReviews(i, c.userID()), func(v *review) any { return c.showReview(v) })
}

func getReview(c *call) (any, error) {
	_, v, err := c.review()
	if err != nil {
		return nil, err
	}
	return c.showReview(v), nil
}

// reviewStates are what an event makes of a review.
var reviewStates = map[string]string{"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED", "": "PENDING"}

type reviewInput struct {
	Body, Event string
	SHA         string `json:"commit_id"`
	Comments    []lineInput
}

type lineInput struct {
	Body, Path, Side  string
	SHA               string `json:"commit_id"`
	Line, Position    int
	StartLine         int    `json:"start_line"`
	StartSide         string `json:"start_side"`
	InReplyTo         int64  `json:"in_reply_to"`
	SubjectType       string `json:"subject_type"`
	PullRequestReview int64  `json:"pull_request_review_id"`
}

func (f *Forge) checkReview(i *issue, actor *account, in reviewInput) error {
	state, ok := reviewStates[in.Event]
	switch {
	case !ok:
		return invalid("PullRequestReview", "event", "invalid")
	case (state == "APPROVED" || state == "CHANGES_REQUESTED") && i.Author == actor.ID:
		what := map[string]string{"APPROVED": "approve", "CHANGES_REQUESTED": "request changes on"}[state]
		return &fail{http.StatusUnprocessableEntity, "Unprocessable Entity", []any{"Review Can not " + what + " your own pull request"}}
	case (state == "CHANGES_REQUESTED" || state == "COMMENTED") && strings.TrimSpace(in.Body) == "" && len(in.Comments) == 0:
		return &fail{http.StatusUnprocessableEntity, "Unprocessable Entity", []any{"Review body cannot be blank"}}
	}
	return checkBody("PullRequestReview", in.Body)
}

func postReview(c *call) (any, error) {
	var in reviewInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	e, err := c.pullEnds()
	if err != nil {
		return nil, err
	}
	v, err := c.addReview(c.r.Context(), e, c.user, in)
	if no := (*fail)(nil); asFail(err, &no) && no.code == http.StatusUnprocessableEntity {
		return nil, &fail{no.code, "Unprocessable Entity", []any{words(no)}} // here GitHub lists sentences
	}
	if err != nil {
		return nil, err
	}
	var out any
	err = c.read(func() error { out = c.showReview(v); return nil })
	return out, err
}

// addReview files a review and its comments, and tells of it if it is submitted.
func (f *Forge) addReview(ctx context.Context, e ends, actor *account, in reviewInput) (*review, error) {
	var files []file
	if len(in.Comments) > 0 {
		var err error
		if files, err = f.pullFiles(ctx, e); err != nil {
			return nil, err
		}
	}
	var v *review
	err := f.write(ctx, func(t *tx) error {
		i := t.st.issues[e.id]
		if err := t.checkReview(i, actor, in); err != nil {
			return err
		}
		var lines []*line
		for _, l := range in.Comments {
			at, err := place(files, l)
			if err != nil {
				return err
			}
			lines = append(lines, at)
		}
		v = &review{ID: t.id(), Issue: i.ID, Author: actor.ID, State: reviewStates[in.Event], Body: in.Body, SHA: i.Pull.HeadSHA}
		if in.SHA != "" {
			v.SHA = in.SHA
		}
		t.create(v)
		for n, l := range lines {
			l.Review, l.SHA = v.ID, v.SHA
			t.sayOnDiff(i, actor, in.Comments[n].Body, l, v.State != "PENDING")
		}
		if v.State != "PENDING" {
			t.opinion(i, v, actor)
		}
		return nil
	})
	return v, err
}

func (t *tx) sayOnDiff(i *issue, actor *account, body string, l *line, tell bool) *comment {
	now := t.o.Now()
	x := &comment{ID: t.id(), Issue: i.ID, Author: actor.ID, Body: body, Created: now, Updated: now, Line: l}
	t.create(x)
	if tell {
		t.onComment(x, actor, "created", nil)
	}
	return x
}

// place finds the hunk that a comment sits in.
func place(files []file, in lineInput) (*line, error) {
	at := &line{Path: in.Path, SHA: in.SHA, Side: in.Side, Line: in.Line, StartLine: in.StartLine, StartSide: in.StartSide, Position: in.Position, WholeFile: in.SubjectType == "file"}
	if at.Side == "" {
		at.Side = "RIGHT"
	}
	for _, f := range files {
		if f.name != in.Path {
			continue
		}
		if at.WholeFile {
			return at, nil
		}
		if at.find(f.patch) {
			return at, nil
		}
		return nil, invalid("PullRequestReviewComment", "pull_request_review_thread.line", "custom", "pull_request_review_thread.line must be part of the diff")
	}
	return nil, invalid("PullRequestReviewComment", "pull_request_review_thread.path", "custom", "pull_request_review_thread.path is invalid")
}

// find walks a patch to the line, or to the position, and keeps the text before it.
func (l *line) find(patch string) bool {
	old, now, hunk := 0, 0, ""
	for n, text := range strings.Split(patch, "\n") {
		if strings.HasPrefix(text, "@@ ") {
			old, now = hunkStart(text)
			hunk = text
			continue
		}
		hunk += "\n" + text
		onLeft, onRight := !strings.HasPrefix(text, "+"), !strings.HasPrefix(text, "-")
		hit := l.Position == n && l.Line == 0 || l.Line > 0 && (l.Side == "LEFT" && onLeft && old == l.Line || l.Side == "RIGHT" && onRight && now == l.Line)
		if hit {
			l.Position, l.Hunk = n, hunk
			if l.Line == 0 {
				if l.Line = now; !onRight {
					l.Line, l.Side = old, "LEFT"
				}
			}
			return true
		}
		if onLeft {
			old++
		}
		if onRight {
			now++
		}
	}
	return false
}

// hunkStart reads "@@ -1,2 +3,4 @@".
func hunkStart(s string) (old, now int) {
	f := strings.Fields(s)
	if len(f) < 3 {
		return 0, 0
	}
	num := func(s string) int {
		s, _, _ = strings.Cut(s[1:], ",")
		n, _ := strconv.Atoi(s)
		return n
	}
	return num(f[1]), num(f[2])
}

func putReview(c *call, t *tx) (any, error) {
	_, v, err := c.review()
	if err != nil {
		return nil, err
	}
	if v.Author != c.userID() {
		return nil, refuse(http.StatusForbidden, "Only the author of a review can edit it.")
	}
	body, err := c.body("PullRequestReview")
	if err != nil {
		return nil, err
	}
	old := v.Body
	v.Body = body
	t.save(v)
	t.onReview(v, c.user, "edited", obj{"changes": obj{"body": obj{"from": old}}})
	return c.showReview(v), nil
}

func deleteReview(c *call, t *tx) (any, error) {
	_, v, err := c.review()
	if err != nil {
		return nil, err
	}
	if v.State != "PENDING" || v.Author != c.userID() {
		return nil, refuse(http.StatusUnprocessableEntity, "Can not delete a non-pending pull request review")
	}
	out := c.showReview(v)
	t.remove(v)
	return out, nil
}

func postReviewEvent(c *call, t *tx) (any, error) {
	i, v, err := c.review()
	if err != nil {
		return nil, err
	}
	var in reviewInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.Event == "" || v.State != "PENDING" {
		return nil, refuse(http.StatusUnprocessableEntity, "Can not submit this review")
	}
	if in.Body == "" {
		in.Body = v.Body
	}
	in.Comments = make([]lineInput, len(c.commentsOf(v)))
	if err := c.checkReview(i, c.user, in); err != nil {
		return nil, err
	}
	v.State, v.Body = reviewStates[in.Event], in.Body
	t.opinion(i, v, c.user)
	for _, x := range c.commentsOf(v) {
		t.onComment(x, c.user, "created", nil)
	}
	return c.showReview(v), nil
}

func putDismissal(c *call, t *tx) (any, error) {
	_, v, err := c.review()
	if err != nil {
		return nil, err
	}
	var in struct{ Message string }
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	switch {
	case in.Message == "":
		return nil, invalid("PullRequestReview", "message", "missing_field")
	case v.State != "APPROVED" && v.State != "CHANGES_REQUESTED":
		return nil, refuse(http.StatusUnprocessableEntity, "Can not dismiss a %s pull request review", lower(v.State))
	}
	t.dismiss(v, c.user)
	return c.showReview(v), nil
}

func (f *Forge) commentsOf(v *review) []*comment {
	var out []*comment
	for _, x := range f.st.said[v.Issue] {
		if x.Line != nil && x.Line.Review == v.ID {
			out = append(out, x)
		}
	}
	return out
}

func listCommentsOfReview(c *call) (any, error) {
	_, v, err := c.review()
	if err != nil {
		return nil, err
	}
	return paged(c, c.commentsOf(v), func(x *comment) any { return c.showReviewComment(x) })
}

// onDiff lists the comments on the diff that are submitted.
func (f *Forge) onDiff(i *issue) []*comment {
	pending := map[int64]bool{}
	for _, v := range f.st.reviews[i.ID] {
		pending[v.ID] = v.State == "PENDING"
	}
	var out []*comment
	for _, x := range f.st.said[i.ID] {
		if x.Line != nil && !pending[x.Line.Review] {
			out = append(out, x)
		}
	}
	return out
}

func listReviewComments(c *call) (any, error) {
	i, err := c.pull()
	if err != nil {
		return nil, err
	}
	return paged(c, c.onDiff(i), func(x *comment) any { return c.showReviewComment(x) })
}

func postReviewComment(c *call) (any, error) {
	var in lineInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if strings.TrimSpace(in.Body) == "" {
		return nil, invalid("PullRequestReviewComment", "body", "missing_field")
	}
	return c.commentOnDiff(in)
}

func postReply(c *call) (any, error) {
	var in lineInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	in.InReplyTo = c.number("comment")
	return c.commentOnDiff(in)
}

// commentOnDiff files one comment, in a review of its own as GitHub does.
func (c *call) commentOnDiff(in lineInput) (any, error) {
	e, err := c.pullEnds()
	if err != nil {
		return nil, err
	}
	files, err := c.pullFiles(c.r.Context(), e)
	if err != nil {
		return nil, err
	}
	var out any
	err = c.write(c.r.Context(), func(t *tx) error {
		i := t.st.issues[e.id]
		if err := checkBody("PullRequestReviewComment", in.Body); err != nil {
			return err
		}
		var at *line
		if up := t.st.comments[in.InReplyTo]; up != nil && up.Line != nil && up.Issue == i.ID {
			copied := *up.Line
			at = &copied
			at.InReplyTo = up.ID
		} else if in.InReplyTo != 0 {
			return notFound()
		} else if at, err = place(files, in); err != nil {
			return err
		}
		v := &review{ID: t.id(), Issue: i.ID, Author: c.user.ID, State: "COMMENTED", SHA: e.head}
		t.create(v)
		at.Review = v.ID
		if at.SHA == "" {
			at.SHA = e.head
		}
		x := t.sayOnDiff(i, c.user, in.Body, at, true)
		t.opinion(i, v, c.user)
		out = t.showReviewComment(x)
		return nil
	})
	return answer{code: http.StatusCreated, body: out}, err
}
