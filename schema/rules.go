package schema

import (
	"reflect"
	"slices"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const (
	durationPattern = `^([-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))*|[-+]?0)$`
	timePattern     = `^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9:.]+([Zz]|[-+][0-9]{2}:[0-9]{2})$`
	quantityPattern = `^[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][-+]?[0-9]+)?$`
)

func duration() *Shape { return &Shape{Kind: Text, Name: "duration", Pattern: durationPattern} }

// special draws the types that read themselves, and those whose values are
// words of Kubernetes.
func (d *drawer) special(t reflect.Type, loose bool) *Shape {
	switch t {
	case reflect.TypeFor[metav1.Duration]():
		return duration()
	case reflect.TypeFor[prow.Duration]():
		s := duration()
		s.Or = []*Shape{{Kind: Whole}}
		return s
	case reflect.TypeFor[metav1.Time](), reflect.TypeFor[time.Time]():
		return &Shape{Kind: Text, Name: "time", Pattern: timePattern}
	case reflect.TypeFor[resource.Quantity]():
		return &Shape{Kind: Text, Name: "quantity", Pattern: quantityPattern, Or: []*Shape{{Kind: Number}}}
	case reflect.TypeFor[intstr.IntOrString]():
		return &Shape{Kind: Whole, Or: []*Shape{{Kind: Text}}}
	case reflect.TypeFor[config.MergeMethods]():
		return mergeMethods()
	case reflect.TypeFor[config.OrgPlugins]():
		id := drawn{t, loose}
		if d.known[id] == nil {
			d.object(t, loose, "").Or = []*Shape{{Kind: List, Elem: &Shape{Kind: Text, Loose: true}}}
		}
		return d.known[id]
	}
	if words := kubernetesWords(t); words != nil {
		return &Shape{Kind: Text, Enum: words}
	}
	return nil
}

// mergeMethods nests as organisation, repository, branch, with a method at any
// level.
func mergeMethods() *Shape {
	method := func() *Shape {
		return &Shape{Kind: Text, Enum: []string{string(prow.MergeCommit), string(prow.MergeSquash), string(prow.MergeRebase), ""}}
	}
	repo := method()
	repo.Or = []*Shape{{Kind: Table, Elem: method()}}
	org := method()
	org.Or = []*Shape{{Kind: Table, Elem: repo}}
	return &Shape{Kind: Table, Elem: org, Words: "map to methods, or to maps of them"}
}

// kubernetesWords lists the values of a type of Kubernetes.
func kubernetesWords(t reflect.Type) []string {
	switch t {
	case reflect.TypeFor[corev1.PullPolicy]():
		return wordsOf(corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever)
	case reflect.TypeFor[corev1.RestartPolicy]():
		return wordsOf(corev1.RestartPolicyAlways, corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever)
	case reflect.TypeFor[corev1.DNSPolicy]():
		return wordsOf(corev1.DNSClusterFirst, corev1.DNSClusterFirstWithHostNet, corev1.DNSDefault, corev1.DNSNone)
	case reflect.TypeFor[corev1.Protocol]():
		return wordsOf(corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP)
	case reflect.TypeFor[corev1.TolerationOperator]():
		return wordsOf(corev1.TolerationOpEqual, corev1.TolerationOpExists, "Lt", "Gt")
	case reflect.TypeFor[corev1.TaintEffect]():
		return wordsOf(corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute)
	case reflect.TypeFor[corev1.NodeSelectorOperator]():
		return wordsOf(corev1.NodeSelectorOpIn, corev1.NodeSelectorOpNotIn, corev1.NodeSelectorOpExists,
			corev1.NodeSelectorOpDoesNotExist, corev1.NodeSelectorOpGt, corev1.NodeSelectorOpLt)
	case reflect.TypeFor[metav1.LabelSelectorOperator]():
		return wordsOf(metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn, metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist)
	case reflect.TypeFor[corev1.HostPathType]():
		return wordsOf(corev1.HostPathUnset, corev1.HostPathDirectoryOrCreate, corev1.HostPathDirectory, corev1.HostPathFileOrCreate,
			corev1.HostPathFile, corev1.HostPathSocket, corev1.HostPathCharDev, corev1.HostPathBlockDev)
	case reflect.TypeFor[corev1.MountPropagationMode]():
		return wordsOf(corev1.MountPropagationNone, corev1.MountPropagationHostToContainer, corev1.MountPropagationBidirectional)
	case reflect.TypeFor[corev1.URIScheme]():
		return wordsOf(corev1.URISchemeHTTP, corev1.URISchemeHTTPS)
	case reflect.TypeFor[corev1.TerminationMessagePolicy]():
		return wordsOf(corev1.TerminationMessageReadFile, corev1.TerminationMessageFallbackToLogsOnError)
	case reflect.TypeFor[corev1.PreemptionPolicy]():
		return wordsOf(corev1.PreemptLowerPriority, corev1.PreemptNever)
	case reflect.TypeFor[corev1.PersistentVolumeAccessMode]():
		return wordsOf(corev1.ReadWriteOnce, corev1.ReadOnlyMany, corev1.ReadWriteMany, corev1.ReadWriteOncePod)
	case reflect.TypeFor[corev1.UnsatisfiableConstraintAction]():
		return wordsOf(corev1.DoNotSchedule, corev1.ScheduleAnyway)
	}
	return nil
}

func wordsOf[T ~string](all ...T) []string {
	out := make([]string, len(all))
	for i, w := range all {
		out[i] = string(w)
	}
	return out
}

// ruled draws the fields whose type says less than what will do; nil: s is
// right.
func ruled(field string, s *Shape) *Shape {
	switch field {
	case "config.JobBase.Agent":
		return &Shape{Kind: Text, Enum: []string{prow.KubernetesAgent, prow.JenkinsAgent, prow.TektonAgent}}
	case "prow.GCSConfiguration.PathStrategy":
		return &Shape{Kind: Text, Enum: []string{"legacy", "single", "explicit"}}
	case "config.ProwConfig.LogLevel":
		return &Shape{Kind: Text, Enum: []string{"trace", "debug", "info", "warn", "warning", "error", "fatal", "panic"}}
	case "config.Tide.MergeBlocksPolicy":
		return &Shape{Kind: Table, Elem: &Shape{Kind: Text, Enum: []string{"ignore", "permit", "block"}}}
	case "config.GitHubReporter.JobTypesToReport":
		return &Shape{Kind: List, Elem: &Shape{Kind: Text, Enum: []string{string(prow.Presubmit), string(prow.Postsubmit)}}}
	case "config.Periodic.Interval", "config.Periodic.MinimumInterval", "config.Retry.Interval":
		return duration()
	}
	return nil
}

// required reports whether nothing works without the field.
func required(field string) bool {
	return slices.Contains([]string{"config.JobBase.Name", "config.ExternalPlugin.Name"}, field)
}
