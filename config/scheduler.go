package config

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Scheduler chooses clusters.
type Scheduler struct {
	// Enabled has jobs wait for the scheduler to choose their cluster. Default: false
	Enabled bool `json:"enabled,omitempty"`
	// Failover sends jobs of some clusters to others; it wins over external.
	Failover *Failover `json:"failover,omitempty"`
	// External asks a service which cluster a job shall use.
	External *ExternalScheduler `json:"external,omitempty"`
}

// Failover sends jobs to other clusters.
type Failover struct {
	// ClusterMappings says for a cluster which other takes its jobs. Example: {build01: build02}
	ClusterMappings map[string]string `json:"mappings,omitempty"`
}

// ExternalScheduler is a service that chooses clusters.
type ExternalScheduler struct {
	// URL is where {"job": name} is posted; the answer is {"cluster": alias}.
	URL string `json:"url,omitempty"`
	// Cache says how long answers are kept.
	Cache *SchedulingCache `json:"cache,omitempty"`
}

// SchedulingCache says how long answers of the service are kept.
type SchedulingCache struct {
	// EntryTimeoutInterval is how long an answer is used again. Default: 5m
	EntryTimeoutInterval *metav1.Duration `json:"entry_timeout_interval,omitempty"`
	// CacheClearInterval is how often answers that are too old are dropped. Default: 10m
	CacheClearInterval *metav1.Duration `json:"cleanup_interval,omitempty"`
}

func (s *Scheduler) complete(at spot) {
	if s.Failover != nil {
		for _, k := range keysOf(s.Failover.ClusterMappings) {
			if s.Failover.ClusterMappings[k] == "" {
				at.at("failover", "mappings", k).hinted("has no cluster to go to", "name one")
			}
		}
	}
	if s.External == nil {
		return
	}
	e := *s.External
	if e.URL == "" {
		at.at("external").hinted("has no url", "say which service chooses clusters")
	}
	checkURL(at.at("external", "url"), e.URL)
	cache := SchedulingCache{}
	if e.Cache != nil {
		cache = *e.Cache
	}
	lasting(&cache.EntryTimeoutInterval, 5*time.Minute)
	lasting(&cache.CacheClearInterval, 10*time.Minute)
	for key, d := range map[string]*metav1.Duration{"entry_timeout_interval": cache.EntryTimeoutInterval, "cleanup_interval": cache.CacheClearInterval} {
		if d.Duration <= 0 {
			at.at("external", "cache", key).wrong(fmt.Sprintf("is %s; want a time above 0", d.Duration))
		}
	}
	e.Cache = &cache
	s.External = &e
}
