package server

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// docs/plugins.md is drawn from the plugins themselves.
func TestPluginsAreDocumented(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Plugins and their commands\n\nDrawn from the plugins themselves by `make golden`. A plugin works where `plugins.yaml` enables it.\n")
	for _, p := range Plugins() {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", p.Name, p.Doc)
		for i, c := range p.Commands {
			if c.Usage == "" {
				continue
			}
			if i == 0 {
				b.WriteString("\n| say | who | what it does |\n|---|---|---|\n")
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", cell(c.Usage), cell(c.Who), cell(c.Doc))
		}
		if p.Snippet != "" {
			fmt.Fprintf(&b, "\n```yaml\n%s\n```\n", strings.TrimSpace(p.Snippet))
		}
	}
	const name = "../docs/plugins.md"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil || string(got) != b.String() {
		t.Errorf("%s is not what the plugins say (%v): run make golden and read the diff", name, err)
	}
}

func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(s)
}
