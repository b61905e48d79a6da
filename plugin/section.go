package plugin

import (
	"slices"
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

	warnings config.Problems
}

// AnySection is a Section of whatever type.
type AnySection interface {
	Name() string
	// Load decodes and checks the section of p. The error is config.Problems;
	// what is only odd comes as warnings.
	Load(p *config.Plugins) (warnings config.Problems, err error)
	// Zero returns a pointer to what the section is where it is absent, with the
	// defaults that Check fills in.
	Zero() any
}

// Name returns the section's key.
func (s *Section[T]) Name() string { return s.Key }

// Zero returns the value of an absent section.
func (s *Section[T]) Zero() any {
	v := new(T)
	if s.Check != nil {
		_ = s.Check(v) // nothing is wrong with what is not there
	}
	return v
}

// Load decodes and checks the section of p; absent is the zero value, checked.
func (s *Section[T]) Load(p *config.Plugins) (warnings config.Problems, err error) {
	_, err = s.get(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.warnings, err
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
	found := p.Decode(s.Key, v)
	if !slices.ContainsFunc(found, func(x config.Problem) bool { return !x.Warning }) && s.Check != nil {
		if err := s.Check(v); err != nil {
			found = append(found, p.Wrong(s.Key, err))
		}
	}
	s.warnings, s.err = nil, nil
	if wrong := slices.DeleteFunc(slices.Clone(found), func(x config.Problem) bool { return x.Warning }); len(wrong) > 0 {
		s.err = wrong
	}
	s.warnings = slices.DeleteFunc(found, func(x config.Problem) bool { return !x.Warning })
	s.of, s.last = p, v
	return v, s.err
}
