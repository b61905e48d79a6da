package jenkins

import (
	"fmt"
	"net/url"
	"strings"

	prow "github.com/prow-ci/prow"
)

// jobPath is where in Jenkins the builds of j are, as in /job/folder/job/name. Of
// a multibranch job it is the place of the pull request, or of the branch.
func jobPath(j *prow.Job) string {
	var b strings.Builder
	for _, part := range strings.Split(strings.Trim(j.Spec.Job, "/"), "/") {
		b.WriteString("/job/" + url.PathEscape(part))
	}
	if j.Spec.JenkinsSpec == nil || !j.Spec.JenkinsSpec.GitHubBranchSourceJob || j.Spec.Refs == nil {
		return b.String()
	}
	if p := j.Pull(); p != nil {
		return fmt.Sprintf("%s/view/change-requests/job/PR-%d", b.String(), p.Number)
	}
	// Jenkins escapes a branch to make it a name, and that name is escaped in turn.
	return b.String() + "/job/" + url.PathEscape(url.PathEscape(j.Spec.Refs.BaseRef))
}

// jobNames returns the names of jobs that jobPath may lead from to a path.
func jobNames(at string) (names []string) {
	at, _, branchSource := strings.Cut(at, "/view/change-requests/")
	whole, err := url.PathUnescape(strings.TrimPrefix(strings.ReplaceAll(at, "/job/", "/"), "/"))
	if err != nil {
		return nil
	}
	names = []string{whole}
	if i := strings.LastIndex(at, "/job/"); i > 0 && !branchSource {
		of, err := url.PathUnescape(strings.TrimPrefix(strings.ReplaceAll(at[:i], "/job/", "/"), "/"))
		if err == nil {
			names = append(names, of)
		}
	}
	return names
}
