package plugin

import (
	"context"
	"fmt"

	prow "github.com/prow-ci/prow"
)

// Pull returns the pull request as it is now, whatever the event said: events may
// come late, in another order, or again. A forge may also answer with what it
// knew a moment ago; then the event's own word is newer, and it is returned.
func (c *Call) Pull(ctx context.Context) (*prow.Pull, error) {
	p, err := c.Forge.Pull(ctx, c.At)
	if err != nil {
		return nil, fmt.Errorf("pull request %s: %w", c.At, err)
	}
	if e, ok := c.Event.(prow.PullEvent); ok && e.Pull.Updated.After(p.Updated) {
		p = &e.Pull
	}
	return p, nil
}
