//go:build acceptance

package github

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

// module returns a folder of an npm package: below $PROW_TEST_NODE_MODULES,
// or where scripts/install puts them.
func module(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(cmp.Or(os.Getenv("PROW_TEST_NODE_MODULES"), "../e2e/npm/node_modules"), name)
	if _, err := os.Stat(dir); err != nil {
		t.Fatalf("%v; run scripts/install", err)
	}
	return dir
}

// GitHub's own examples of every webhook are parsed or ignored, never refused.
func TestParseGitHubsExamples(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(module(t, "@octokit/webhooks-examples"), "api.github.com/index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var kinds []struct {
		Name     string            `json:"name"`
		Examples []json.RawMessage `json:"examples"`
	}
	if err := json.Unmarshal(raw, &kinds); err != nil {
		t.Fatal(err)
	}
	seen, parsed := 0, map[string]int{}
	for _, k := range kinds {
		for i, example := range k.Examples {
			seen++
			events, err := ParseEvents(k.Name, "guid", example)
			if err != nil {
				t.Errorf("%s, example %d: %v", k.Name, i, err)
			}
			for _, e := range events {
				parsed[strings.TrimPrefix(typeName(e), "prow.")]++
				if e.Name() != k.Name || e.Delivery() != "guid" {
					t.Errorf("%s, example %d: header %s, %s", k.Name, i, e.Name(), e.Delivery())
				}
				if _, other := e.(prow.OtherEvent); !other && e.Where().Repo.Name == "" {
					t.Errorf("%s, example %d: no repository in %+v", k.Name, i, e.Where())
				}
			}
		}
	}
	if seen != 329 {
		t.Errorf("%d examples, want 329: is it version 7.6.1?", seen)
	}
	t.Logf("%d examples: %v", seen, parsed)
}

// Our questions are what GitHub's schema permits.
func TestQueriesFitGitHubsSchema(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(module(t, "@octokit/graphql-schema"), "schema.graphql"))
	if err != nil {
		t.Fatal(err)
	}
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphql", Input: deduplicated(string(raw))})
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{findPulls, findIssues} {
		if _, err := gqlparser.LoadQuery(schema, q); err != nil {
			t.Errorf("%v in\n%s", err, q)
		}
	}
}

// deduplicated renames two fields that GitHub's published schema lists twice.
func deduplicated(schema string) string {
	begin := strings.Index(schema, "type EnterpriseOwnerInfo ")
	end := begin + strings.Index(schema[begin:], "\n}\n")
	part := schema[begin:end]
	for _, field := range []string{"repositoryDeployKeySetting:", "repositoryDeployKeySettingOrganizations("} {
		if i, j := strings.Index(part, field), strings.LastIndex(part, field); i != j {
			part = part[:j] + "again_" + part[j:]
		}
	}
	return schema[:begin] + part + schema[end:]
}
