package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"
	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/podutil"
	corev1 "k8s.io/api/core/v1"
)

// Labels of our containers, by which they are found again.
const (
	labelFolder = "prow.run.folder"
	labelID     = "prow.k8s.io/id"
)

// containers is a podutil.Executor on the Docker API. A test sees its clones and
// artifacts at the places they have in a pod.
type containers struct {
	socket string
	plan   plan

	api    *client.Client
	first  string // container whose network the others share
	noInit bool   // the engine has no init program
}

// sockets lists where an engine may listen.
func sockets(name string) []string {
	var out []string
	add := func(s string) {
		if s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	runtime, home := os.Getenv("XDG_RUNTIME_DIR"), os.Getenv("HOME")
	if name == Podman {
		add(os.Getenv("CONTAINER_HOST"))
		if runtime != "" {
			add("unix://" + runtime + "/podman/podman.sock")
		}
		add("unix:///run/podman/podman.sock")
		return out
	}
	add(os.Getenv("DOCKER_HOST"))
	add("unix:///var/run/docker.sock")
	if runtime != "" {
		add("unix://" + runtime + "/docker.sock")
	}
	if home != "" {
		add("unix://" + home + "/.docker/run/docker.sock")
	}
	return out
}

// ping asks an engine whether it is there. Only one on this machine will do: it
// has to see our folders.
func ping(ctx context.Context, socket string) error {
	u, err := url.Parse(socket)
	if err != nil || u.Scheme != "unix" {
		return fmt.Errorf("%s is not a socket of this machine", socket)
	}
	if i, err := os.Stat(u.Path); err != nil || i.Mode()&fs.ModeSocket == 0 {
		return fmt.Errorf("there is no socket at %s", u.Path)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	api, err := client.New(client.WithHost(socket))
	if err != nil {
		return err
	}
	defer api.Close()
	_, err = api.Ping(ctx, client.PingOptions{})
	return err
}

func (x *containers) connect() (*client.Client, error) {
	if x.api != nil {
		return x.api, nil
	}
	api, err := client.New(client.WithHost(x.socket))
	if err != nil {
		return nil, fmt.Errorf("container engine at %s: %w", x.socket, err)
	}
	x.api = api
	return api, nil
}

// Places are those of a pod.
func (x *containers) Places(string) (home, artifacts string) { return prow.PodHome, prow.PodArtifacts }

// Check refuses what containers on one machine cannot have.
func (x *containers) Check(j *prow.Job) error {
	pod, err := checkPod(j)
	if err != nil {
		return err
	}
	for _, list := range [][]corev1.Container{pod.InitContainers, pod.Containers} {
		for i := range list {
			if list[i].Image == "" {
				return fmt.Errorf("container %q names no image", list[i].Name)
			}
		}
	}
	return nil
}

// Start creates a container, listens to it, and starts it.
func (x *containers) Start(ctx context.Context, folder string, c podutil.Container, log io.Writer) (podutil.Process, error) {
	api, err := x.connect()
	if err != nil {
		return nil, err
	}
	x.plan.folder = folder
	o := x.options(c)
	made, err := api.ContainerCreate(ctx, o)
	if err != nil {
		return nil, x.explain(c, err)
	}
	p := &contained{api: api, id: made.ID, name: c.Name, command: first(c), copied: make(chan error, 1)}
	deaf := p.listen(ctx, log)
	// Podman prepares a container when it is attached to, and hides why it could
	// not; starting it says so.
	_, err = api.ContainerStart(ctx, made.ID, client.ContainerStartOptions{})
	if deaf == nil && err != nil {
		p.stream.Close()
		<-p.copied
	}
	if err = errors.Join(err, deaf); err != nil {
		if o.HostConfig.Init != nil && strings.Contains(err.Error(), "init") && !strings.Contains(err.Error(), "runc create failed") {
			x.noInit = true // there is none: then the test itself is process 1
			return x.Start(ctx, folder, c, log)
		}
		return nil, x.explain(c, err)
	}
	if x.first == "" {
		x.first = made.ID
	}
	return p, nil
}

// explain tells a test that cannot be started from an engine that cannot start it.
func (x *containers) explain(c podutil.Container, err error) error {
	command := strings.Join(append(c.Command[:len(c.Command):len(c.Command)], c.Args...), " ")
	text := err.Error()
	for _, words := range []string{"executable file not found", "exec format error"} {
		if strings.Contains(text, words) {
			return &podutil.NotStarted{Command: command, Err: errors.New(words)}
		}
	}
	if strings.Contains(text, "exec: ") && (strings.Contains(text, "no such file or directory") || strings.Contains(text, "permission denied")) {
		return &podutil.NotStarted{Command: command, Err: errors.New(text[strings.LastIndex(text, "exec: "):])}
	}
	if strings.Contains(text, "no command specified") {
		return &podutil.NotStarted{Command: c.Name, Err: errors.New("neither the job nor the image has a command")}
	}
	return fmt.Errorf("the container %s could not be started: %w", c.Name, err)
}

// options says what the container is.
func (x *containers) options(c podutil.Container) client.ContainerCreateOptions {
	config := &container.Config{
		Image: c.Image, Entrypoint: c.Command, Cmd: c.Args, Env: x.env(c), WorkingDir: c.Dir, User: user(c, x.plan.Job),
		Labels: map[string]string{labelFolder: x.plan.folder, labelID: x.plan.Job.Name}, AttachStdout: true, AttachStderr: true,
	}
	if len(config.Entrypoint) == 0 {
		config.Entrypoint = nil
	}
	host := &container.HostConfig{
		// What it prints goes to our log; a second copy only fills the disk.
		LogConfig:   container.LogConfig{Type: "none"},
		SecurityOpt: []string{"no-new-privileges"},
		CapDrop:     []string{"NET_RAW", "MKNOD", "AUDIT_WRITE"},
		NetworkMode: x.network(),
	}
	x.mount(host, c)
	if !x.noInit {
		yes := true
		host.Init = &yes // reaps orphans, and lets signals through to a shell
	}
	limit(host, c.Spec)
	if s := c.Spec.SecurityContext; s != nil {
		host.ReadonlyRootfs = s.ReadOnlyRootFilesystem != nil && *s.ReadOnlyRootFilesystem
		if s.Capabilities != nil {
			for _, d := range s.Capabilities.Drop {
				host.CapDrop = append(host.CapDrop, string(d))
			}
		}
	}
	return client.ContainerCreateOptions{Config: config, HostConfig: host}
}

// env adds that signals are for all processes of the test, and that git may trust
// clones that belong to another user than the container's.
func (x *containers) env(c podutil.Container) []string {
	env := append(c.Env[:len(c.Env):len(c.Env)], "TINI_KILL_PROCESS_GROUP=1")
	if slices.ContainsFunc(c.Env, func(v string) bool { return strings.HasPrefix(v, "GIT_CONFIG_COUNT=") }) {
		return env
	}
	return append(env, "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*")
}

// network is none where the job asks for none, the machine's where it asks for that,
// and one for all containers of the run otherwise.
func (x *containers) network() container.NetworkMode {
	switch {
	case wantsNoNetwork(x.plan.Job):
		return "none"
	case x.plan.Job.Spec.PodSpec.HostNetwork:
		return "host"
	case x.first != "":
		return container.NetworkMode("container:" + x.first)
	}
	return ""
}

// mount gives a container its folders.
func (x *containers) mount(host *container.HostConfig, c podutil.Container) {
	bind := func(from, to string, ro bool) {
		if !strings.Contains(from, ":") && strings.Contains(from, ",") { // where Podman splits the other form
			if ro {
				to += ":ro"
			}
			host.Binds = append(host.Binds, from+":"+to)
			return
		}
		host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeBind, Source: from, Target: to, ReadOnly: ro})
	}
	if x.plan.Job.Spec.DecorationConfig != nil {
		bind(filepath.Join(x.plan.folder, "home"), prow.PodHome, false)
		bind(filepath.Join(x.plan.folder, "artifacts"), prow.PodArtifacts, false)
	}
	for _, m := range c.Mounts {
		bind(m.Source, m.Target, m.ReadOnly)
	}
}

