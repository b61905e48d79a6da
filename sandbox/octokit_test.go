//go:build acceptance

package sandbox_test

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prow-ci/prow/prowtest/world"
)

// GitHub's own JavaScript client is content with every answer.
func TestOctokit(t *testing.T) {
	r, _ := town(t)
	script, err := os.ReadFile("testdata/octokit.mjs")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "--input-type=module", "-e", string(script))
	cmd.Dir = filepath.Dir(cmp.Or(os.Getenv("PROW_TEST_NODE_MODULES"), "../e2e/npm/node_modules"))
	cmd.Env = append(os.Environ(), "API="+r.Hub.API(), "TOKEN="+world.Token("alice"))
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "done") {
		t.Errorf("%v\n%s", err, out)
	}
}
