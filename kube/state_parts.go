package kube

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// largestPayload is how much of a payload one object holds: written as base64
// and stored with the rest it stays under etcd's 1.5 MiB.
const largestPayload = 700 << 10

// stateParts remembers payloads that are kept in objects of their own, which the
// watch does not tell of: they are never changed.
type stateParts struct {
	mu    sync.Mutex
	known map[string][]byte
	size  int
}

const partsInMemory = 32 << 20

func (p *stateParts) get(name string) ([]byte, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b, ok := p.known[name]
	return b, ok
}

func (p *stateParts) put(name string, b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil {
		p.known = map[string][]byte{}
	}
	for other, x := range p.known { // whichever: they can be read again
		if p.size+len(b) <= partsInMemory {
			break
		}
		delete(p.known, other)
		p.size -= len(x)
	}
	if _, ok := p.known[name]; !ok {
		p.known[name] = b
		p.size += len(b)
	}
}

func (p *stateParts) drop(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.size -= len(p.known[name])
	delete(p.known, name)
}

// storePayload puts a payload into o, or into parts if it is larger than inline:
// they are created first. Those whose place they take are removed by the caller.
func (s *State) storePayload(ctx context.Context, o *stateObject, payload []byte, inline int) error {
	o.Spec.Payload, o.Spec.Parts = payload, nil
	if len(payload) <= inline {
		return nil
	}
	o.Spec.Payload = nil
	for base := randomName("p"); len(payload) > 0; {
		n := min(len(payload), largestPayload)
		part := &stateObject{name: fmt.Sprint(base, "-", len(o.Spec.Parts)), Spec: stateSpec{Kind: statePart, Name: o.name, Payload: payload[:n]}}
		body, err := part.encode()
		if err != nil {
			return err
		}
		_, unsure, err := s.api.call(ctx, request{method: http.MethodPost, path: s.path, kind: "application/json", body: body, accept: metadataOnly})
		if err != nil && !(unsure && apierrors.IsAlreadyExists(err)) {
			return err
		}
		s.parts.put(part.name, part.Spec.Payload)
		o.Spec.Parts = append(o.Spec.Parts, part.name)
		payload = payload[n:]
	}
	return nil
}

// loadPayload returns the payload of o, wherever it is.
func (s *State) loadPayload(ctx context.Context, o *stateObject) ([]byte, error) {
	if len(o.Spec.Parts) == 0 {
		return o.Spec.Payload, nil
	}
	var out []byte
	for _, name := range o.Spec.Parts {
		b, ok := s.parts.get(name)
		if !ok {
			part, err := s.read(ctx, name)
			if err != nil {
				return nil, err
			}
			b = part.Spec.Payload
			s.parts.put(name, b)
		}
		if len(o.Spec.Parts) == 1 {
			return b, nil
		}
		out = append(out, b...)
	}
	return out, nil
}

func (s *State) removeParts(ctx context.Context, names []string) {
	for _, name := range names {
		s.parts.drop(name)
		if err := s.remove(ctx, name, ""); err != nil {
			s.log.Warn("part not removed, done later", "part", name, "err", err)
		}
	}
}
