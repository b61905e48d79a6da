package kube

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Memory implements prow.Memory on ProwStates. What this process saved it sees at
// once; what others save, as soon as the watch tells.
type Memory struct{ state *State }

var _ prow.Memory = (*Memory)(nil)

// Load returns the value of name.
func (m *Memory) Load(ctx context.Context, name string) ([]byte, error) {
	o := m.state.store.get(stateName("m", name))
	if o == nil {
		return nil, fmt.Errorf("memory %s: %w", name, fs.ErrNotExist)
	}
	value, err := m.value(ctx, o)
	for tries := 1; apierrors.IsNotFound(err) && tries < 3; tries++ { // another value took its place
		if o, err = m.state.read(ctx, o.name); err == nil {
			value, err = m.value(ctx, o)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("memory %s: %w", name, explainState(err))
	}
	return value, nil
}

func (m *Memory) value(ctx context.Context, o *stateObject) ([]byte, error) {
	payload, err := m.state.loadPayload(ctx, o)
	if err != nil {
		return nil, err
	}
	return unsqueeze(payload)
}

// Save replaces the value of name; nil forgets it. An equal value costs no
// request.
func (m *Memory) Save(ctx context.Context, name string, value []byte) error {
	packed, err := m.state.press.squeeze(value)
	if err != nil {
		return err
	}
	var parts []string // of the value that was
	err = m.state.amends.amend(ctx, stateName("m", name), stateMemory, func(ctx context.Context, o *stateObject) error {
		parts = o.Spec.Parts
		if value == nil {
			return errGone
		}
		if was, err := m.value(ctx, o); o.version > 0 && err == nil && bytes.Equal(was, value) {
			parts = nil
			return nil
		}
		o.Spec.Name = name
		return m.state.storePayload(ctx, o, packed, largestPayload)
	})
	if err != nil {
		return fmt.Errorf("save memory %s: %w", name, err)
	}
	m.state.removeParts(ctx, parts)
	return nil
}

// Names lists the names that begin with prefix, sorted.
func (m *Memory) Names(_ context.Context, prefix string) ([]string, error) {
	out := []string{}
	for _, o := range m.state.store.list(stateMemory) {
		if strings.HasPrefix(o.Spec.Name, prefix) {
			out = append(out, o.Spec.Name)
		}
	}
	slices.Sort(out)
	return out, nil
}