// user is whom the container runs as; "" is the image's choice.
func user(c podutil.Container, j *prow.Job) string {
	var uid, gid *int64
	set := func(u, g *int64) {
		if u != nil {
			uid = u
		}
		if g != nil {
			gid = g
		}
	}
	if d := j.Spec.DecorationConfig; d != nil {
		set(d.RunAsUser, d.RunAsGroup)
	}
	if s := c.Pod.SecurityContext; s != nil {
		set(s.RunAsUser, s.RunAsGroup)
	}
	if s := c.Spec.SecurityContext; s != nil {
		set(s.RunAsUser, s.RunAsGroup)
	}
	switch {
	case uid != nil && gid != nil:
		return fmt.Sprintf("%d:%d", *uid, *gid)
	case uid != nil:
		return fmt.Sprint(*uid)
	case gid != nil:
		return fmt.Sprintf("0:%d", *gid)
	}
	return ""
}

// limit gives a container the limits of its spec.
func limit(host *container.HostConfig, c *corev1.Container) {
	if m := c.Resources.Limits.Memory(); m != nil && !m.IsZero() {
		host.Memory, host.MemorySwap = m.Value(), m.Value()
	}
	if cpu := c.Resources.Limits.Cpu(); cpu != nil && !cpu.IsZero() {
		host.NanoCPUs = cpu.MilliValue() * 1_000_000
	}
	if cpu := c.Resources.Requests.Cpu(); cpu != nil && !cpu.IsZero() {
		host.CPUShares = max(2, cpu.MilliValue()*1024/1000)
	}
}

