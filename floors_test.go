package prow_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/prow-ci/prow"

// floors is the house, bottom up. A package imports only what may, by its
// line, be seen from it. "." is the root package, the nouns and ports; "*" sees
// everything. ARCHITECTURE.md shows the same table with reasons.
var floors = map[string]string{
	".": "",

	// Rules and tools: values in, values out, or the one git everyone has.
	"config": ".", "owners": ".", "trigger": ". config", "podspec": ". config",
	"git": ".", "loop": ".", "hub": "", "inrepo": ". config git",
	// What the commands say of a configuration, without running it.
	"lint": ". config owners trigger", "plan": ". config trigger git inrepo", "compare": ". config trigger",
	"schema": ". config", "mkpj": ". config trigger podspec",
	// What an installation on Kubernetes consists of.
	"install": ". config",

	// The contract between hook and the plugins, and the one between tests and
	// whatever implements a port.
	"plugin": ". config owners trigger git inrepo", "prowtest": ".",

	// Hands: one technology each. They see no worker, and not one another.
	"github": ".", "sandbox": ". git", "kube": ". podspec hub", "sqlite": ". hub", "postgres": ". hub",
	"podutil": ". git", "local": ". podutil hub", "blob": ".", "outside": ".",

	// Workers: one duty each. They see no hand, and not one another.
	"plugins/*":  ". config owners trigger git inrepo plugin",
	"hook":       ". config plugin",
	"horologium": ". config trigger loop", "plank": ". config loop",
	"crier": ". config loop", "sinker": ". config loop",
	"tide": ". config trigger git inrepo loop",
	"deck": ". config trigger plugin", "org": ". config",
	// Jobs that run elsewhere. Nothing but jenkins speaks to Jenkins, so it is hand
	// and worker in one; tekton's hand is in kube.
	"tekton": ". config loop", "jenkins": ". config",
	// Which cluster a job runs on: a rule, or a service that is asked. Plank takes its
	// answer as a value.
	"scheduler": ". config",
	"client":    ".",

	// For tests: a sandbox, a client of it, mirrors, all joined.
	"prowtest/world": ". git sandbox github config inrepo plugin hook sqlite",
	// A real Kubernetes control plane; it starts programs and knows nothing of ours.
	"prowtest/cluster": "",
	// Plays scripts on a world with hook and whatever plugins a test gives it.
	"prowtest/story": ". config git inrepo plugin hook sandbox github sqlite prowtest prowtest/world",

	// The house and its doors.
	"server":   "*",
	"cmd/prow": ". config client server lint plan compare schema mkpj podspec install", "cmd/podutil": ". blob podutil",
	"e2e": "*",
}

// reserved lists libraries that only some packages may see: each would pull its
// weight or its world view into the rest.
var reserved = map[string]string{
	"k8s.io/client-go/util/workqueue": "kube loop",
	"k8s.io/client-go":                "kube loop",
	"modernc.org/sqlite":              "sqlite sandbox",
	"database/sql":                    "sqlite sandbox",
	"github.com/jackc/pgx":            "postgres",
	"github.com/google/go-github":     "github sandbox",
	"github.com/shurcooL":             "github",
	"github.com/moby":                 "local",
	"github.com/spf13/cobra":          "cmd/prow cmd/podutil",
	"gocloud.dev":                     "blob",
	"cloud.google.com":                "blob",
}

func TestFloors(t *testing.T) {
	err := fs.WalkDir(os.DirFS("."), ".", func(file string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != "." || d.Name() == "testdata" || d.Name() == "tools") {
			return fs.SkipDir
		}
		if err != nil || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return err
		}
		src, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, fault := range faults(file, string(src)) {
			t.Error(fault)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The law is only worth something if it catches a breach.
func TestFloorsCatchABreach(t *testing.T) {
	for file, src := range map[string]string{
		"plank/x.go":        "package plank\nimport _ \"" + module + "/sqlite\"",
		"tide/x.go":         "package tide\nimport _ \"" + module + "/hook\"",
		"x.go":              "package prow\nimport _ \"" + module + "/config\"",
		"nowhere/x.go":      "package nowhere",
		"deck/x.go":         "package deck\nimport _ \"database/sql\"",
		"plugins/gate/x.go": "package gate\nimport _ \"" + module + "/github\"",
	} {
		if len(faults(file, src)) == 0 {
			t.Errorf("%s: a planted breach was not found:\n%s", file, src)
		}
	}
	if f := faults("plank/x.go", "package plank\nimport _ \""+module+"/loop\""); len(f) > 0 {
		t.Errorf("what is allowed was refused: %v", f)
	}
}

func faults(file, src string) []string {
	pkg := path.Dir(file)
	row := pkg
	if strings.HasPrefix(pkg, "plugins/") {
		row = "plugins/*"
	}
	may, ok := floors[row]
	if !ok {
		return []string{pkg + " stands on no floor: give it a line in floors_test.go and ARCHITECTURE.md"}
	}
	f, err := parser.ParseFile(token.NewFileSet(), file, src, parser.ImportsOnly)
	if err != nil {
		return []string{err.Error()}
	}
	var out []string
	for _, imp := range f.Imports {
		p, _ := strconv.Unquote(imp.Path.Value)
		for lib, who := range reserved {
			if (p == lib || strings.HasPrefix(p, lib+"/")) && !strings.Contains(" "+who+" ", " "+pkg+" ") {
				out = append(out, file+": "+pkg+" may not see "+lib+" (only "+who+" may)")
			}
		}
		dep, own := strings.CutPrefix(p+"/", module+"/")
		if !own || may == "*" {
			continue
		}
		if dep = path.Clean(dep); !strings.Contains(" "+may+" ", " "+dep+" ") {
			out = append(out, file+": "+pkg+" may not see "+dep+" (it may see "+may+")")
		}
	}
	return out
}
