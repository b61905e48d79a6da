package lint

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

const intro = `# Checking configuration

Drawn from the checks themselves by ` + "`make golden`" + `.

` + "```sh" + `
prow checkconfig --config-path config.yaml --plugin-config plugins.yaml --job-config-path jobs
` + "```" + `

loads the configuration as the server does and reports, in one run, everything that keeps it from loading and everything
that loads but does not do what it should. Each finding has its file, line and column, the line itself, the name of the
check, and where possible what was meant:

` + "```" + `
jobs/a.yaml:9:5: warning: job a of org/repo: alwys_run: is not a key that means anything here [unknown-fields-all]
    9 |     alwys_run: true
      |     ^
      = did you mean "always_run"?
` + "```" + `

| exit status | |
|---|---|
| 0 | it loads; there may be warnings and notes |
| 1 | it does not load, or it has warnings and ` + "`--strict`" + ` is given |
| 2 | the command line is wrong |

An *error* keeps the server from using the configuration, or is as bad. A *warning* fails with ` + "`--strict`" + `. A *note* never fails: it comes
from a check that the original Prow does not have, so that ` + "`--strict`" + ` fails where it did before; name the check with
` + "`--warnings`" + `, and its notes are warnings.

## In CI

A repository's own jobs, checked as Prow will judge them (with ` + "`--config-path`" + ` and the rest also against the static
jobs, presets and allowed clusters):

` + "```sh" + `
prow checkconfig --prow-yaml-repo-name org/repo --strict
` + "```" + `

` + "`--output github`" + ` writes annotations that GitHub Actions shows beside the lines; ` + "`--output sarif`" + ` a file for code scanning;
` + "`--output json`" + ` an object with ` + "`findings`" + ` (each with ` + "`file`, `line`, `column`, `kind`, `severity`, `path`, `job`, `text`, `hint`, `snippet`" + `) and a
` + "`summary`" + `. ` + "`--quiet`" + ` shows of the text only what makes it fail, and counts the rest. Colours are used on a terminal only, and not with ` + "`NO_COLOR`" + `.

## Choosing checks

| flag | |
|---|---|
| ` + "`--warnings NAME`" + ` | run this check instead of those that run by default; repeatable |
| ` + "`--include-default-warnings`" + ` | beside them |
| ` + "`--exclude-warning NAME`" + ` | do not run this one; repeatable |
| ` + "`--expensive-checks`" + ` | run all, also those that ask the forge |
| ` + "`--list`" + ` | print the checks |

Checks that need plugins.yaml run where ` + "`--plugin-config`" + ` is given. Where the main file cannot be read, what follows from it is
not reported, and the end of the output says so.

`

// Document writes the page about the checks.
func Document(out io.Writer) error {
	w := bufio.NewWriter(out)
	fmt.Fprint(w, intro, "## What keeps a configuration from loading\n")
	for _, k := range LoadErrors() {
		fmt.Fprintf(w, "\n### %s\n\n%s\n", k.Name, k.Help)
	}
	fmt.Fprint(w, "\n## Checks\n")
	for _, c := range All() {
		fmt.Fprintf(w, "\n### %s\n\n%s\n\n*%s*\n", c.Name, c.Help, strings.Join(c.traits(), ", "))
	}
	return w.Flush()
}
