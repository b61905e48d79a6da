package mkpj

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/trigger"
)

// Given is what is said of the code under test by hand.
type Given struct {
	BaseRef, BaseSHA                 string
	Pull                             int
	PullSHA, PullAuthor, PullHeadRef string
}

// Source is where the rest comes from.
type Source struct {
	// Forge is asked for what of a pull request or branch is not given.
	Forge prow.ForgeReader
	// Ask gets from a person what no forge knows. Nil, or an empty answer: nobody
	// is there, and the error names the flag.
	Ask func(question string) string
	// Warn is told what is odd. It may be nil.
	Warn func(text string)
}

// Refs completes what is given for one of found, which Find has found, and says
// for which: for a presubmit to a pull request, for a postsubmit to a branch. A
// periodic needs nothing.
func (g Given) Refs(ctx context.Context, s Source, found []Found) (Found, prow.Refs, error) {
	switch first := found[0]; {
	case first.Periodic != nil:
		return first, prow.Refs{}, nil
	case first.Postsubmit != nil:
		return g.branch(ctx, s, found)
	}
	return g.pull(ctx, s, found)
}

func (g Given) branch(ctx context.Context, s Source, found []Found) (Found, prow.Refs, error) {
	name := found[0].Base().Name
	if g.BaseRef == "" {
		g.BaseRef = s.ask(fmt.Sprintf("Branch that %s is to test (base ref)", name))
	}
	if g.BaseRef == "" {
		return Found{}, prow.Refs{}, fmt.Errorf("%s is a postsubmit: say which branch it is to test with --base-ref", name)
	}
	f := on(found, g.BaseRef, s.warn)
	if err := g.baseSHA(ctx, s, f); err != nil {
		return f, prow.Refs{}, err
	}
	return f, g.plain(f), nil
}

func (g Given) pull(ctx context.Context, s Source, found []Found) (Found, prow.Refs, error) {
	name := found[0].Base().Name
	if g.Pull == 0 {
		answer := s.ask(fmt.Sprintf("Pull request of %s that %s is to test (number)", found[0].Repo, name))
		g.Pull, _ = strconv.Atoi(answer)
	}
	if g.Pull <= 0 {
		return Found{}, prow.Refs{}, fmt.Errorf("%s is a presubmit: say which pull request of %s it is to test with --pull-number", name, found[0].Repo)
	}
	p, err := g.ask(ctx, s, found[0])
	if err != nil {
		return Found{}, prow.Refs{}, err
	}
	if p != nil {
		g.BaseRef = p.Base
	}
	f := on(found, g.BaseRef, s.warn)
	if err := g.baseSHA(ctx, s, f); err != nil {
		return f, prow.Refs{}, err
	}
	if p != nil {
		return f, trigger.PullRefs(p, g.BaseSHA), nil
	}
	return f, g.plain(f), nil
}

// patience is for what can be done without.
const patience = 5 * time.Second

// ask returns the pull request as the forge knows it, but for what is given; nil if
// everything is given.
func (g Given) ask(ctx context.Context, s Source, f Found) (*prow.Pull, error) {
	needed := g.BaseRef == "" || g.PullSHA == "" || g.PullAuthor == ""
	if !needed && g.PullHeadRef != "" {
		return nil, nil
	}
	if !needed { // nobody waits long for the name of a branch
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, patience)
		defer stop()
	}
	p, err := s.pull(ctx, f, g.Pull)
	switch {
	case err == nil:
	case needed:
		return nil, fmt.Errorf("%w; to do without the forge, give --base-ref, --base-sha, --pull-sha and --pull-author", err)
	default: // the head ref is for people
		s.warn(fmt.Sprintf("the name of the pull request's branch is not known (%v); --pull-head-ref gives it", err))
		return nil, nil
	}
	for _, x := range []struct {
		field *string
		given string
	}{{&p.Base, g.BaseRef}, {&p.HeadSHA, g.PullSHA}, {&p.Author, g.PullAuthor}, {&p.HeadRef, g.PullHeadRef}} {
		if x.given != "" {
			*x.field = x.given
		}
	}
	return p, nil
}

func (g *Given) baseSHA(ctx context.Context, s Source, f Found) error {
	if g.BaseSHA != "" {
		return nil
	}
	sha, err := s.head(ctx, f, g.BaseRef)
	if err != nil {
		return fmt.Errorf("%w; to do without the forge, give --base-sha", err)
	}
	g.BaseSHA = sha
	return nil
}

// plain returns the refs that are given, without what only a forge can add.
func (g Given) plain(f Found) prow.Refs {
	r, err := prow.ParseRepo(f.Repo)
	if err != nil {
		r = prow.Repo{Owner: f.Repo}
	}
	refs := prow.Refs{Org: r.Owner, Repo: r.Name, BaseRef: g.BaseRef, BaseSHA: g.BaseSHA}
	if g.Pull > 0 && f.Presubmit != nil {
		refs.Pulls = []prow.PullRef{{Number: g.Pull, SHA: g.PullSHA, Author: g.PullAuthor, HeadRef: g.PullHeadRef}}
	}
	return refs
}

func (s Source) ask(question string) string {
	if s.Ask == nil {
		return ""
	}
	return s.Ask(question)
}

func (s Source) warn(text string) {
	if s.Warn != nil {
		s.Warn(text)
	}
}

var errNoForge = errors.New("there is no forge to ask")

func (s Source) pull(ctx context.Context, f Found, number int) (*prow.Pull, error) {
	r, err := prow.ParseRepo(f.Repo)
	if err == nil && s.Forge == nil {
		err = errNoForge
	}
	if err != nil {
		return nil, err
	}
	id := prow.IssueID{Repo: r, Number: number}
	p, err := s.Forge.Pull(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("pull request %s: %w", id, err)
	}
	return p, nil
}

func (s Source) head(ctx context.Context, f Found, branch string) (string, error) {
	r, err := prow.ParseRepo(f.Repo)
	if err == nil && s.Forge == nil {
		err = errNoForge
	}
	if err != nil {
		return "", err
	}
	b, err := s.Forge.Branch(ctx, r, branch)
	if err != nil {
		return "", fmt.Errorf("branch %s of %s: %w", branch, r, err)
	}
	return b.SHA, nil
}

// Each returns what to make of every job, without asking a forge: the given refs.
// A job that does not run on the given branch is left out; without one each gets a
// branch that it runs on.
func (g Given) Each(f Found) []prow.Refs {
	switch {
	case f.Periodic != nil:
		return []prow.Refs{{}}
	case g.BaseRef == "":
		g.BaseRef = f.Branch()
	case !f.RunsOn(g.BaseRef):
		return nil
	}
	return []prow.Refs{g.plain(f)}
}
