//go:build acceptance

package local_test

import (
	"archive/tar"
	"bytes"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/client"
	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/local"
	"github.com/prow-ci/prow/prowtest"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// busybox is an image of Debian's busybox-static, as a tar file.
func busybox() (io.Reader, error) {
	bin, err := os.ReadFile("/bin/busybox")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(h *tar.Header, body []byte) {
		h.Size = int64(len(body))
		_ = w.WriteHeader(h)
		_, _ = w.Write(body)
	}
	for _, d := range []string{"bin/", "tmp/", "etc/"} {
		add(&tar.Header{Name: d, Typeflag: tar.TypeDir, Mode: 0o1777}, nil)
	}
	add(&tar.Header{Name: "bin/busybox", Mode: 0o755}, bin)
	for _, n := range []string{"sh", "cat", "echo", "sleep", "mkdir", "true", "false", "id", "ls", "chown", "dd", "head", "wc", "rm", "env", "ip", "test", "touch", "seq", "tail", "wget", "nc"} {
		add(&tar.Header{Name: "bin/" + n, Typeflag: tar.TypeSymlink, Linkname: "busybox", Mode: 0o777}, nil)
	}
	return &b, w.Close()
}

func TestRunnerOfContainers(t *testing.T) {
	inEach(t, func(t *testing.T, k kitchen) {
		prowtest.Runner(t, func(t *testing.T) prowtest.RunnerCase { return k.open(t).RunnerCase })
	})
}

func TestAContainerSeesAPod(t *testing.T) {
	inEach(t, func(t *testing.T, k kitchen) {
		secrets := t.TempDir()
		if err := os.MkdirAll(filepath.Join(secrets, "tok"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(secrets, "tok", "key"), []byte("hunter2hunter2\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		c := k.open(t, func(o *local.Options) { o.Secrets = secrets })
		refs, _ := remote(t, backend)
		run, log := play(t, c, prowtest.Script(`pwd; cat f2 f3; echo $GOPATH $ARTIFACTS; cat /etc/tok/key; echo "$PASS"; id -u; echo x > /cache/x; ls /cache; cat /proc/self/status | busybox grep NoNewPrivs; ip link | busybox grep -c UP; echo $(K8S)`),
			checkout(refs), func(j *prow.Job) {
				j.Annotations = map[string]string{local.Network: "none"}
				uid := int64(1234)
				p := j.Spec.PodSpec
				p.Volumes = []corev1.Volume{
					{Name: "tok", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "tok"}}},
					{Name: "cache", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
				}
				p.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "tok", MountPath: "/etc/tok"}, {Name: "cache", MountPath: "/cache"}}
				p.Containers[0].SecurityContext = &corev1.SecurityContext{RunAsUser: &uid}
				p.Containers[0].Env = []corev1.EnvVar{
					{Name: "K8S", Value: "expanded"},
					{Name: "PASS", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "tok"}, Key: "key"}}},
				}
			})
		if run.Verdict != prow.Success {
			t.Fatalf("%+v\n%s", run, log)
		}
		want := "/home/prow/go/src/github.com/o/r\nx\ny\n/home/prow/go /logs/artifacts\nXXXXXXXX\nXXXXXXXX\n\n1234\nx\nNoNewPrivs:\t1\n1\nexpanded\n"
		if log != want {
			t.Errorf("log:\n%s\nwant:\n%s", log, want)
		}
	})
}

func TestAnImageThatIsNotThere(t *testing.T) {
	inEach(t, func(t *testing.T, k kitchen) {
		c := k.open(t)
		run, log := play(t, c, prowtest.Script("true"), func(j *prow.Job) { j.Spec.PodSpec.Containers[0].Image = "127.0.0.1:1/no/such:v1" })
		if run.Verdict != prow.Error || run.Lost || !strings.Contains(run.Why, "127.0.0.1:1/no/such:v1 could not be pulled") {
			t.Errorf("%+v\n%s", run, log)
		}
	})
}

func TestTooMuchMemory(t *testing.T) {
	inEach(t, func(t *testing.T, k kitchen) {
		c := k.open(t)
		run, log := play(t, c, prowtest.Script("tail /dev/zero"), func(j *prow.Job) {
			j.Spec.PodSpec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("32Mi")}
		})
		if run.Verdict != prow.Failure || run.ExitCode != 137 || !strings.Contains(run.Why, "32 MiB") {
			t.Errorf("%+v\n%s", run, log)
		}
	})
}

func TestSeveralContainersShareANetwork(t *testing.T) {
	inEach(t, func(t *testing.T, k kitchen) {
		c := k.open(t)
		j := prowtest.Job("job", prowtest.Script(""), func(j *prow.Job) {
			j.Annotations = map[string]string{local.Network: "none"}
			j.Spec.PodSpec.Containers = []corev1.Container{
				{Name: "one", Image: "busybox", Command: []string{"sh", "-c", "echo I am one; exit 0"}},
				{Name: "two", Image: "busybox", Command: []string{"sh", "-c", "echo I am two; exit 4"}},
			}
			j.Spec.PodSpec.InitContainers = []corev1.Container{{Name: "first", Image: "busybox", Command: []string{"sh", "-c", "echo ready > $ARTIFACTS/ready"}}}
		})
		if err := c.Runner.Start(t.Context(), j); err != nil {
			t.Fatal(err)
		}
		run := await(t, c.Runner, "job")
		if run.Verdict != prow.Failure || run.ExitCode != 4 || !strings.Contains(run.Why, "two") {
			t.Errorf("%+v", run)
		}
		for file, want := range map[string]string{"one-build-log.txt": "I am one\n", "two-build-log.txt": "I am two\n", "artifacts/ready": "ready\n"} {
			if b, err := fs.ReadFile(c.Artifacts, path.Join(prow.Dir(j), file)); string(b) != want {
				t.Errorf("%s = %q, %v", file, b, err)
			}
		}
	})
}

// A supervisor that is killed leaves a container; the runner ends it.
func TestContainersOfALostRunAreRemoved(t *testing.T) {
	inEach(t, func(t *testing.T, k kitchen) {
		c := k.open(t)
		if err := c.Runner.Start(t.Context(), prowtest.Job("job", prowtest.Script("echo up; sleep 300"))); err != nil {
			t.Fatal(err)
		}
		rc, err := c.Runner.Logs(t.Context(), "job", "", 0, true)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(rc, make([]byte, 3)); err != nil {
			t.Fatal(err)
		}
		killSupervisor(t, c, "job")
		_, _ = io.Copy(io.Discard, rc)
		run, err := c.Runner.Look(t.Context(), "job")
		if err != nil || !run.Lost || run.Verdict != prow.Error {
			t.Errorf("%+v, %v", run, err)
		}
		socket, _ := k.socket()
		api, err := client.New(client.WithHost(socket))
		if err != nil {
			t.Fatal(err)
		}
		defer api.Close()
		list, err := api.ContainerList(t.Context(), client.ContainerListOptions{All: true})
		if err != nil || len(list.Items) != 0 {
			t.Errorf("%d containers are left, %v", len(list.Items), err)
		}
	})
}
