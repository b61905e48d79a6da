package plugin

import (
	"encoding/json"
	"fmt"
	"sync"

	"github.com/prow-ci/prow/config"
)

// Section is a top-level key of plugins.yaml, decoded into T once per load.
type Section[T any] struct {
	Key string
	// Check fills in defaults and reports what is wrong; nil checks nothing.
	Check func(*T) error

	mu   sync.Mutex
	of   *config.Plugins
	last *T
	err  error
}

// AnySection is a Section of whatever type.
type AnySection interface {
	Name() string
	// Load decodes and checks the section of p.
	Load(p *config.Plugins) error
}

// Name returns the section's key.
func (s *Section[T]) Name() string { return s.Key }

// Load decodes and checks the section of p; absent is the zero value, checked.
func (s *Section[T]) Load(p *config.Plugins) error {
	_, err := s.get(p)
	return err
}

// Of returns the section as cfg has it. A section that does not load is refused
// when the configuration is, so the zero value stands for it here.
func (s *Section[T]) Of(cfg *config.Config) *T {
	v, err := s.get(cfg.Plugins)
	if err != nil {
		return new(T)
	}
	return v
}

func (s *Section[T]) get(p *config.Plugins) (*T, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == p && s.last != nil {
		return s.last, s.err
	}
	v := new(T)
	var err error
	if raw, ok := p.Sections[s.Key]; ok {
		if err = json.Unmarshal(raw, v); err != nil {
			err = fmt.Errorf("%s: %w", s.Key, err)
		}
	}
	if err == nil && s.Check != nil {
		if err = s.Check(v); err != nil {
			err = fmt.Errorf("%s: %w", s.Key, err)
		}
	}
	s.of, s.last, s.err = p, v, err
	return v, err
}
