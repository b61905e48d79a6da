package schema

import (
	"fmt"
	"strings"
)

// index draws the first page.
func index() []byte {
	var b strings.Builder
	b.WriteString("# Configuration, key by key\n\nDrawn from the code by `make docs`; a test fails where the pages and the code disagree.\n\n" +
		"| page | what it tells |\n|---|---|\n")
	for _, a := range areas() {
		what, _, _ := strings.Cut(strings.ReplaceAll(a.intro, "\n", " "), ". ")
		fmt.Fprintf(&b, "| [%s](%s) | %s. |\n", a.title, a.file, strings.TrimSuffix(what, "."))
	}
	b.WriteString(reading)
	b.WriteString(Editors)
	return []byte(b.String())
}

const reading = `
## How to read the tables

A path names a key from the top of its file: ` + "`[]`" + ` stands for each entry of a list, ` + "`*`" + ` for a name that is yours to choose, such
as a repository. A default is the value that counts where the key is absent; "that of the level above" and the like say where it
comes from.

| type | looks like |
|---|---|
| text | ` + "`main`" + `; put it in quotes where it could be taken for a number or a boolean: ` + "`\"1.20\"`, `\"true\"`" + ` |
| duration | ` + "`90s`, `2h30m`, `168h`" + ` |
| quantity | of Kubernetes: ` + "`500m`, `2`, `4Gi`" + ` |
| time | ` + "`2026-01-02T15:04:05Z`" + ` |
| boolean | ` + "`true` or `false`" + ` |
| list of … | ` + "`[a, b]`" + `, or one entry a line, each after a dash |
| map to … | ` + "`{org/repo: value}`" + `, or one entry a line |
| … of Kubernetes | as in the [API of pods](https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/); the schemas below know all of it |

Regular expressions are those of [Go](https://pkg.go.dev/regexp/syntax), and they match anywhere unless they are anchored with
` + "`^` and `$`" + `. One key is found, with what it means, by ` + "`prow schema explain KEY`" + `:

` + "```" + `
$ prow schema explain tide.queries.labels
` + "```" + `
`

// Editors says how editors come to use the schemas.
const Editors = `
## In your editor

With a JSON Schema an editor completes keys, shows what they mean, and underlines what Prow would not take:

` + "```" + `
prow schema jobs > jobs.schema.json        # also: config, plugins, prow-yaml
` + "```" + `

Every editor that speaks to the [YAML language server](https://github.com/redhat-developer/yaml-language-server) (VS Code with the
extension YAML by Red Hat, Vim, Emacs, Zed and others) reads a comment at the top of a file:

` + "```yaml" + `
# yaml-language-server: $schema=../jobs.schema.json
` + "```" + `

For all files of a folder, VS Code takes this in ` + "`.vscode/settings.json`" + `; JetBrains IDEs have the same under *JSON Schema Mappings*:

` + "```json" + `
{
  "yaml.schemas": {
    "config.schema.json": "config/prow/config.yaml",
    "plugins.schema.json": "config/prow/plugins.yaml",
    "jobs.schema.json": "config/jobs/**/*.yaml",
    "prow-yaml.schema.json": [".prow.yaml", ".prow/**/*.yaml"]
  }
}
` + "```" + `

The schemas are draft-07, which is what editors check by. They are a little stricter than Prow: they refuse unknown keys and
unknown words, of which Prow only warns, because to see those is what an editor is for. They let be what real files rely on:
` + "`prow_ignored`" + ` anywhere, keys in capitals, "labels:" with nothing behind it, and at the top of a file of jobs keys in camelCase or
beginning with ` + "`_`, `.` or `x-`" + `, which are homes for YAML anchors. For everything that no schema can see, such as jobs that are there twice
or a preset that is missing, there is ` + "`prow checkconfig`" + `.
`
