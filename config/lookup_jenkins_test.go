package config_test

import (
	"strings"
	"testing"
	"text/template"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"k8s.io/apimachinery/pkg/labels"
)

// The comment on a Jenkins job is written as its operator says.
func TestJobReportTemplate(t *testing.T) {
	t.Parallel()
	c := &config.Config{}
	says := func(text string) map[string]*template.Template {
		return map[string]*template.Template{"*": template.Must(template.New("").Parse(text))}
	}
	operator := func(selector, text string) config.JenkinsOperator {
		s, err := labels.Parse(selector)
		if err != nil {
			t.Fatal(err)
		}
		o := config.JenkinsOperator{LabelSelector: selector, Selector: s}
		if text != "" {
			o.ReportTemplates = says(text)
		}
		return o
	}
	c.Plank.ReportTemplates = says("of plank")
	c.JenkinsOperators = []config.JenkinsOperator{operator("on=fast", "of the fast"), operator("on=slow", "of the slow"), operator("on=plain", "")}
	for _, row := range []struct{ agent, on, want string }{
		{prow.KubernetesAgent, "fast", "of plank"}, {prow.JenkinsAgent, "fast", "of the fast"}, {prow.JenkinsAgent, "slow", "of the slow"},
		{prow.JenkinsAgent, "plain", "of plank"}, {prow.JenkinsAgent, "moon", "of plank"},
	} {
		j := &prow.Job{Spec: prow.Spec{Agent: row.agent}}
		j.Labels = map[string]string{"on": row.on}
		var b strings.Builder
		if err := c.JobReportTemplate(prow.Repo{Owner: "o", Name: "r"}, j).Execute(&b, j); err != nil || b.String() != row.want {
			t.Errorf("%s on %s: %q, %v; want %q", row.agent, row.on, b.String(), err, row.want)
		}
	}
}
