package install

import (
	"maps"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Place is whose namespace a rule is about.
type Place string

// The places. A build cluster has only the second.
const (
	OfJobs Place = "jobs" // ProwJobs, leases, what is remembered
	OfPods Place = "pods" // pods of jobs
)

// Rule is what a component may do to a kind of resource in a namespace.
type Rule struct {
	Component string
	In        Place
	Group     string
	Resource  string
	Names     []string // of the objects; none: all
	Verbs     []Verb
}

// Verb is one thing that may be done, and what it is needed for.
type Verb struct{ Name, Why string }

const (
	prowGroup  = "prow.k8s.io"
	leaseGroup = "coordination.k8s.io"
)

// Components are those that have rules, in the order in which the story of a
// change meets them.
func Components() []string {
	return []string{"hook", "horologium", "plank", "crier", "sinker", "tide", "deck"}
}

// pipeline runs jobs of Tekton. It stands in its election even where there are none.
const pipeline = "pipeline"

// elected are the components of which one replica at a time works.
func elected() []string {
	return []string{"horologium", "plank", "crier", "sinker", "tide", pipeline, jenkinsOperator}
}

// Rules are all that Prow may do in a cluster. With a database nothing but jobs is
// kept in the cluster; without tekton no PipelineRuns are touched. selector is that
// of the Jenkins operator.
func Rules(database, tekton bool, selector string) []Rule {
	var out []Rule
	for _, c := range append(Components(), pipeline, jenkinsOperator) {
		see := []Verb{
			{"list", "to read the jobs when it starts"},
			{"watch", "to be told of each change of a job"},
			{"get", "to read a job that the watch has not told of, or that another writer changed first"},
		}
		out = append(out, Rule{Component: c, In: OfJobs, Group: prowGroup, Resource: "prowjobs", Verbs: append(see, jobVerbs(c)...)})
		if !database {
			out = append(out, Rule{Component: c, In: OfJobs, Group: prowGroup, Resource: "prowstates", Verbs: stateVerbs(c)})
		}
		if slices.Contains(elected(), c) {
			out = append(out,
				Rule{Component: c, In: OfJobs, Group: leaseGroup, Resource: "leases", Verbs: []Verb{{"create", "to stand in its first election"}}},
				Rule{Component: c, In: OfJobs, Group: leaseGroup, Resource: "leases", Names: []string{LeaseOf(c, selector)}, Verbs: []Verb{
					{"get", "to see who leads"},
					{"update", "to become and to stay the leader"},
				}})
		}
		out = append(out, podRules(c)...)
		if tekton {
			out = append(out, tektonRules(c)...)
		}
	}
	return out
}

// tektonRules are what a component does to PipelineRuns.
func tektonRules(component string) []Rule {
	see := []Verb{{"list", "to find the PipelineRuns when it starts"}, {"watch", "to be told of each change of a PipelineRun"}}
	runs := Rule{Component: component, In: OfPods, Group: "tekton.dev", Resource: "pipelineruns", Verbs: see}
	switch component {
	case "deck":
	case pipeline:
		runs.Verbs = append(see,
			Verb{"create", "to start the PipelineRun of a job"},
			Verb{"get", "to find the PipelineRun again that it created before it was killed"},
			Verb{"patch", "to cancel the PipelineRun of an aborted job"},
			Verb{"delete", "to remove the PipelineRun of an ended job"})
	default:
		return nil
	}
	return []Rule{runs}
}

// jobVerbs are what a component does to ProwJobs besides seeing them.
func jobVerbs(component string) []Verb {
	switch component {
	case "hook":
		return []Verb{{"create", "to start the jobs of a pull request"}, {"patch", "to abort a job that a newer one supersedes"},
			{"delete", "to take back the results of an /override"}}
	case "horologium":
		return []Verb{{"create", "to start a periodic job"}}
	case "plank", pipeline, jenkinsOperator:
		return []Verb{{"patch", "to write how a job stands"}}
	case "crier":
		return []Verb{{"patch", "to remember what was reported"}}
	case "sinker":
		return []Verb{{"delete", "to delete old jobs"}}
	case "tide":
		return []Verb{{"create", "to test pull requests together, or again on a newer base"}}
	case "deck":
		return []Verb{{"create", "to run a job again"}, {"patch", "to abort a job"}}
	}
	return nil
}

// stateVerbs are what a component does to ProwStates.
func stateVerbs(component string) []Verb {
	see := []Verb{{"list", "to read what is remembered when it starts"}, {"watch", "to be told of each change of it"}}
	get := Verb{"get", "to read what another process changed first, and webhooks too large for one object"}
	story := []Verb{get, {"create", "to begin the story of a pull request"}, {"patch", "to go on with it"}}
	switch component {
	case "hook":
		return append(see, get, Verb{"create", "to store a webhook before it is accepted"}, Verb{"patch", "to say what became of it"},
			Verb{"delete", "to forget handled webhooks"})
	case "horologium":
		return append(see, get, Verb{"create", "to remember when a job ran first"}, Verb{"patch", "to remember when it ran last"})
	case "plank", "crier", pipeline, jenkinsOperator:
		return append(see, story...)
	case "sinker":
		return append(see, Verb{"delete", "to forget old webhooks, and comments of pull requests whose jobs are gone"})
	case "tide":
		return append(append(see, story...), Verb{"delete", "to forget the pool of a branch that has none any more"})
	case "deck":
		return append(see, get, Verb{"create", "to begin the story of a pull request with who ran a job again"},
			Verb{"patch", "to replay a webhook"})
	}
	return see
}

// podRules are what a component does to the pods of jobs.
func podRules(component string) []Rule {
	see := []Verb{{"list", "to find the pods when it starts"}, {"watch", "to be told of each change of a pod"}}
	pods := Rule{Component: component, In: OfPods, Resource: "pods"}
	switch component {
	case "plank":
		pods.Verbs = append(see,
			Verb{"create", "to start the pod of a job"},
			Verb{"get", "to find the pod again that it created before it was killed"},
			Verb{"patch", "to stop the pod of an aborted job"},
			Verb{"delete", "to remove a pod that no node took, or that is to be started again"})
	case "sinker":
		pods.Verbs = append(see, Verb{"delete", "to delete old pods and those without a job"}, Verb{"patch", "to drop finalizers that the original left on them"})
	case "crier":
		pods.Verbs = []Verb{{"get", "to keep what became of the pod of a run"}}
		return []Rule{pods, {Component: component, In: OfPods, Resource: "events", Verbs: []Verb{{"list", "to keep what was told of it"}}}}
	case "deck":
		pods.Verbs = append(see, Verb{"get", "to show how the pod of a run stands"})
		return []Rule{
			pods,
			{Component: component, In: OfPods, Resource: "pods/log", Verbs: []Verb{{"get", "to show the log of a running job"}}},
			{Component: component, In: OfPods, Resource: "events", Verbs: []Verb{{"list", "to show what is told of it"}}},
		}
	default:
		return nil
	}
	return []Rule{pods}
}

// roleRules joins rules to those of a Role, one for each resource and names.
func roleRules(rules []Rule) []rbacv1.PolicyRule {
	type key struct{ group, resource, names string }
	verbs := map[key]map[string]bool{}
	for _, r := range rules {
		k := key{r.Group, r.Resource, strings.Join(r.Names, " ")}
		if verbs[k] == nil {
			verbs[k] = map[string]bool{}
		}
		for _, v := range r.Verbs {
			verbs[k][v.Name] = true
		}
	}
	var out []rbacv1.PolicyRule
	for _, k := range slices.SortedFunc(maps.Keys(verbs), func(a, b key) int {
		return strings.Compare(a.group+"/"+a.resource+"/"+a.names, b.group+"/"+b.resource+"/"+b.names)
	}) {
		out = append(out, rbacv1.PolicyRule{APIGroups: []string{k.group}, Resources: []string{k.resource}, ResourceNames: strings.Fields(k.names),
			Verbs: slices.Sorted(maps.Keys(verbs[k]))})
	}
	return out
}

// Role is the Role for rules of one place; of the same verbs on several names of a
// resource it makes one rule.
func Role(name, namespace string, rules []Rule) *rbacv1.Role {
	merged := roleRules(rules)
	var out []rbacv1.PolicyRule
	for _, r := range merged {
		if n := len(out) - 1; n >= 0 && len(r.ResourceNames) > 0 && len(out[n].ResourceNames) > 0 &&
			slices.Equal(out[n].Resources, r.Resources) && slices.Equal(out[n].Verbs, r.Verbs) {
			out[n].ResourceNames = append(out[n].ResourceNames, r.ResourceNames...)
			continue
		}
		out = append(out, r)
	}
	return &rbacv1.Role{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "Role"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
		Rules:      out,
	}
}

// binding gives a Role to a service account.
func binding(name, namespace, account, home string) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "RoleBinding"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: account, Namespace: home}},
	}
}
