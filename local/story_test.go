package local_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/local"
	"github.com/prow-ci/prow/prowtest"
	corev1 "k8s.io/api/core/v1"
)

func file(t *testing.T, c rig, j *prow.Job, name string) string {
	t.Helper()
	b, err := fs.ReadFile(c.Artifacts, path.Join(prow.Dir(j), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// job builds what play starts.
func job(change ...func(*prow.Job)) *prow.Job { return prowtest.Job("job", change...) }

func TestAPullIsClonedAndTested(t *testing.T) {
	t.Parallel()
	c := open(t)
	refs, _ := remote(t, backend)
	change := []func(*prow.Job){prowtest.Script(`cat f2 f3; basename $PWD; echo $REPO_OWNER/$REPO_NAME $PULL_NUMBER; test "$GOPATH/src/github.com/o/r" = "$PWD"; git log --format=%s -1`), checkout(refs)}
	run, log := play(t, c, change...)
	if run.Verdict != prow.Success || log != "x\ny\nr\no/r 1\nMerge #1\n" {
		t.Fatalf("%+v\n%s", run, log)
	}
	j := job(change...)
	for name, want := range map[string]string{
		"started.json": `"repos":{"o/r":"main:` + refs.BaseSHA, "clone-records.json": `"final_sha":"`, "clone-log.txt": "# Cloning o/r at main",
		"prowjob.json": `"kind":"ProwJob"`, "finished.json": `"result":"SUCCESS"`,
	} {
		if got := file(t, c, j, name); !strings.Contains(got, want) {
			t.Errorf("%s = %s, want %s in it", name, got, want)
		}
	}
	for _, name := range append(prow.LatestBuildFiles(j), prow.AliasFile(j)) {
		if b, err := fs.ReadFile(c.Artifacts, name); err != nil || !strings.Contains(string(b), j.Status.BuildID) {
			t.Errorf("%s = %q, %v", name, b, err)
		}
	}
}

func TestACloneThatFailsIsAnErrorAndAConflictAFailure(t *testing.T) {
	t.Parallel()
	refs, clash := remote(t, backend)
	gone := refs
	gone.Pulls = []prow.PullRef{{Number: 7, SHA: strings.Repeat("ab", 20)}}
	run, log := play(t, open(t), prowtest.Script("true"), checkout(gone))
	if run.Verdict != prow.Error || run.Lost || !strings.Contains(run.Why, "commit of #7 does not exist") || !strings.Contains(log, "# FAILED!") {
		t.Errorf("%+v\n%s", run, log)
	}
	conflict := refs
	conflict.Pulls = []prow.PullRef{{Number: 8, SHA: refs.Pulls[0].SHA}, {Number: 9, SHA: clash}}
	run, log = play(t, open(t), prowtest.Script("true"), checkout(conflict))
	if run.Verdict != prow.Failure || run.Why != "#9 does not merge with main with #8 of o/r: conflict in f2. Rebase the pull request." {
		t.Errorf("%+v\n%s", run, log)
	}
}

// The latest build is the newest, whichever ends last.
func TestLatestBuildOnlyGrows(t *testing.T) {
	t.Parallel()
	c := open(t)
	for i, build := range []string{"9", "100", "99"} {
		j := prowtest.Job(fmt.Sprint("j", i), prowtest.Script("true"), func(j *prow.Job) { j.Status.BuildID = build })
		if err := c.Runner.Start(t.Context(), j); err != nil {
			t.Fatal(err)
		}
		await(t, c.Runner, j.Name)
	}
	if b, err := fs.ReadFile(c.Artifacts, "logs/unit/latest-build.txt"); string(b) != "100" {
		t.Errorf("latest-build.txt = %q, %v", b, err)
	}
}

// A secret is seen by the test, and by nobody after it.
func TestSecrets(t *testing.T) {
	t.Parallel()
	secrets := t.TempDir()
	for name, text := range map[string]string{"tok/key": "hunter2hunter2\n", "tok/other": "sw0rdf1sh", "reg/.dockerconfigjson": `{"auths":{"r":{"auth":"dXNlcjpzM2NyM3Q="}}}`} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(secrets, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(secrets, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key := func(name, key string) *corev1.EnvVarSource {
		return &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: name}, Key: key}}
	}
	c := open(t, func(o *local.Options) { o.Secrets = secrets })
	change := []func(*prow.Job){
		prowtest.Script(`test ${#A} = 15 && test $B = sw0rdf1sh; echo seen $?; echo "$A"; printf %s "$A" | base64; printf hunter2; sleep 0.1; echo hunter2; echo dXNlcjpzM2NyM3Q=; echo "it is $B" > $ARTIFACTS/log; cd $ARTIFACTS; gzip -k log; tar czf clean.tgz -C / dev/null; echo broken | gzip | head -c 12 > broken.gz; mkdir raw; cp log raw/log`),
		func(j *prow.Job) {
			j.Spec.PodSpec.Containers[0].Env = []corev1.EnvVar{{Name: "A", ValueFrom: key("tok", "key")}, {Name: "B", ValueFrom: key("tok", "other")}, {Name: "C", ValueFrom: key("reg", ".dockerconfigjson")}}
			j.Spec.DecorationConfig.CensoringOptions = &prow.CensoringOptions{ExcludeDirectories: []string{"raw"}}
		},
	}
	run, log := play(t, c, change...)
	want := "seen 0\nXXXXXXXX\n\nXXXXXXXX\nXXXXXXXX\nXXXXXXXX\n"
	if run.Verdict != prow.Success || log != want {
		t.Errorf("%+v\n%s\nwant\n%s", run, log, want)
	}
	if got := file(t, c, job(change...), "artifacts/log"); got != "it is XXXXXXXX\n" {
		t.Errorf("artifact %q", got)
	}
	if got := file(t, c, job(change...), "artifacts/raw/log"); got != "it is sw0rdf1sh\n" {
		t.Errorf("artifact that is not to be censored %q", got)
	}
	file(t, c, job(change...), "artifacts/clean.tgz")
	for _, name := range []string{"log.gz", "broken.gz"} {
		if _, err := fs.Stat(c.Artifacts, path.Join(prow.Dir(job(change...)), "artifacts", name)); err == nil {
			t.Errorf("%s was uploaded", name)
		}
	}
	if got := file(t, c, job(change...), "finished.json"); !strings.Contains(got, "log.gz: left out: there is a secret in this archive") {
		t.Errorf("finished.json = %s", got)
	}
	run, _ = play(t, open(t), prowtest.Script("true"), func(j *prow.Job) {
		j.Spec.PodSpec.Containers[0].Env = []corev1.EnvVar{{Name: "A", ValueFrom: key("tok", "key")}}
	})
	if run.Verdict != prow.Error || !strings.Contains(run.Why, "secret tok is not here") {
		t.Errorf("a secret that is not there: %+v", run)
	}
}

// Nothing outside the artifacts folder is uploaded, and nothing makes us wait.
func TestOddArtifacts(t *testing.T) {
	t.Parallel()
	c := open(t)
	change := prowtest.Script(`cd $ARTIFACTS; ln -s /etc/passwd out; ln -s ../../../../../../etc/passwd out2; ln -s / root; echo in > in; ln -s in alias; mkfifo pipe; mkdir -p "a b/ü#?"; echo x > "a b/ü#?/-rf"; printf x > "$(printf 'bad\377')"; echo '{"coverage":"80"}' > metadata.json`)
	run, log := play(t, c, change)
	if run.Verdict != prow.Success {
		t.Fatalf("%+v\n%s", run, log)
	}
	var got []string
	dir := path.Join(prow.Dir(job(change)), "artifacts")
	_ = fs.WalkDir(c.Artifacts, dir, func(name string, e fs.DirEntry, _ error) error {
		if !e.IsDir() {
			got = append(got, strings.TrimPrefix(name, dir+"/"))
		}
		return nil
	})
	if s := strings.Join(got, ", "); s != "a b/ü#?/-rf, alias, in, metadata.json" {
		t.Errorf("uploaded %s", s)
	}
	if s := file(t, c, job(change), "finished.json"); !strings.Contains(s, `"coverage":"80"`) || strings.Count(s, "left out") != 5 {
		t.Errorf("finished.json = %s", s)
	}
}

// A flood is kept whole, in little memory.
func TestAFloodOfOutput(t *testing.T) {
	t.Parallel()
	c := open(t)
	change := prowtest.Script(`head -c 50000000 /dev/zero | tr '\0' x; echo; yes "a line of the log, of which there are very many" | head -c 150000000`)
	if err := c.Runner.Start(t.Context(), job(change)); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	rc, err := c.Runner.Logs(t.Context(), "job", "", 0, true)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.New()
	n, err := io.Copy(sum, rc)
	if err != nil || n != 200000001 {
		t.Errorf("followed %d bytes, %v", n, err)
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.TotalAlloc - before.TotalAlloc); grown > 50<<20 {
		t.Errorf("following took %d MB of memory", grown>>20)
	}
	run, err := c.Runner.Look(t.Context(), "job")
	if err != nil || run.Verdict != prow.Success {
		t.Errorf("%+v, %v", run, err)
	}
	kept := sha256.New()
	f, err := c.Artifacts.Open(path.Join(prow.Dir(job(change)), "build-log.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.Copy(kept, f); err != nil || string(kept.Sum(nil)) != string(sum.Sum(nil)) {
		t.Errorf("what was kept is not what was followed: %v", err)
	}
}

// Whatever a test starts ends with it.
func TestDaemonsDoNotStay(t *testing.T) {
	t.Parallel()
	c := open(t)
	mark := fmt.Sprint("300", os.Getpid())
	run, log := play(t, c, prowtest.Script(`for i in 1 2 3; do setsid sh -c 'trap "" TERM INT HUP; sleep `+mark+`' >/dev/null 2>&1 & done; (sleep `+mark+` &); echo done`))
	if run.Verdict != prow.Success || log != "done\n" {
		t.Errorf("%+v\n%s", run, log)
	}
	if left := sleepers(mark); len(left) > 0 {
		t.Errorf("still there: %v", left)
	}
}

// sleepers lists the processes with an argument.
func sleepers(argument string) []string {
	var out []string
	dirs, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, d := range dirs {
		if b, err := os.ReadFile(d); err == nil && strings.Contains("\x00"+string(b), "\x00"+argument+"\x00") {
			out = append(out, strings.ReplaceAll(string(b), "\x00", " "))
		}
	}
	return out
}

func started(t *testing.T, c rig, change ...func(*prow.Job)) {
	t.Helper()
	if err := c.Runner.Start(t.Context(), job(change...)); err != nil {
		t.Fatal(err)
	}
	rc, err := c.Runner.Logs(t.Context(), "job", "", 0, true)
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	if _, err := io.ReadFull(rc, make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
}

func TestALostRun(t *testing.T) {
	t.Parallel()
	for _, restart := range []bool{false, true} {
		c := open(t)
		mark := fmt.Sprintf("31%d%v", os.Getpid(), map[bool]int{true: 1}[restart])
		started(t, c, prowtest.Script("echo up; sleep "+mark))
		r := c.Runner
		if restart {
			r.(*local.Runner).Close()
			killSupervisor(t, c, "job")
			r = c.Restart()
		} else {
			killSupervisor(t, c, "job")
		}
		run := await(t, r, "job")
		if run.Verdict != prow.Error || !run.Lost || !strings.HasPrefix(run.Why, "The run was cut off") {
			t.Errorf("restart %v: %+v", restart, run)
		}
		if left := sleepers(mark); len(left) > 0 {
			t.Errorf("restart %v: still there: %v", restart, left)
		}
		if again := await(t, c.Restart(), "job"); again.Why != run.Why || !again.Finished.Equal(run.Finished) {
			t.Errorf("another start says %+v, not %+v", again, run)
		}
	}
}

// The server may go at any moment: the run goes on, and can still be stopped.
func TestARunOutlivesItsServer(t *testing.T) {
	t.Parallel()
	c := open(t)
	started(t, c, prowtest.Script("trap 'echo stopped; exit 0' TERM INT; echo up; while :; do sleep 0.02; done"))
	r := c.Restart()
	run, err := r.Look(t.Context(), "job")
	if err != nil || run.Phase != prow.Running || run.Doing != "testing" {
		t.Fatalf("%+v, %v %+v", run, err, await(t, r, "job"))
	}
	if err := r.Start(t.Context(), job(prowtest.Script("echo twice"))); err != nil {
		t.Fatal(err)
	}
	if err := r.Stop(t.Context(), "job", "a newer commit"); err != nil {
		t.Fatal(err)
	}
	if run := await(t, r, "job"); run.Verdict != prow.Aborted || run.Why != "Stopped: a newer commit." {
		t.Errorf("%+v", run)
	}
	if log := file(t, c, job(prowtest.Script("")), "build-log.txt"); log != "up\nstopped\n" {
		t.Errorf("log %q", log)
	}
}

// What cannot be is refused at once, in words, for good.
func TestWhatOneMachineCannotDo(t *testing.T) {
	t.Parallel()
	yes := true
	c := open(t)
	for name, x := range map[string]struct {
		change func(*prow.Job)
		want   string
	}{
		"privileged": {func(j *prow.Job) {
			j.Spec.PodSpec.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: &yes}
		}, "privileged"},
		"claim": {func(j *prow.Job) {
			j.Spec.PodSpec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{}}}}
		}, "run this job on Kubernetes"},
		"no pod":      {func(j *prow.Job) { j.Spec.PodSpec = nil }, "no pod spec"},
		"jenkins":     {func(j *prow.Job) { j.Spec.Agent = prow.JenkinsAgent }, "agent jenkins"},
		"no command":  {func(j *prow.Job) { j.Spec.PodSpec.Containers[0].Command = nil }, "no command"},
		"no build id": {func(j *prow.Job) { j.Status.BuildID = "" }, "no build id"},
	} {
		err := c.Runner.Start(t.Context(), job(prowtest.Script("true"), x.change))
		if err == nil || !prow.IsFinal(err) || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := c.Runner.Look(t.Context(), "job"); err == nil {
			t.Errorf("%s: there is a run", name)
		}
	}
}

