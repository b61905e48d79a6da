package local

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"
	"github.com/prow-ci/prow/podutil"
	corev1 "k8s.io/api/core/v1"
)

// Prepare makes sure of the images.
func (x *containers) Prepare(ctx context.Context, all []podutil.Container, doing func(string)) error {
	api, err := x.connect()
	if err != nil {
		return err
	}
	var done []string
	for _, c := range all {
		key := c.Image + string(c.Spec.ImagePullPolicy)
		if slices.Contains(done, key) {
			continue
		}
		done = append(done, key)
		if err := x.image(ctx, api, c, doing); err != nil {
			return err
		}
	}
	return nil
}

func (x *containers) image(ctx context.Context, api *client.Client, c podutil.Container, doing func(string)) error {
	_, err := api.ImageInspect(ctx, c.Image)
	switch {
	case err == nil && c.Spec.ImagePullPolicy != corev1.PullAlways:
		return nil
	case err != nil && !cerrdefs.IsNotFound(err):
		return fmt.Errorf("the container engine does not answer: %w", err)
	case c.Spec.ImagePullPolicy == corev1.PullNever:
		return fmt.Errorf("the image %s is not on this machine, and its pull policy is Never", c.Image)
	}
	doing("pulling the image " + c.Image)
	pull, err := api.ImagePull(ctx, c.Image, client.ImagePullOptions{RegistryAuth: x.registryAuth(c.Image)})
	if err == nil {
		err = pull.Wait(ctx)
	}
	if err != nil {
		return fmt.Errorf("the image %s could not be pulled: %w", c.Image, err)
	}
	return nil
}

// registryAuth is the login for an image, from the secrets that the job names and
// from the person's own file; "" where there is none.
func (x *containers) registryAuth(image string) string {
	var files []string
	for _, s := range x.plan.Job.Spec.PodSpec.ImagePullSecrets {
		if x.plan.Secrets != "" && filepath.IsLocal(s.Name) {
			files = append(files, filepath.Join(x.plan.Secrets, s.Name, ".dockerconfigjson"))
		}
	}
	dir := os.Getenv("DOCKER_CONFIG")
	if dir == "" {
		dir = filepath.Join(os.Getenv("HOME"), ".docker")
	}
	files = append(files, filepath.Join(dir, "config.json"))
	host := registry(image)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // then the next, or none: public images need no login
		}
		if auth := loginFor(b, host); auth != "" {
			return auth
		}
	}
	return ""
}

// registry is the host that an image comes from.
func registry(image string) string {
	first, _, ok := strings.Cut(image, "/")
	if ok && (strings.ContainsAny(first, ".:") || first == "localhost") {
		return first
	}
	return "docker.io"
}

// loginFor finds the login for a host in Docker's file and returns it as the API
// wants it.
func loginFor(file []byte, host string) string {
	var c struct {
		Auths map[string]struct{ Auth, Username, Password string }
	}
	if json.Unmarshal(file, &c) != nil {
		return ""
	}
	for key, a := range c.Auths {
		key = strings.TrimPrefix(strings.TrimPrefix(key, "https://"), "http://")
		key, _, _ = strings.Cut(key, "/")
		if key != host && !(host == "docker.io" && key == "index.docker.io") {
			continue
		}
		if b, err := base64.StdEncoding.DecodeString(a.Auth); err == nil && a.Auth != "" {
			a.Username, a.Password, _ = strings.Cut(string(b), ":")
		}
		return base64.URLEncoding.EncodeToString(encode(map[string]string{"username": a.Username, "password": a.Password, "serveraddress": host}))
	}
	return ""
}

// own gives us the files that containers left as another user's, so that they can
// be uploaded and deleted. Root, who may do both anyhow, needs it not.
func (x *containers) own(ctx context.Context) {
	uid := os.Getuid()
	if uid == 0 || x.plan.folder == "" || !foreign(x.plan.folder, uid) {
		return
	}
	c := x.plan.Job.Spec.PodSpec.Containers[0]
	made, err := x.api.ContainerCreate(ctx, client.ContainerCreateOptions{
		Config: &container.Config{Image: c.Image, User: "0:0", Entrypoint: []string{"chown"}, Cmd: []string{"-R", fmt.Sprintf("%d:%d", uid, os.Getgid()), "/run-folder"},
			Labels: map[string]string{labelFolder: x.plan.folder}},
		HostConfig: &container.HostConfig{NetworkMode: "none", Mounts: []mount.Mount{{Type: mount.TypeBind, Source: x.plan.folder, Target: "/run-folder"}}},
	})
	if err != nil {
		return // what we cannot read is then named as left out
	}
	wait := x.api.ContainerWait(ctx, made.ID, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	if _, err := x.api.ContainerStart(ctx, made.ID, client.ContainerStartOptions{}); err != nil {
		return
	}
	select {
	case <-wait.Result:
	case <-wait.Error:
	}
}

var errFound = errors.New("found")

// foreign reports whether something below dir is not the user's.
func foreign(dir string, uid int) bool {
	return errors.Is(filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return errFound // not even readable
		}
		if i, err := e.Info(); err == nil && owner(i) != uid {
			return errFound
		}
		return nil
	}), errFound)
}
