package podutil

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// secret reads a secret's keys and remembers them for the censor. An absent one
// is fs.ErrNotExist.
func (r *Run) secret(name string) (map[string][]byte, error) {
	if r.Secrets == "" {
		return nil, fmt.Errorf("the secret %s is not here: this machine has no folder of secrets for jobs: %w", name, fs.ErrNotExist)
	}
	if name == "" || !filepath.IsLocal(name) || strings.Contains(name, "/") {
		return nil, fmt.Errorf("%q is not the name of a secret", name)
	}
	dir := filepath.Join(r.Secrets, name)
	list, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the secret %s is not here: put its keys as files into %s: %w", name, dir, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	keys := map[string][]byte{}
	for _, e := range list {
		if strings.HasPrefix(e.Name(), "..") {
			continue // how Kubernetes swaps a mounted secret
		}
		p := filepath.Join(dir, e.Name())
		if i, err := os.Stat(p); err != nil || !i.Mode().IsRegular() {
			continue
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return nil, err
		}
		keys[e.Name()] = b
		r.secrets = append(r.secrets, string(b))
		r.secrets = append(r.secrets, dockerSecrets(e.Name(), b)...)
	}
	return keys, nil
}

// dockerSecrets are the passwords inside a file for container registries.
func dockerSecrets(name string, b []byte) []string {
	type login struct{ Auth, Password string }
	var file struct{ Auths map[string]login }
	switch name {
	case ".dockerconfigjson", "config.json":
		_ = json.Unmarshal(b, &file) // not such a file, then: the whole is censored anyhow
	case ".dockercfg":
		_ = json.Unmarshal(b, &file.Auths)
	}
	var out []string
	for _, l := range file.Auths {
		out = append(out, l.Auth, l.Password)
	}
	return out
}

// env looks up the variables of a container.
func (r *Run) env(c *corev1.Container) (*environ, error) {
	env := &environ{values: map[string]string{}}
	for _, from := range c.EnvFrom {
		if err := r.envFrom(env, from); err != nil {
			return nil, err
		}
	}
	for _, v := range c.Env {
		if v.Name == "" || strings.ContainsAny(v.Name, "=\x00") || strings.Contains(v.Value, "\x00") {
			return nil, fmt.Errorf("%q cannot be a variable of the environment", v.Name)
		}
		if v.ValueFrom == nil {
			env.set(v.Name, env.expand(v.Value))
			continue
		}
		value, ok, err := r.valueFrom(v.ValueFrom)
		if err != nil {
			return nil, fmt.Errorf("variable %s: %w", v.Name, err)
		}
		if ok {
			env.set(v.Name, value)
		}
	}
	return env, nil
}

func (r *Run) envFrom(env *environ, from corev1.EnvFromSource) error {
	if from.SecretRef == nil {
		if m := from.ConfigMapRef; m != nil && m.Optional != nil && *m.Optional {
			return nil
		}
		return errors.New("its environment comes from a config map, which one machine does not have: write the values into the job, or use a secret")
	}
	keys, err := r.secret(from.SecretRef.Name)
	if err != nil {
		if o := from.SecretRef.Optional; o != nil && *o && errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	values := map[string]string{}
	for k, v := range keys {
		values[from.Prefix+k] = string(v)
	}
	env.add(values)
	return nil
}

func (r *Run) valueFrom(s *corev1.EnvVarSource) (value string, ok bool, err error) {
	switch {
	case s.SecretKeyRef != nil:
		keys, err := r.secret(s.SecretKeyRef.Name)
		b, ok := keys[s.SecretKeyRef.Key]
		if err == nil && !ok {
			err = fmt.Errorf("the secret %s has no key %s: %w", s.SecretKeyRef.Name, s.SecretKeyRef.Key, fs.ErrNotExist)
		}
		if o := s.SecretKeyRef.Optional; o != nil && *o && errors.Is(err, fs.ErrNotExist) {
			return "", false, nil
		}
		return string(b), err == nil, err
	case s.FieldRef != nil:
		value, err := r.field(s.FieldRef.FieldPath)
		return value, err == nil, err
	case s.ConfigMapKeyRef != nil && s.ConfigMapKeyRef.Optional != nil && *s.ConfigMapKeyRef.Optional:
		return "", false, nil
	}
	return "", false, errors.New("its value comes from a place that one machine does not have; a secretKeyRef or a fieldRef to metadata works")
}

// field is what a pod would say of itself.
func (r *Run) field(p string) (string, error) {
	j := r.Job
	for prefix, m := range map[string]map[string]string{"metadata.labels": j.Labels, "metadata.annotations": j.Annotations} {
		if after, ok := strings.CutPrefix(p, prefix+"['"); ok {
			return m[strings.TrimSuffix(after, "']")], nil
		}
	}
	switch p {
	case "metadata.name", "metadata.uid":
		return j.Name, nil
	case "metadata.namespace":
		return j.Namespace, nil
	case "spec.nodeName", "spec.serviceAccountName":
		return "", nil
	case "status.podIP", "status.hostIP":
		return "127.0.0.1", nil
	}
	return "", fmt.Errorf("the field %s is not known here", p)
}

// forms returns the shapes in which the secrets may show up: without the white
// space around them, in base64 with and without it, and escaped for addresses and
// JSON.
func forms(secrets []string, shortest int) []string {
	var out []string
	for _, s := range secrets {
		t := strings.TrimSpace(s)
		if t == "" || t == "true" || t == "false" || len(t) < shortest {
			continue
		}
		quoted, _ := json.Marshal(t) // a string can always be
		out = append(out, t, url.QueryEscape(t), url.PathEscape(t), string(quoted[1:len(quoted)-1]))
		for _, b := range [][]byte{[]byte(s), []byte(t)} {
			out = append(out, base64.StdEncoding.EncodeToString(b), base64.RawStdEncoding.EncodeToString(b),
				base64.URLEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// secretKey reads one key of a secret.
func (r *Run) secretKey(name, key string) (string, error) {
	keys, err := r.secret(name)
	if err != nil {
		return "", err
	}
	b, ok := keys[key]
	if !ok {
		return "", fmt.Errorf("the secret %s has no key %s: %w", name, key, fs.ErrNotExist)
	}
	return string(b), nil
}
