package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	prow "github.com/prow-ci/prow"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// Election is one that processes hold by a Lease, the way client-go does: one of
// those who stand in it leads, and another takes over when it is gone.
type Election struct {
	Config    *rest.Config
	Namespace string
	Name      string // of the Lease
	Identity  string // of this process among those who stand
	Log       *slog.Logger
	Now       prow.Clock // default time.Now

	// Lease is how long a leader that is not heard of stays one; it must be heard
	// every Lease/6 and gives up by itself after Lease*2/3. Default 7 seconds: with a
	// sixth that others may be behind, another leads within ten.
	Lease time.Duration
}

const defaultLease = 7 * time.Second

// Lead calls run whenever this process leads, until ctx ends. The context of run
// ends before anyone else can lead; Lead waits for run to return. If run fails,
// so does Lead, and another process takes over at once.
func (e Election) Lead(ctx context.Context, run func(context.Context) error) error {
	if e.Log == nil {
		e.Log = slog.New(slog.DiscardHandler)
	}
	if e.Now == nil {
		e.Now = time.Now
	}
	if e.Lease == 0 {
		e.Lease = defaultLease
	}
	api, err := newAPI(e.Config)
	if err != nil {
		return err
	}
	c := &candidate{Election: e, api: api, path: "/apis/coordination.k8s.io/v1/namespaces/" + e.Namespace + "/leases"}
	for ctx.Err() == nil {
		if err := c.stand(ctx); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		e.Log.Info("leading", "election", e.Name, "identity", e.Identity)
		err := c.reign(ctx, run)
		if err != nil || ctx.Err() != nil {
			c.resign(ctx)
			return err
		}
		e.Log.Warn("leads no longer", "election", e.Name, "identity", e.Identity)
	}
	return nil
}

type candidate struct {
	Election
	api  *api
	path string

	seen   coordinationv1.LeaseSpec // as last read
	since  time.Time                // when it was first read so, by our own clock
	exists bool
	rv     string
}

// stand returns when this process leads or ctx ends. It fails only if it could
// never lead.
func (c *candidate) stand(ctx context.Context) error {
	for said := false; ctx.Err() == nil; {
		won, err := c.try(ctx)
		if won {
			return nil
		}
		if apierrors.IsForbidden(err) || apierrors.IsInvalid(err) {
			return fmt.Errorf("election %s: %w", c.Name, err)
		}
		if err != nil && ctx.Err() == nil && !said {
			said = true
			c.Log.Warn("the election cannot be read, tried again", "election", c.Name, "err", err)
		}
		c.pause(ctx)
	}
	return nil
}

// pause waits until the lease is to be looked at again, or runs out.
func (c *candidate) pause(ctx context.Context) {
	d := c.Lease / 6
	if left := c.term() - time.Since(c.since); left > 0 {
		d = min(d, left)
	}
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// reign runs run until this process may no longer lead.
func (c *candidate) reign(ctx context.Context, run func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	heard := time.Now()
	for {
		select {
		case err := <-done:
			if err == nil && ctx.Err() == nil {
				err = errors.New("what the leader does ended by itself")
			}
			return err
		case <-ctx.Done():
			return <-done
		case <-time.After(c.Lease / 6):
		}
		begun := time.Now()
		// A renewal counts from when it was sent, and must not come late.
		renewal, end := context.WithDeadline(ctx, heard.Add(c.Lease*2/3))
		won, err := c.try(renewal)
		end()
		if won {
			heard = begun
			continue
		}
		if err == nil || time.Since(heard) >= c.Lease*2/3 {
			if ctx.Err() == nil {
				c.Log.Error("lost the lead", "election", c.Name, "holder", deref(c.seen.HolderIdentity), "err", err)
			}
			cancel()
			if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
				return err
			}
			return nil
		}
	}
}

// try takes or renews the lease. Neither won nor an error: another one leads.
func (c *candidate) try(ctx context.Context) (won bool, err error) {
	if !c.mine() { // who leads knows what it wrote
		if err := c.read(ctx); err != nil {
			return false, err
		}
	}
	me := c.mine()
	if c.exists && !me && deref(c.seen.HolderIdentity) != "" && time.Since(c.since) < c.term() {
		return false, nil
	}
	next := c.seen
	now := metav1.NewMicroTime(c.Now())
	next.RenewTime = &now
	if !me {
		transitions := int32(0)
		if c.exists {
			transitions = deref(c.seen.LeaseTransitions) + 1
		}
		next.AcquireTime, next.LeaseTransitions = &now, &transitions
	}
	seconds := max(int32(c.Lease.Seconds()), 1)
	next.HolderIdentity, next.LeaseDurationSeconds = &c.Identity, &seconds
	err = c.write(ctx, next)
	if !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) {
		return err == nil, err
	}
	if again := c.read(ctx); again != nil {
		return false, again
	}
	if c.mine() { // an earlier renewal had been carried out though it failed
		return false, err
	}
	return false, nil
}

func (c *candidate) mine() bool { return c.exists && deref(c.seen.HolderIdentity) == c.Identity }

// term is how long the holder may be silent.
func (c *candidate) term() time.Duration {
	return max(time.Duration(deref(c.seen.LeaseDurationSeconds))*time.Second, c.Lease)
}

func (c *candidate) read(ctx context.Context) error {
	body, _, err := c.api.once(ctx, request{method: http.MethodGet, path: c.path + "/" + c.Name})
	if apierrors.IsNotFound(err) {
		c.exists, c.seen = false, coordinationv1.LeaseSpec{}
		return nil
	}
	if err != nil {
		return err
	}
	return c.learn(body)
}

func (c *candidate) learn(body []byte) error {
	var l coordinationv1.Lease
	if err := json.Unmarshal(body, &l); err != nil {
		return err
	}
	if !c.exists || l.ResourceVersion != c.rv {
		c.since = time.Now()
	}
	c.exists, c.rv, c.seen = true, l.ResourceVersion, l.Spec
	return nil
}

func (c *candidate) write(ctx context.Context, spec coordinationv1.LeaseSpec) error {
	l := coordinationv1.Lease{
		TypeMeta:   metav1.TypeMeta{APIVersion: "coordination.k8s.io/v1", Kind: "Lease"},
		ObjectMeta: metav1.ObjectMeta{Name: c.Name, Namespace: c.Namespace},
		Spec:       spec,
	}
	r := request{method: http.MethodPost, path: c.path, kind: "application/json"}
	if c.exists {
		l.ResourceVersion = c.rv
		r.method, r.path = http.MethodPut, c.path+"/"+c.Name
	}
	var err error
	if r.body, err = json.Marshal(l); err != nil {
		return err
	}
	body, _, err := c.api.once(ctx, r)
	if err != nil {
		return err
	}
	return c.learn(body)
}

// resign lets another one lead at once.
func (c *candidate) resign(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.Lease/3)
	defer cancel()
	if err := c.read(ctx); err != nil || !c.mine() {
		return
	}
	next, nobody := c.seen, ""
	next.HolderIdentity = &nobody
	if err := c.write(ctx, next); err != nil {
		c.Log.Warn("the lead could not be handed over, it runs out by itself", "election", c.Name, "err", err)
	}
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
