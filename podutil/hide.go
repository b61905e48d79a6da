package podutil

import (
	"bufio"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
)

// secrets returns what must not be seen in what the tests left. The error says that
// it is not known.
func (s *sidecar) secrets() ([]string, error) {
	o := s.o.CensoringOptions
	if o == nil {
		return nil, nil
	}
	var all []string
	for _, dir := range o.SecretDirectories {
		found, err := secretsBelow(dir, o.IniFilenames)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	shortest := 0
	if o.MinimumSecretLength != nil {
		shortest = *o.MinimumSecretLength
	}
	return forms(all, shortest), nil
}

func rulesOf(o *prow.SidecarCensoringOptions) *prow.CensoringOptions {
	if o == nil {
		return nil
	}
	return &prow.CensoringOptions{IncludeDirectories: o.IncludeDirectories, ExcludeDirectories: o.ExcludeDirectories}
}

// secretsBelow reads all files of a folder of secrets. A folder that is not there
// holds none.
func secretsBelow(dir string, ini []string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			if name == dir && os.IsNotExist(err) {
				return nil
			}
			return err
		case strings.HasPrefix(e.Name(), ".."): // how Kubernetes swaps a mounted secret
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		case e.IsDir():
			return nil
		}
		i, err := os.Stat(name) // a key is a link into the folder that is swapped
		if err != nil || !i.Mode().IsRegular() {
			return err
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		out = append(out, string(b))
		out = append(out, dockerSecrets(e.Name(), b)...)
		if slices.Contains(ini, e.Name()) {
			out = append(out, iniValues(b)...)
		}
		return nil
	})
	return out, err
}

// iniValues are the values in a file of NAME = value lines.
func iniValues(b []byte) []string {
	var out []string
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, len(b)+1)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		if _, value, ok := strings.Cut(line, "="); ok {
			out = append(out, strings.Trim(strings.TrimSpace(value), `"'`))
		}
	}
	return out
}
