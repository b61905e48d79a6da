package config

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"text/template"

	corev1 "k8s.io/api/core/v1"
)

// lenses are the names of those that are built in.
func lenses() []string {
	return []string{"buildlog", "coverage", "html", "junit", "links", "markdown", "metadata", "podinfo", "restcoverage"}
}

func checkLensName(at spot, name string) {
	if !slices.Contains(lenses(), name) {
		at.warn(KindNoEffect, fmt.Sprintf("there is no lens %q, so these files are not shown", name),
			"want "+strings.Join(lenses(), ", ")+", or one with remote_config"+didYouMean(name, lenses()))
	}
}

// check looks at what only the page of a run reads: it leaves out what it cannot
// use, so nothing else says so.
func (l *LensFile) check(at spot, res regexps) {
	switch {
	case l.Lens.Name == "":
		at.warn(KindNoEffect, "names no lens", "give lens: {name: …}")
	case l.RemoteConfig == nil || l.RemoteConfig.Endpoint == "":
		checkLensName(at.at("lens", "name"), l.Lens.Name)
	}
	at = at.at("lens", "config")
	switch l.Lens.Name {
	case "buildlog":
		checkBuildLog(at, l.Lens, res)
	case "podinfo":
		checkPodInfo(at, l.Lens)
	}
}

// BuildLogLens are the settings of the lens buildlog that Prow uses.
type BuildLogLens struct {
	// HighlightRegexes say which lines of a log are errors.
	HighlightRegexes []string `json:"highlight_regexes"`
}

// PodInfoLens are the settings of the lens podinfo, by build cluster.
type PodInfoLens struct {
	RunnerConfigs map[string]struct {
		// PodLinkTemplate is a template over a pod: where people look at it.
		PodLinkTemplate string `json:"pod_link_template"`
	} `json:"runner_configs"`
}

// Settings reads Config into the settings of the lens. Without any it does nothing.
func (l Lens) Settings(to any) error {
	if l.Config == nil {
		return nil
	}
	b, err := json.Marshal(l.Config)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, to)
}

// lensSettings reads the settings of a lens, which look like form, into to.
func lensSettings(at spot, l Lens, to any, form string) bool {
	err := l.Settings(to)
	if err != nil {
		at.warn(KindNoEffect, "cannot be read, so nothing of it is used", "write "+form)
	}
	return err == nil
}

func checkBuildLog(at spot, l Lens, res regexps) {
	var c BuildLogLens
	if !lensSettings(at, l, &c, "highlight_regexes: [EXPRESSION, …]") {
		return
	}
	for i, text := range c.HighlightRegexes {
		if _, err := res.get(text); err != nil {
			at.at("highlight_regexes", i).warn(KindNoEffect, badRegexp(text, err), "it is not used until it is mended")
		}
	}
}

// unknownField tells a mistake of a template from what only some pod lacks.
var unknownField = regexp.MustCompile(`can't evaluate field \S+`)

func checkPodInfo(at spot, l Lens) {
	var c PodInfoLens
	if !lensSettings(at, l, &c, "runner_configs: {CLUSTER: {pod_link_template: …}}") {
		return
	}
	for _, alias := range keysOf(c.RunnerConfigs) {
		at := at.at("runner_configs", alias, "pod_link_template")
		t, err := template.New("").Parse(c.RunnerConfigs[alias].PodLinkTemplate)
		if err != nil {
			at.warn(KindNoEffect, "is not a template, so there is no link: "+strings.TrimPrefix(err.Error(), "template: :"), "")
			continue
		}
		if err := t.Execute(io.Discard, &corev1.Pod{}); err != nil && unknownField.MatchString(err.Error()) {
			at.warn(KindNoEffect, "cannot be filled in, so there is no link: "+unknownField.FindString(err.Error()), "it is a template over a pod, for example https://console.example.com/pods/{{.Namespace}}/{{.Name}}")
		}
	}
}
