package lint

import (
	"fmt"
	"slices"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

func clusterChecks() []Check {
	return []Check{
		{
			Name: "validate-cluster-field", Default: true, Run: clusterField,
			Help: "A Jenkins job with a cluster, which means nothing to it; and, where the clusters are known (--known-cluster, or the file that plank.build_cluster_status_file names), a job on one that there is not.",
		},
		{
			Name: "disabled-clusters", Default: true, New: true, Run: disabledClusters,
			Help: "A job on a cluster that disabled_clusters lists. It can never start.",
		},
	}
}

func clusterField(p *Pass) {
	for j := range p.jobs {
		if j.Agent == prow.JenkinsAgent && j.Cluster != config.DefaultCluster {
			p.reportJob(j.Place("cluster"), j.Name, fmt.Sprintf("a Jenkins job has no cluster; this one has %q", j.Cluster), "remove it")
		}
	}
	known, status := p.knownClusters()
	if len(known) == 0 {
		return
	}
	for j := range p.jobs {
		switch {
		case j.Agent == prow.JenkinsAgent:
		case !slices.Contains(known, j.Cluster):
			hint := config.DidYouMean(j.Cluster, known)
			if hint == "" {
				hint = "there are " + sentence(known)
			}
			p.reportJob(j.Place("cluster"), j.Name, fmt.Sprintf("there is no cluster %q", j.Cluster), hint)
		case status[j.Cluster] != "" && status[j.Cluster] != reachable:
			p.aside(j.Place("cluster"), j.Name, fmt.Sprintf("the cluster %q is not reachable now: %s", j.Cluster, status[j.Cluster]))
		}
	}
}

const reachable = "Reachable"

// knownClusters lists the clusters there are, and how they are if that is known.
func (p *Pass) knownClusters() (known []string, status map[string]string) {
	file := p.Config.Plank.BuildClusterStatusFile
	switch {
	case len(p.Clusters) > 0:
		known = slices.Clone(p.Clusters)
	case file == "" || p.ClusterStatus == nil:
		return nil, nil
	default:
		var err error
		if status, err = p.ClusterStatus(p.ctx, file); err != nil {
			p.lacks("the clusters of jobs are not looked up: " + err.Error())
			return nil, nil
		}
		known = keysOf(status)
	}
	if !slices.Contains(known, config.DefaultCluster) { // without a context of that name it is where Prow is
		known = append(known, config.DefaultCluster)
	}
	slices.Sort(known)
	return known, status
}

func disabledClusters(p *Pass) {
	for j := range p.jobs {
		if slices.Contains(p.Config.DisabledClusters, j.Cluster) {
			p.reportJob(j.Place("cluster"), j.Name, fmt.Sprintf("the cluster %q is among disabled_clusters", j.Cluster), "move the job, or enable the cluster")
		}
	}
}
