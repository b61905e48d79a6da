package podutil

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// volume is where a volume of the pod spec is on this machine; path is "" for
// an optional one that is not there.
type volume struct {
	path     string
	readOnly bool
	ours     bool // made for this run
}

// volumes makes the volumes of the pod spec.
func (r *Run) volumes(pod *corev1.PodSpec) (map[string]volume, error) {
	out := map[string]volume{}
	for i := range pod.Volumes {
		v := &pod.Volumes[i]
		x, err := r.volume(v)
		if err != nil {
			return nil, fmt.Errorf("volume %s: %w", v.Name, err)
		}
		out[v.Name] = x
	}
	return out, nil
}

func (r *Run) volume(v *corev1.Volume) (volume, error) {
	if !filepath.IsLocal(v.Name) || strings.Contains(v.Name, "/") {
		return volume{}, errors.New("this is not a name")
	}
	own := filepath.Join(r.Folder, volumeDir, v.Name)
	switch s := v.VolumeSource; {
	case s.EmptyDir != nil || s == (corev1.VolumeSource{}):
		return volume{path: own, ours: true}, errors.Join(os.Mkdir(own, 0o777), os.Chmod(own, 0o777))
	case s.Secret != nil:
		err := r.secretVolume(own, s.Secret)
		if errors.Is(err, fs.ErrNotExist) && s.Secret.Optional != nil && *s.Secret.Optional {
			return volume{}, nil
		}
		return volume{path: own, readOnly: true}, err
	case s.HostPath != nil:
		p := filepath.Clean(s.HostPath.Path)
		allowed := slices.ContainsFunc(r.HostPaths, func(a string) bool { return p == a || strings.HasPrefix(p, strings.TrimSuffix(a, "/")+"/") })
		if !allowed {
			return volume{}, fmt.Errorf("the path %s of this machine is not open to jobs", p)
		}
		return volume{path: p}, nil
	case s.ConfigMap != nil && s.ConfigMap.Optional != nil && *s.ConfigMap.Optional:
		return volume{}, nil
	}
	return volume{}, errors.New("only emptyDir, secret and hostPath volumes can be had on one machine")
}

// secretVolume copies the keys of a secret to dir.
func (r *Run) secretVolume(dir string, s *corev1.SecretVolumeSource) error {
	keys, err := r.secret(s.SecretName)
	if err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if s.DefaultMode != nil {
		mode = fs.FileMode(*s.DefaultMode) & 0o777
	}
	files := map[string]string{}
	for k := range keys {
		files[k] = k
	}
	if len(s.Items) > 0 {
		clear(files)
		for _, i := range s.Items {
			if _, ok := keys[i.Key]; !ok {
				return fmt.Errorf("the secret %s has no key %s: %w", s.SecretName, i.Key, fs.ErrNotExist)
			}
			if !filepath.IsLocal(i.Path) {
				return fmt.Errorf("the path %q leads out of the volume", i.Path)
			}
			files[i.Path] = i.Key
		}
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for name, key := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(p, keys[key], mode|0o400); err != nil {
			return err
		}
	}
	return nil
}