// Close removes the containers of the run.
func (x *containers) Close(ctx context.Context) error {
	if x.api == nil {
		return nil // it never came to containers
	}
	x.own(ctx)
	err := x.sweep(ctx, x.plan.folder)
	return errors.Join(err, x.api.Close())
}

// sweep removes all containers of a folder.
func (x *containers) sweep(ctx context.Context, folder string) error {
	api, err := x.connect()
	if err != nil {
		return err
	}
	list, err := api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: make(client.Filters).Add("label", labelFolder+"="+folder)})
	if err != nil {
		return fmt.Errorf("containers of the run: %w", err)
	}
	var errs []error
	for _, c := range list.Items {
		_, err := api.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		if err != nil && !cerrdefs.IsNotFound(err) && !cerrdefs.IsConflict(err) { // conflict: its removal is in progress
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// contained is a started container.
type contained struct {
	api     *client.Client
	id      string
	name    string
	command string
	stream  client.HijackedResponse
	copied  chan error // of the log, once
	wait    client.ContainerWaitResult
	stop    context.CancelFunc
	end     *lastWords  // of the log
	killed  atomic.Bool // by us
}

// first is the program that a container runs.
func first(c podutil.Container) string {
	for _, argv := range [][]string{c.Command, c.Args} {
		if len(argv) > 0 {
			return argv[0]
		}
	}
	return "of the image"
}

// listen attaches to the container before it starts, so that nothing is missed.
func (p *contained) listen(ctx context.Context, log io.Writer) error {
	p.end = &lastWords{to: log}
	log = p.end
	a, err := p.api.ContainerAttach(ctx, p.id, client.ContainerAttachOptions{Stream: true, Stdout: true, Stderr: true})
	if err != nil {
		return fmt.Errorf("log of the container %s: %w", p.name, err)
	}
	p.stream = a.HijackedResponse
	go func() {
		_, err := stdcopy.StdCopy(log, log, a.Reader)
		p.copied <- err
	}()
	// A stopped run still waits for the end: not with its context.
	ctx, p.stop = context.WithCancel(context.WithoutCancel(ctx))
	p.wait = p.api.ContainerWait(ctx, p.id, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	return nil
}

func (p *contained) Wait() (podutil.Exit, error) {
	defer p.stop()
	defer p.stream.Close()
	var code int
	select {
	case w := <-p.wait.Result:
		if w.Error != nil && w.Error.Message != "" {
			return podutil.Exit{}, errors.New(w.Error.Message)
		}
		code = int(w.StatusCode)
	case err := <-p.wait.Error:
		return podutil.Exit{}, fmt.Errorf("the container engine: %w", err)
	}
	select {
	case err := <-p.copied:
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return podutil.Exit{}, err
		}
	case <-time.After(5 * time.Second): // nobody writes any more, yet nobody has closed it
	}
	if why := noProgram(p.end.String()); why != "" && code == 1 {
		return podutil.Exit{Code: 127, Why: "the command " + p.command + " could not be run: " + why}, nil
	}
	return podutil.Exit{Code: code, Why: p.why(code)}, nil
}

// why asks for more than the code says.
func (p *contained) why(code int) string {
	switch code {
	case 0:
		return ""
	case 127:
		return "the command " + p.command + " was not found in the image, or it says so of another"
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	i, err := p.api.ContainerInspect(ctx, p.id, client.ContainerInspectOptions{})
	if err != nil || i.Container.State == nil {
		return ""
	}
	limit := int64(0)
	if h := i.Container.HostConfig; h != nil {
		limit = h.Memory >> 20
	}
	switch {
	case i.Container.State.OOMKilled && limit > 0:
		return fmt.Sprintf("it used more memory than its limit of %d MiB", limit)
	case i.Container.State.OOMKilled:
		return "it used more memory than the machine has"
	case code == 128+int(syscall.SIGKILL) && limit > 0 && !p.killed.Load(): // Podman does not always tell
		return fmt.Sprintf("it was killed, most likely because it used more memory than its limit of %d MiB", limit)
	}
	return ""
}

func (p *contained) Signal(s syscall.Signal) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if s == syscall.SIGKILL {
		p.killed.Store(true)
	}
	_, err := p.api.ContainerKill(ctx, p.id, client.ContainerKillOptions{Signal: fmt.Sprint(int(s))})
	if cerrdefs.IsConflict(err) || cerrdefs.IsNotFound(err) {
		return nil // it has ended
	}
	return err
}
