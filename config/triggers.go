package config

import (
	"fmt"
	"slices"
	"strings"
)

// AnyCluster in allowed_clusters allows every cluster.
const AnyCluster = "*"

// PubSubTrigger lists subscriptions whose messages start jobs.
type PubSubTrigger struct {
	// Project is the Google Cloud project of the subscriptions.
	Project string `json:"project,omitempty"`
	// Topics are the subscriptions; the name is historical.
	Topics []string `json:"topics,omitempty"`
	// AllowedClusters are the clusters that jobs may be started on; "*" is every one. Default: none
	AllowedClusters []string `json:"allowed_clusters,omitempty"`
	// MaxOutstandingMessages is how many messages are worked on at a time. Default: 10
	MaxOutstandingMessages int `json:"max_outstanding_messages,omitempty"`
}

// Gangway says who may start jobs through the API.
type Gangway struct {
	// AllowedAPIClients lists who may use the API, each with the jobs it may start.
	AllowedAPIClients []AllowedAPIClient `json:"allowed_api_clients,omitempty"`
}

// AllowedAPIClient is one who may use the API.
type AllowedAPIClient struct {
	// GCP says how Google Cloud Endpoints names the client.
	GCP *GCPClient `json:"gcp,omitempty"`
	// AllowedJobsFilters say which jobs the client may start: those that one of them lets through.
	AllowedJobsFilters []AllowedJobsFilter `json:"allowed_jobs_filters,omitempty"`
}

// GCPClient names a client as Google Cloud Endpoints does.
type GCPClient struct {
	// EndpointAPIConsumerType is the kind of the client; only PROJECT is possible.
	EndpointAPIConsumerType string `json:"endpoint_api_consumer_type,omitempty"`
	// EndpointAPIConsumerNumber is the number of the client's project. Example: "123456789012"
	EndpointAPIConsumerNumber string `json:"endpoint_api_consumer_number,omitempty"`
}

// AllowedJobsFilter lets jobs through.
type AllowedJobsFilter struct {
	// TenantID lets the jobs of this tenant through.
	TenantID string `json:"tenant_id,omitempty"`
}

// completePubSub folds the older subscriptions into the triggers.
func (c *ProwConfig) completePubSub(top spot) {
	at := top.at("pubsub_triggers")
	if len(c.PubSubTriggers) > 0 && len(c.PubSubSubscriptions) > 0 {
		top.at("pubsub_subscriptions").hinted("goes not together with pubsub_triggers", "keep the triggers")
	} else if len(c.PubSubSubscriptions) > 0 {
		top.at("pubsub_subscriptions").warn(KindDeprecated, "is an older form", "write pubsub_triggers")
	}
	out := slices.Clone(c.PubSubTriggers)
	for i := range out {
		t := &out[i]
		positive(at.at(i, "max_outstanding_messages"), &t.MaxOutstandingMessages, 10)
		switch {
		case t.Project == "":
			at.at(i).hinted("names no project", "give project and topics")
		case len(t.Topics) == 0:
			at.at(i).hinted("names no subscription", "list them under topics")
		case len(t.AllowedClusters) == 0:
			at.at(i).warn(KindNoEffect, "can start no job, because no cluster is allowed", `list clusters under allowed_clusters, or "*"`)
		}
	}
	for _, project := range keysOf(c.PubSubSubscriptions) {
		out = append(out, PubSubTrigger{Project: project, Topics: c.PubSubSubscriptions[project], AllowedClusters: []string{AnyCluster}, MaxOutstandingMessages: 10})
	}
	c.PubSubTriggers = out
}

// check finds clients that cannot be told apart, or may do nothing.
func (g *Gangway) check(at spot) {
	seen := map[GCPClient]int{}
	for i, c := range g.AllowedAPIClients {
		at := at.at("allowed_api_clients", i)
		if c.GCP == nil {
			at.hinted("names no client", "say under gcp who it is")
			continue
		}
		if c.GCP.EndpointAPIConsumerType != "PROJECT" {
			at.at("gcp", "endpoint_api_consumer_type").hinted(fmt.Sprintf("is %q", c.GCP.EndpointAPIConsumerType), "want PROJECT")
		}
		if n := c.GCP.EndpointAPIConsumerNumber; n == "" || strings.Trim(n, "0123456789") != "" {
			at.at("gcp", "endpoint_api_consumer_number").hinted(fmt.Sprintf("is %q", n), "want the number of a project")
		}
		if first, ok := seen[*c.GCP]; ok {
			at.hinted("is there twice", fmt.Sprintf("the other is allowed_api_clients[%d]", first))
		}
		seen[*c.GCP] = i
		if len(c.AllowedJobsFilters) == 0 {
			at.hinted("may start no job", "give at least one filter under allowed_jobs_filters")
		}
		for j, f := range c.AllowedJobsFilters {
			if f.TenantID == "" {
				at.at("allowed_jobs_filters", j).hinted("has no tenant_id", "name the tenant whose jobs may be started")
			}
		}
	}
}