func TestASupervisorThatCannotStart(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *local.Options) { o.Self = []string{"sh", "-c", "echo the data folder is gone >&2; exit 3"} })
	if err := c.Runner.Start(t.Context(), job(prowtest.Script("true"))); err != nil {
		t.Fatal(err)
	}
	if run := await(t, c.Runner, "job"); run.Verdict != prow.Error || run.Lost || !strings.Contains(run.Why, "the data folder is gone") {
		t.Errorf("%+v", run)
	}
	c = open(t, func(o *local.Options) { o.Self = []string{"/no/such/binary"} })
	if err := c.Runner.Start(t.Context(), job(prowtest.Script("true"))); err == nil || prow.IsFinal(err) {
		t.Errorf("Start = %v", err)
	}
	if list, err := c.Runner.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("List = %v, %v", list, err)
	}
}

// A sandboxed test writes to its run and nowhere else, and sees no other.
func TestTheSandbox(t *testing.T) {
	t.Parallel()
	c := open(t)
	r := c.Runner.(*local.Runner)
	if _, why := r.Engine(); !strings.Contains(why, "inside bubblewrap") {
		t.Logf("no sandbox on this machine: %s", why)
		return
	}
	outside := filepath.Join(filepath.Dir(c.runs), "secret")
	if err := os.WriteFile(filepath.Join(filepath.Dir(filepath.Dir(c.runs)), "secret"), []byte("s"), 0o644); err != nil {
		t.Fatal(err)
	}
	run, log := play(t, c, prowtest.Script(`touch /usr/x /etc/x 2>/dev/null && echo wrote; cat `+outside+` 2>/dev/null && echo read; ls `+c.runs+`; echo $$; ps ax 2>/dev/null | wc -l; touch /tmp/x $PWD/x && echo tmp; cat /mnt/vol/f; ls /run; test -e /sys/class/net/eth0 && echo net; exit 0`),
		func(j *prow.Job) {
			j.Annotations = map[string]string{local.Network: "none"}
			j.Spec.PodSpec.Volumes = []corev1.Volume{{Name: "v"}}
			j.Spec.PodSpec.InitContainers = []corev1.Container{{Name: "i", Command: []string{"sh", "-c", "echo made > /volumes/v/f"}, VolumeMounts: []corev1.VolumeMount{{Name: "v", MountPath: "/volumes/v"}}}}
			j.Spec.PodSpec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "v", MountPath: "/mnt/vol"}}
		})
	if run.Verdict != prow.Success && !strings.Contains(run.Why, "/mnt/vol") {
		t.Errorf("%+v\n%s", run, log)
	}
	for _, bad := range []string{"wrote", "read", "net"} {
		if strings.Contains(log, bad) {
			t.Errorf("the test %s what it must not:\n%s", bad, log)
		}
	}
}

// The time limit is kept also while a secret is hidden: a daemon that holds the
// log open delays nothing.
func TestTheGraceEnds(t *testing.T) {
	t.Parallel()
	c := open(t)
	began := time.Now()
	started(t, c, prowtest.Script("trap '' INT TERM; echo up; while :; do sleep 1; done"), func(j *prow.Job) {
		j.Spec.DecorationConfig.GracePeriod = &prow.Duration{Duration: 200 * time.Millisecond}
	})
	if err := c.Runner.Stop(t.Context(), "job", "enough"); err != nil {
		t.Fatal(err)
	}
	if run := await(t, c.Runner, "job"); run.Verdict != prow.Aborted || run.ExitCode != 130 {
		t.Errorf("after %v: %+v", time.Since(began), run)
	}
}

// A machine that is shut down tells all processes: such a run may be tried again.
func TestARunEndedFromOutside(t *testing.T) {
	t.Parallel()
	c := open(t)
	started(t, c, prowtest.Script("echo up; sleep 300"))
	signalSupervisor(t, c, "job", syscall.SIGTERM)
	if run := await(t, c.Runner, "job"); run.Verdict != prow.Error || !run.Lost || !strings.Contains(run.Why, "from outside") {
		t.Errorf("%+v", run)
	}
}
