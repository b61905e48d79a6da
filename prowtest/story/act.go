package story

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/prowtest/world"
)

type act func(s *story, args []string) error

// acts are the commands that change something.
func acts() map[string]act {
	return map[string]act{
		"repo": actRepo,
		"org":  func(s *story, a []string) error { s.Org(a[0], a[1:]...); return nil },
		"team": func(s *story, a []string) error {
			s.Users(a[2:]...)
			return s.Hub.AddTeam(s.Context(), a[0], a[1], a[2:]...)
		},
		"collaborator": actCollaborator,
		"labelset":     actLabelset,
		"required":     actRequired,
		"pull":         actPull,
		"issue":        actIssue,
		"comment":      actComment,
		"flood":        actFlood,
		"review":       actReview,
		"label":        actLabel,
		"unlabel":      actUnlabel,
		"edit":         actEdit,
		"push":         actPush,
		"amend":        actAmend,
		"commit":       actCommit,
		"state":        actState,
		"workflow":     actWorkflow,
		"finish":       actFinish,
		"api":          actAPI,
		"again":        actAgain,
	}
}

// where reads "o/r#1" and "by LOGIN", and returns what comes after.
func (s *story) where(args []string) (id prow.IssueID, by string, rest []string, err error) {
	if len(args) < 3 || args[1] != "by" {
		return id, "", nil, fmt.Errorf("want o/r#1 by LOGIN …")
	}
	id, err = prow.ParseIssueID(args[0])
	s.Users(args[2])
	return id, args[2], args[3:], err
}

// options reads "key value" pairs.
func options(args []string, keys ...string) (map[string]string, error) {
	out := map[string]string{}
	for len(args) >= 2 && slices.Contains(keys, args[0]) {
		out[args[0]], args = args[1], args[2:]
	}
	if len(args) > 0 {
		return nil, fmt.Errorf("unknown option %s, want one of %v and a value", args[0], keys)
	}
	return out, nil
}

// tree returns the files of the archive below a directory.
func (s *story) tree(dir string) map[string]string {
	out := map[string]string{}
	for name, text := range s.files {
		if after, ok := strings.CutPrefix(name, dir+"/"); ok && dir != "" {
			out[after] = text
		}
	}
	return out
}

func actRepo(s *story, a []string) error {
	r, err := prow.ParseRepo(a[0])
	if err != nil {
		return err
	}
	s.repos[r] = true
	dir := "repo"
	if len(a) > 1 {
		dir = a[1]
	}
	files := s.tree(dir)
	if len(files) == 0 {
		files["README.md"] = "hello\n"
	}
	s.Repo(a[0], files)
	return nil
}

// need makes the repository if the script did not.
func (s *story) need(r prow.Repo) error {
	if s.repos[r] {
		return nil
	}
	return actRepo(s, []string{r.String()})
}

func actCollaborator(s *story, a []string) error {
	r, err := prow.ParseRepo(a[0])
	if err != nil {
		return err
	}
	if err := s.need(r); err != nil {
		return err
	}
	s.Users(a[2:]...)
	for _, who := range a[2:] {
		if err := s.Hub.AddCollaborator(s.Context(), r, who, prow.Permission(a[1])); err != nil {
			return err
		}
	}
	return nil
}

func actLabelset(s *story, a []string) error {
	r, err := prow.ParseRepo(a[0])
	if err != nil {
		return err
	}
	if err := s.need(r); err != nil {
		return err
	}
	return s.Hub.AddLabels(s.Context(), r, a[1:]...)
}

func actRequired(s *story, a []string) error {
	r, err := prow.ParseRepo(a[0])
	if err != nil {
		return err
	}
	return s.Hub.Protect(s.Context(), r, a[1], a[2:]...)
}

// branch is the branch of a pull request made by a story.
func branch(id prow.IssueID) string { return fmt.Sprintf("topic-%d", id.Number) }

func actPull(s *story, a []string) error {
	id, by, rest, err := s.where(a)
	if err != nil {
		return err
	}
	o, err := options(rest, "from", "title", "body", "onto")
	if err != nil {
		return err
	}
	if err := s.need(id.Repo); err != nil {
		return err
	}
	fork, err := s.Hub.Fork(s.Context(), id.Repo, by)
	if err != nil {
		return err
	}
	files := s.tree(o["from"])
	if len(files) == 0 {
		files[fmt.Sprintf("change-%d.txt", id.Number)] = "a line\n"
	}
	s.Commit(fork, branch(id), by, files)
	got, err := s.Hub.OpenPull(s.Context(), by, prow.NewPull{
		Repo: id.Repo, Head: by + ":" + branch(id), Base: cmp.Or(o["onto"], "main"), Title: cmp.Or(o["title"], "Change something"), Body: o["body"],
	})
	return named(id, got, err)
}

func named(want, got prow.IssueID, err error) error {
	if err == nil && want != got {
		err = fmt.Errorf("it got the name %s", got)
	}
	return err
}

func actIssue(s *story, a []string) error {
	id, by, rest, err := s.where(a)
	if err != nil {
		return err
	}
	if err := s.need(id.Repo); err != nil {
		return err
	}
	body := ""
	if len(rest) > 1 {
		body = rest[1]
	}
	got, err := s.Hub.OpenIssue(s.Context(), id.Repo, by, rest[0], body)
	return named(id, got, err)
}

func actComment(s *story, a []string) error {
	id, by, rest, err := s.where(a)
	if err != nil {
		return err
	}
	return s.Hub.Comment(s.Context(), id, by, rest[0])
}

