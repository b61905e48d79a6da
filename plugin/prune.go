package plugin

import (
	"context"
	"fmt"
	"strings"

	prow "github.com/prow-ci/prow"
)

// IsSelf reports whether login is the one the bot writes by.
func (c *Call) IsSelf(ctx context.Context, login string) (bool, error) {
	self, err := c.Forge.Self(ctx)
	if err != nil {
		return false, fmt.Errorf("who the bot is: %w", err)
	}
	return SameBot(self, login), nil
}

// SameBot reports whether login is self, whose apps write with the suffix [bot].
func SameBot(self, login string) bool {
	return prow.NormLogin(self) == strings.TrimSuffix(prow.NormLogin(login), "[bot]")
}

// Own returns the bot's own comments on the issue, oldest first. They are asked
// for once a call.
func (c *Call) Own(ctx context.Context) ([]prow.Comment, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.own != nil {
		return *c.own, nil
	}
	self, err := c.Forge.Self(ctx)
	if err != nil {
		return nil, fmt.Errorf("who the bot is: %w", err)
	}
	all, err := c.Forge.Comments(ctx, c.At)
	if err != nil {
		return nil, fmt.Errorf("comments of %s: %w", c.At, err)
	}
	own := []prow.Comment{}
	for _, x := range all {
		if SameBot(self, x.Author) {
			own = append(own, x)
		}
	}
	c.own = &own
	return own, nil
}

// Prune deletes those of the bot's own comments for which old says yes. It is
// for comments that are recognised by their text, as the original's; comments
// kept by Note go by Unnote.
func (c *Call) Prune(ctx context.Context, old func(prow.Comment) bool) error {
	own, err := c.Own(ctx)
	if err != nil {
		return err
	}
	for _, x := range own {
		if !old(x) {
			continue
		}
		if err := c.Forge.DeleteComment(ctx, c.At.Repo, x.ID); err != nil {
			return fmt.Errorf("delete comment %d of %s: %w", x.ID, c.At, err)
		}
	}
	return nil
}
