package config

import (
	"fmt"
	"strings"
	"text/template"

	"k8s.io/apimachinery/pkg/labels"
)

// Controller is what all that run jobs have in common.
type Controller struct {
	// JobURLTemplateText is a Go template over the ProwJob that makes the link to a run; Jenkins operators may use {{replace "old" "new" .Spec.Job}} in it.
	JobURLTemplateText string `json:"job_url_template,omitempty"`
	// ReportTemplateText is the older form of report_templates for all repositories.
	ReportTemplateText string `json:"report_template,omitempty"`
	// ReportTemplateTexts are Go templates over the ProwJob for the comment on a pull request, by "org/repo", "org" or "*".
	ReportTemplateTexts map[string]string `json:"report_templates,omitempty"`
	// MaxConcurrency is how many jobs run at a time; 0 is no limit. Default: 0
	MaxConcurrency int `json:"max_concurrency,omitempty"`
	// MaxGoroutines is how many jobs are looked at at a time. Default: 20
	MaxGoroutines int `json:"max_goroutines,omitempty"`
}

// complete fills in and checks what is there, and parses the templates.
func (c *Controller) complete(at spot, funcs template.FuncMap) (url *template.Template, reports map[string]*template.Template) {
	positive(at.at("max_goroutines"), &c.MaxGoroutines, 20)
	if c.MaxConcurrency < 0 {
		at.at("max_concurrency").hinted(fmt.Sprintf("is %d", c.MaxConcurrency), "want 0 for no limit, or a number above")
	}
	if c.ReportTemplateText != "" && c.ReportTemplateTexts["*"] != "" {
		at.at("report_template").hinted(`is the older form of report_templates["*"]`, "keep one of the two")
	}
	url = parseTemplateWith(at.at("job_url_template"), c.JobURLTemplateText, funcs)
	reports = map[string]*template.Template{}
	if c.ReportTemplateText != "" {
		at.at("report_template").warn(KindDeprecated, "is an older form", `write report_templates: {"*": …}`)
		reports["*"] = parseTemplateWith(at.at("report_template"), c.ReportTemplateText, funcs)
	}
	for _, k := range keysOf(c.ReportTemplateTexts) {
		reports[k] = parseTemplateWith(at.at("report_templates", k), c.ReportTemplateTexts[k], funcs)
	}
	return url, reports
}

// JenkinsOperator configures the jobs that one Jenkins operator runs.
type JenkinsOperator struct {
	Controller
	// LabelSelector says by their labels which jobs are the operator's; it is needed where there are several, and equals the operator's --label-selector. Example: jenkins_operator=fast
	LabelSelector string `json:"label_selector,omitempty"`

	Selector        labels.Selector               `json:"-"`
	JobURLTemplate  *template.Template            `json:"-"`
	ReportTemplates map[string]*template.Template `json:"-"`
}

// completeJenkins completes the operators: several are told apart by selectors.
func completeJenkins(at spot, ops []JenkinsOperator) []JenkinsOperator {
	funcs := template.FuncMap{"replace": func(from, to, in string) string { return strings.ReplaceAll(in, from, to) }}
	out := make([]JenkinsOperator, 0, len(ops))
	for i, o := range ops {
		at := at.at(i)
		switch {
		case len(ops) == 1 && o.LabelSelector != "":
			at.at("label_selector").hinted("is given, but there is one operator only", "remove it")
		case len(ops) > 1 && o.LabelSelector == "":
			at.hinted("has no label_selector", "with several operators, each needs one to know its jobs")
		}
		var err error
		if o.Selector, err = labels.Parse(o.LabelSelector); err != nil {
			at.at("label_selector").wrong(fmt.Sprintf("%q is not a label selector: %v", o.LabelSelector, err))
		}
		o.JobURLTemplate, o.ReportTemplates = o.complete(at, funcs)
		out = append(out, o)
	}
	return out
}