func actFlood(s *story, a []string) error {
	id, by, rest, err := s.where(a)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(rest[0])
	if err != nil {
		return err
	}
	return s.Hub.Comment(s.Context(), id, by, strings.Repeat(rest[1]+"\n", n))
}

func actReview(s *story, a []string) error {
	id, by, rest, err := s.where(a)
	if err != nil {
		return err
	}
	event, ok := map[string]string{"approve": "APPROVE", "changes": "REQUEST_CHANGES", "comment": "COMMENT"}[rest[0]]
	if !ok {
		return fmt.Errorf("want approve, changes or comment, not %s", rest[0])
	}
	return s.Hub.Review(s.Context(), id, by, event, strings.Join(rest[1:], " "))
}

func actLabel(s *story, a []string) error {
	id, by, rest, err := s.where(a)
	if err != nil {
		return err
	}
	return s.Hub.Label(s.Context(), id, by, rest...)
}

func actUnlabel(s *story, a []string) error {
	id, _, rest, err := s.where(a)
	if err != nil {
		return err
	}
	return s.Forge().RemoveLabel(s.Context(), id, rest[0])
}

func actEdit(s *story, a []string) error {
	id, by, rest, err := s.where(a)
	if err != nil {
		return err
	}
	var e prow.Edit
	switch rest[0] {
	case "title":
		e.Title = &rest[1]
	case "body":
		e.Body = &rest[1]
	case "state":
		e.State = &rest[1]
	default:
		return fmt.Errorf("want title, body or state, not %s", rest[0])
	}
	return s.As(by).Edit(s.Context(), id, e)
}

func actPush(s *story, a []string) error {
	id, by, rest, err := s.where(a)
	if err != nil {
		return err
	}
	o, err := options(rest, "from")
	if err != nil {
		return err
	}
	p := s.PullNow(id)
	files := s.tree(o["from"])
	if len(files) == 0 {
		files["more.txt"] = p.HeadSHA + "\n"
	}
	s.Commit(p.HeadRepo, p.HeadRef, by, files)
	return nil
}

func actAmend(s *story, a []string) error {
	id, by, rest, err := s.where(a)
	if err != nil {
		return err
	}
	p := s.PullNow(id)
	_, err = s.Hub.Commit(s.Context(), p.HeadRepo, p.HeadRef, by, strings.Join(rest, " "), nil)
	return err
}

func actCommit(s *story, a []string) error {
	if len(a) != 6 || a[2] != "by" || a[4] != "from" {
		return fmt.Errorf("want o/r BRANCH by LOGIN from DIR")
	}
	r, err := prow.ParseRepo(a[0])
	if err != nil {
		return err
	}
	if err := s.need(r); err != nil {
		return err
	}
	s.Commit(r, a[1], a[3], s.tree(a[5]))
	return nil
}

func actState(s *story, a []string) error {
	id, err := prow.ParseIssueID(a[0])
	if err != nil {
		return err
	}
	c := prow.Check{Name: a[1], State: prow.CheckState(a[2]), Text: strings.Join(a[3:], " ")}
	return s.Hub.SetStatus(s.Context(), id.Repo, world.Bot, s.PullNow(id).HeadSHA, c)
}

func actWorkflow(s *story, a []string) error {
	id, err := prow.ParseIssueID(a[0])
	if err != nil {
		return err
	}
	run := prow.WorkflowRun{Name: a[1], Event: a[2]}
	if len(a) > 3 {
		run.Conclusion = a[3]
	}
	_, err = s.Hub.RunWorkflow(s.Context(), id.Repo, world.Bot, s.PullNow(id).HeadSHA, run)
	return err
}

func actFinish(s *story, a []string) error {
	unfinished := false
	jobs, err := s.db.Jobs.List(s.Context(), prow.JobFilter{Job: a[0], Complete: &unfinished})
	if err != nil {
		return err
	}
	if len(jobs) == 0 {
		return fmt.Errorf("no unfinished job %s", a[0])
	}
	for _, j := range jobs {
		if _, err := s.db.Jobs.Update(s.Context(), j.ID(), func(j *prow.Job) error {
			if j.Status.State == prow.Aborted {
				return j.Finish(time.Now())
			}
			if j.Status.State == prow.Triggered {
				if err := j.Advance(prow.Pending, time.Now(), ""); err != nil {
					return err
				}
			}
			return j.Advance(prow.State(a[1]), time.Now(), "by the story")
		}); err != nil {
			return err
		}
	}
	return nil
}

func actAPI(s *story, a []string) error {
	body := ""
	if len(a) > 3 {
		body = a[3]
	}
	s.Users(a[0])
	req, err := http.NewRequestWithContext(s.Context(), a[1], s.Hub.API()+a[2], bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+world.Token(a[0]))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	s.stdout = string(out)
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s: %s", resp.Status, out)
	}
	return nil
}

func actAgain(s *story, a []string) error {
	all, err := s.db.Inbox.Deliveries(s.Context(), prow.DeliveryFilter{})
	if err != nil {
		return err
	}
	n := 0
	for _, d := range all {
		if len(a) == 2 && (d.Event != a[0] || d.Action != a[1]) || len(a) == 0 && s.seen[d.ID] {
			continue
		}
		if err := s.db.Inbox.Replay(s.Context(), d.ID); err != nil {
			return err
		}
		n++
	}
	if n == 0 {
		return fmt.Errorf("there is no such webhook")
	}
	return nil
}
