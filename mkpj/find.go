package mkpj

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/prow-ci/prow/config"
)

// Find returns the jobs of the name: presubmits, or if there are none postsubmits,
// or periodics. They are all of one repository, which repo names if it is not "",
// and differ in the branches they run on.
func Find(jobs iter.Seq[Found], name, repo string) ([]Found, error) {
	var found []Found
	var names, repos []string
	for f := range jobs {
		if repo != "" && f.Repo != repo && f.Periodic == nil {
			continue
		}
		if n := f.Base().Name; n != name {
			names = append(names, n)
			continue
		}
		if len(found) > 0 && f.Type() != found[0].Type() {
			continue
		}
		found = append(found, f)
		if !slices.Contains(repos, f.Repo) {
			repos = append(repos, f.Repo)
		}
	}
	switch {
	case len(found) == 0:
		return nil, unknown(name, repo, names)
	case len(repos) > 1:
		return nil, fmt.Errorf("several repositories have a %s %s: %s; say which with --repo", found[0].Type(), name, some(repos))
	}
	return found, nil
}

func unknown(name, repo string, names []string) error {
	slices.Sort(names)
	names = slices.Compact(names)
	where := ""
	if repo != "" {
		where = " for " + repo
	}
	hint := config.DidYouMean(name, names)
	switch {
	case hint != "":
	case len(names) == 0:
		hint = "none is: name the files with --config-path and --job-config-path"
	default:
		hint = "there are: " + some(names)
	}
	return fmt.Errorf("no job %q is configured%s; %s", name, where, hint)
}

// some lists the first few.
func some(list []string) string {
	const few = 10
	if len(list) <= few {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:few], ", "), len(list)-few)
}

// on returns the first of found that runs on the branch; if none does, the first, and
// a warning.
func on(found []Found, branch string, warn func(string)) Found {
	for _, f := range found {
		if f.RunsOn(branch) {
			return f
		}
	}
	warn(fmt.Sprintf("%s %s of %s is not configured to run on branch %s", found[0].Type(), found[0].Base().Name, found[0].Repo, branch))
	return found[0]
}
