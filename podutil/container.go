package podutil

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	corev1 "k8s.io/api/core/v1"
)

// Container is one container of the job, with all that its spec refers to looked up.
type Container struct {
	Name    string
	Init    bool // it ends before the others begin
	Image   string
	Command []string // empty: the image's own
	Args    []string
	Env     []string // NAME=value
	Dir     string   // working directory as the container sees it; "" is the image's
	Mounts  []Mount
	Spec    *corev1.Container // for limits and the like
	Pod     *corev1.PodSpec
}

// Mount is a place of this machine that a container sees.
type Mount struct {
	Source   string // path here
	Target   string // path in the container
	ReadOnly bool
}

// containers makes, of the job's pod spec, what an executor starts. An error says
// why the job can never run here.
func (r *Run) containers() ([]Container, error) {
	pod := r.Job.Spec.PodSpec
	if pod == nil || len(pod.Containers) == 0 {
		return nil, errors.New("the job has no pod spec with a container: only jobs of the agent kubernetes run here")
	}
	volumes, err := r.volumes(pod)
	if err != nil {
		return nil, err
	}
	home, artifacts := r.Executor.Places(r.Folder)
	env, err := r.Job.Env(home, artifacts)
	if err != nil {
		return nil, err
	}
	var out []Container
	add := func(c *corev1.Container, init bool) error {
		x, err := r.container(c, pod, volumes, env)
		if err != nil {
			return fmt.Errorf("container %s: %w", x.Name, err)
		}
		x.Init = init
		if init {
			x.Dir = c.WorkingDir
		}
		out = append(out, x)
		return nil
	}
	for i := range pod.InitContainers {
		if err := add(&pod.InitContainers[i], true); err != nil {
			return nil, err
		}
	}
	for i := range pod.Containers {
		if err := add(&pod.Containers[i], false); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Names returns the names of the job's test containers, as logs and results
// call them.
func Names(j *prow.Job) []string {
	if j.Spec.PodSpec == nil {
		return nil
	}
	var names []string
	for i := range j.Spec.PodSpec.Containers {
		names = append(names, containerName(j.Spec.PodSpec, &j.Spec.PodSpec.Containers[i]))
	}
	return names
}

// containerName is "test" for an only container, whatever the spec calls it.
func containerName(pod *corev1.PodSpec, c *corev1.Container) string {
	for i := range pod.Containers {
		if c != &pod.Containers[i] {
			continue
		}
		if len(pod.Containers) == 1 {
			return "test"
		}
		if c.Name == "" {
			return fmt.Sprintf("test-%d", i+1)
		}
	}
	if c.Name == "" {
		return "init"
	}
	return path.Base(path.Clean("/" + c.Name))
}

func (r *Run) container(c *corev1.Container, pod *corev1.PodSpec, volumes map[string]volume, prowEnv map[string]string) (Container, error) {
	x := Container{Name: containerName(pod, c), Image: c.Image, Spec: c, Pod: pod}
	env, err := r.env(c)
	if err != nil {
		return x, err
	}
	env.add(prowEnv)
	x.Env = env.list()
	x.Command, x.Args = env.expandAll(c.Command), env.expandAll(c.Args)
	decorated := r.Job.Spec.DecorationConfig != nil
	if decorated && len(x.Command)+len(x.Args) == 0 {
		return x, errors.New("a decorated job needs a command or args: what the image would run by itself is not known")
	}
	x.Dir = c.WorkingDir
	if refs := r.refs(); x.Dir == "" && len(refs) > 0 {
		home, _ := r.Executor.Places(r.Folder)
		x.Dir = path.Join(home, "src", workDir(refs))
	}
	for _, m := range c.VolumeMounts {
		v, ok := volumes[m.Name]
		if !ok {
			return x, fmt.Errorf("it mounts the volume %q, which the pod spec does not have", m.Name)
		}
		if v.path == "" {
			continue // optional, and not there
		}
		source := filepath.Join(v.path, filepath.FromSlash(path.Clean("/"+m.SubPath)))
		if m.SubPathExpr != "" {
			source = filepath.Join(v.path, filepath.FromSlash(path.Clean("/"+env.expand(m.SubPathExpr))))
		}
		if _, err := os.Lstat(source); err != nil && v.ours {
			if err := os.MkdirAll(source, 0o777); err != nil {
				return x, err
			}
		}
		if !path.IsAbs(m.MountPath) {
			return x, fmt.Errorf("the volume %s is mounted at %q: want an absolute path", m.Name, m.MountPath)
		}
		x.Mounts = append(x.Mounts, Mount{Source: source, Target: path.Clean(m.MountPath), ReadOnly: m.ReadOnly || v.readOnly})
	}
	return x, nil
}

// refs returns what is to be cloned.
func (r *Run) refs() []prow.Refs {
	d := r.Job.Spec.DecorationConfig
	if d == nil || d.SkipCloning != nil && *d.SkipCloning {
		return nil
	}
	var out []prow.Refs
	if r.Job.Spec.Refs != nil {
		main := *r.Job.Spec.Refs
		if len(main.SparseCheckoutFiles) == 0 {
			main.SparseCheckoutFiles = d.SparseCheckoutFiles
		}
		out = append(out, main)
	}
	out = append(out, r.Job.Spec.ExtraRefs...)
	for i := range out {
		if out[i].BloblessFetch == nil {
			out[i].BloblessFetch = d.BloblessFetch
		}
	}
	return out
}

// workDir is the clone in which the test begins.
func workDir(refs []prow.Refs) string {
	for _, r := range refs {
		if r.WorkDir {
			return r.ClonePath()
		}
	}
	return refs[0].ClonePath()
}

// environ is an ordered set of variables.
type environ struct {
	names  []string
	values map[string]string
}

func (e *environ) set(name, value string) {
	if _, ok := e.values[name]; !ok {
		e.names = append(e.names, name)
	}
	e.values[name] = value
}

func (e *environ) add(m map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		e.set(name, m[name])
	}
}

func (e *environ) list() []string {
	out := make([]string, len(e.names))
	for i, n := range e.names {
		out[i] = n + "=" + e.values[n]
	}
	return out
}

// expand replaces $(NAME) by the value of a variable that is known, as
// Kubernetes does; $$ is a dollar.
func (e *environ) expand(s string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '$')
		if i < 0 || i == len(s)-1 {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:i])
		s = s[i+1:]
		switch {
		case s[0] == '$':
			b.WriteByte('$')
			s = s[1:]
		case s[0] == '(':
			name, rest, ok := strings.Cut(s[1:], ")")
			v, known := e.values[name]
			if !ok || !known {
				b.WriteString("$(")
				s = s[1:]
				continue
			}
			b.WriteString(v)
			s = rest
		default:
			b.WriteByte('$')
		}
	}
}

func (e *environ) expandAll(in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = e.expand(s)
	}
	return out
}
