package install_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/prow-ci/prow/install"
)

// What stands in deploy is what prow install prints. UPDATE_GOLDEN=1 writes it anew.
func TestDeploy(t *testing.T) {
	t.Parallel()
	o := options()
	o.Image, o.Version, o.Token, o.HMAC = "prow.local/prow:latest", "", []byte("put-the-token-of-your-bot-here"), []byte("put-a-random-secret-here")
	starter := render(t, o)
	all, err := install.YAML(starter)
	if err != nil {
		t.Fatal(err)
	}
	o.Upgrade, o.Definitions = true, nil
	base, err := install.YAML(render(t, o))
	if err != nil {
		t.Fatal(err)
	}
	const said = "# Made by `prow install`; `make golden` writes it anew.\n"
	file := func(name, key string) []byte {
		s, _ := at(find(starter, "ConfigMap prow/"+name), "data", key).(string)
		return []byte(s)
	}
	for name, want := range map[string][]byte{
		"prow_starter.yaml": append([]byte(said+"# Everything in one file: put in your token, secret, organisation and bucket, then kubectl apply -f it.\n"), all...),
		"prow.yaml":         append([]byte(said), base...),
		"config.yaml":       file("config", "config.yaml"),
		"plugins.yaml":      file("plugins", "plugins.yaml"),
	} {
		path := filepath.Join("../deploy", name)
		if os.Getenv("UPDATE_GOLDEN") != "" {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if have, err := os.ReadFile(path); err != nil || string(have) != string(want) {
			t.Errorf("%s is not what prow install prints: run make golden (%v)", path, err)
		}
	}
}
