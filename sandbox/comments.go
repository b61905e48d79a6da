package sandbox

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

func commentRoutes() []route {
	const one, line = "/repos/{owner}/{repo}/issues/comments/{comment}", "/repos/{owner}/{repo}/pulls/comments/{comment}"
	return []route{
		{"GET " + inIssue + "/comments", read, reading(listComments)},
		{"POST " + inIssue + "/comments", read, writing(postComment)},
		{"GET /repos/{owner}/{repo}/issues/comments", read, reading(listRepoComments)},
		{"GET " + one, read, reading(getComment)},
		{"PATCH " + one, read, writing(patchComment)},
		{"DELETE " + one, read, writing(deleteComment)},
		{"GET " + line, read, reading(getComment)},
		{"PATCH " + line, read, writing(patchComment)},
		{"DELETE " + line, read, writing(deleteComment)},
		{"GET " + inIssue + "/reactions", read, reading(listIssueReactions)},
		{"POST " + inIssue + "/reactions", read, writing(postIssueReaction)},
		{"GET " + one + "/reactions", read, reading(listCommentReactions)},
		{"POST " + one + "/reactions", read, writing(postCommentReaction)},
		{"GET " + line + "/reactions", read, reading(listCommentReactions)},
		{"POST " + line + "/reactions", read, writing(postCommentReaction)},
		{"DELETE " + one + "/reactions/{reaction}", read, writing(deleteReaction)},
		{"DELETE " + line + "/reactions/{reaction}", read, writing(deleteReaction)},
	}
}

// conversation lists the comments that are not on the diff.
func (f *Forge) conversation(i *issue) []*comment {
	var out []*comment
	for _, c := range f.st.said[i.ID] {
		if c.Line == nil {
			out = append(out, c)
		}
	}
	return out
}

func listComments(c *call) (any, error) {
	i, err := c.issue()
	if err != nil {
		return nil, err
	}
	since, _ := time.Parse(time.RFC3339, c.query("since"))
	list := slices.DeleteFunc(c.conversation(i), func(x *comment) bool { return x.Updated.Before(since) })
	return paged(c, list, func(x *comment) any { return c.showComment(x) })
}

func listRepoComments(c *call) (any, error) {
	var out []*comment
	for _, i := range c.st.byRepo[c.repo.ID] {
		out = append(out, c.conversation(i)...)
	}
	slices.SortFunc(out, func(a, b *comment) int { return int(a.ID - b.ID) })
	return paged(c, out, func(x *comment) any { return c.showComment(x) })
}

func postComment(c *call, t *tx) (any, error) {
	i, err := c.issue()
	if err != nil {
		return nil, err
	}
	body, err := c.body("IssueComment")
	if err != nil {
		return nil, err
	}
	if i.Locked && c.may < push {
		return nil, refuse(http.StatusForbidden, "Unable to create comment because issue is locked.")
	}
	return created(c.showComment(t.say(i, c.user, body)))
}

// body reads a text that must be there and not too long.
func (c *call) body(resource string) (string, error) {
	var in struct{ Body *string }
	if err := c.decode(&in); err != nil {
		return "", err
	}
	if in.Body == nil {
		return "", invalid(resource, "body", "missing_field")
	}
	if strings.TrimSpace(*in.Body) == "" {
		return "", invalid(resource, "body", "custom", "body cannot be blank")
	}
	return *in.Body, checkBody(resource, *in.Body)
}

// comment finds the comment of the path: one on the diff below pulls, else one of
// the conversation.
func (c *call) comment() (*comment, error) {
	x := c.st.comments[c.number("comment")]
	if x == nil || c.st.issues[x.Issue].Repo != c.repo.ID || (x.Line != nil) != strings.Contains(c.r.Pattern, "/pulls/comments/") {
		return nil, notFound()
	}
	return x, nil
}

func (c *call) showAnyComment(x *comment) obj {
	if x.Line != nil {
		return c.showReviewComment(x)
	}
	return c.showComment(x)
}

func getComment(c *call) (any, error) {
	x, err := c.comment()
	if err != nil {
		return nil, err
	}
	return c.showAnyComment(x), nil
}

// ownComment is comment for those who may change it.
func (c *call) ownComment() (*comment, error) {
	x, err := c.comment()
	if err == nil && x.Author != c.userID() && c.may < push {
		err = refuse(http.StatusForbidden, "Must have push access to Repository.")
	}
	return x, err
}

func patchComment(c *call, t *tx) (any, error) {
	x, err := c.ownComment()
	if err != nil {
		return nil, err
	}
	body, err := c.body("IssueComment")
	if err != nil {
		return nil, err
	}
	t.rewrite(x, c.user, body)
	return c.showAnyComment(x), nil
}

func deleteComment(c *call, t *tx) (any, error) {
	x, err := c.ownComment()
	if err != nil {
		return nil, err
	}
	t.unsay(x, c.user)
	return noContent()
}

func (c *call) showReaction(r reaction) any {
	return obj{"id": r.ID, "node_id": nodeID("REA", r.ID), "user": c.showUserID(r.User), "content": r.Content, "created_at": stamp(r.Created)}
}

func listIssueReactions(c *call) (any, error) {
	i, err := c.issue()
	if err != nil {
		return nil, err
	}
	return paged(c, i.Reactions, c.showReaction)
}

func listCommentReactions(c *call) (any, error) {
	x, err := c.comment()
	if err != nil {
		return nil, err
	}
	return paged(c, x.Reactions, c.showReaction)
}

// react adds the caller's reaction to list; one that is there is answered with 200.
func (c *call) react(t *tx, list *[]reaction) (any, error) {
	var in struct{ Content string }
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if !slices.Contains(reactionWords, in.Content) {
		return nil, invalid("Reaction", "content", "invalid")
	}
	for _, r := range *list {
		if r.User == c.user.ID && r.Content == in.Content {
			return c.showReaction(r), nil
		}
	}
	r := reaction{ID: t.id(), User: c.user.ID, Content: in.Content, Created: c.o.Now()}
	*list = append(slices.Clone(*list), r)
	return created(c.showReaction(r))
}

func postIssueReaction(c *call, t *tx) (any, error) {
	i, err := c.issue()
	if err != nil {
		return nil, err
	}
	t.save(i)
	return c.react(t, &i.Reactions)
}

func postCommentReaction(c *call, t *tx) (any, error) {
	x, err := c.comment()
	if err != nil {
		return nil, err
	}
	t.save(x)
	return c.react(t, &x.Reactions)
}

func deleteReaction(c *call, t *tx) (any, error) {
	x, err := c.comment()
	if err != nil {
		return nil, err
	}
	id := c.number("reaction")
	i := slices.IndexFunc(x.Reactions, func(r reaction) bool { return r.ID == id && (r.User == c.user.ID || c.may >= admin) })
	if i < 0 {
		return nil, notFound()
	}
	x.Reactions = slices.Delete(slices.Clone(x.Reactions), i, i+1)
	t.save(x)
	return noContent()
}
