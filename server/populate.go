package server

import (
	"context"
	"fmt"
	"slices"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/sandbox"
)

// populate gives the forge its people, organisation, repository and webhook. What is
// there already stays as it is.
func (t *trial) populate(ctx context.Context, path string) error {
	logins := slices.Clone(people)
	if t.approver != "" && !slices.Contains(logins, t.approver) {
		logins = append(logins, t.approver)
		t.tokens[t.approver] = t.tokens["carol"] + "_" + t.approver
	}
	for _, login := range logins {
		if err := t.forge.CreateUser(ctx, login, t.tokens[login]); err != nil {
			return err
		}
	}
	if err := t.forge.CreateOrg(ctx, t.repo.Owner, bot); err != nil {
		return err
	}
	for _, login := range logins {
		if login == bot {
			continue
		}
		if err := t.forge.AddMember(ctx, t.repo.Owner, login, "member"); err != nil {
			return err
		}
	}
	_, err := t.forge.Head(t.repo, t.branch)
	t.found = err == nil
	if !t.found {
		if err := t.create(ctx, path); err != nil {
			return fmt.Errorf("repository %s: %w", t.repo, err)
		}
	}
	for _, login := range logins {
		if err := t.forge.AddCollaborator(ctx, t.repo, login, "write"); err != nil {
			return err
		}
	}
	if err := t.forge.AddLabels(ctx, t.repo, prow.LGTM, prow.Approved, prow.Hold, prow.WIP, prow.OKToTest, prow.NeedsOKToTest); err != nil {
		return err
	}
	// A start at another address leaves nobody at the old one.
	if err := t.forge.KeepHooks(ctx, t.pages+"/hook"); err != nil {
		return err
	}
	return t.forge.SetHook(ctx, t.pages+"/hook", t.secret)
}

func (t *trial) create(ctx context.Context, path string) error {
	if t.own {
		return t.forge.ImportRepo(ctx, t.repo, path, t.branch)
	}
	files, err := repoFiles()
	if err != nil {
		return err
	}
	return t.forge.CreateRepo(ctx, t.repo, files, sandbox.RepoOptions{
		DefaultBranch: t.branch, By: "carol", Description: "A small program, tested and merged by Prow",
	})
}
