package deck

import (
	"net/http"
	"time"

	"github.com/prow-ci/prow/config"
)

type systemView struct {
	System   System          `json:"system"`
	Version  string          `json:"config_version,omitempty"`
	Loaded   *time.Time      `json:"config_loaded,omitempty"`
	Stale    bool            `json:"stale"` // a newer configuration was refused
	Since    *time.Time      `json:"stale_since,omitempty"`
	Problems config.Problems `json:"problems"`
	Warnings config.Problems `json:"warnings"`
	Jobs     jobCounts       `json:"jobs"`
}

// jobCounts is how much is configured.
type jobCounts struct {
	Presubmits  int `json:"presubmits"`
	Postsubmits int `json:"postsubmits"`
	Periodics   int `json:"periodics"`
	Repos       int `json:"repos"`
}

func (v systemView) head() head { return head{Title: "System", Section: "system", Live: "jobs"} }

func (s *Server) system(*http.Request) (view, error) {
	v := systemView{Problems: config.Problems{}, Warnings: config.Problems{}}
	if s.System != nil {
		v.System = s.System()
	}
	if v.System.Components == nil {
		v.System.Components = []Component{}
	}
	if v.System.Facts == nil {
		v.System.Facts = []Fact{}
	}
	if s.Stale != nil {
		if st := s.Stale(); st != nil {
			v.Stale, v.Since = true, &st.Since
			v.Problems = append(v.Problems, st.Problems...)
		}
	}
	cfg := s.Config()
	if cfg == nil {
		return v, nil
	}
	v.Version, v.Loaded = cfg.Version, &cfg.Loaded
	v.Warnings = append(v.Warnings, cfg.Warnings...)
	for _, l := range cfg.PresubmitsStatic {
		v.Jobs.Presubmits += len(l)
	}
	for _, l := range cfg.PostsubmitsStatic {
		v.Jobs.Postsubmits += len(l)
	}
	v.Jobs.Periodics, v.Jobs.Repos = len(cfg.Periodics), len(s.knownRepos(cfg))
	return v, nil
}
