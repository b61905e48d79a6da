package server

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/local"
	"github.com/prow-ci/prow/sqlite"
)

// lookAtMachine looks at what Prow needs of this one.
func (d *doctor) lookAtMachine(ctx context.Context) {
	d.secretFiles(ctx)
	d.lookAtGit(ctx)
	d.lookAtData(ctx)
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	engine, why := local.Detect(ctx)
	switch {
	case engine == local.Process && d.Engine == local.Process && strings.Contains(why, "without a sandbox"):
		d.unknown("runner", "install bubblewrap, or Docker or Podman", "%s", why)
	case engine == local.Process && d.Engine != local.Process:
		d.fault("runner", "start Docker or Podman; or, if you trust all code that will be tested, prow serve --runner process", "%s", why)
	case d.Engine != "" && d.Engine != local.Auto && d.Engine != engine:
		d.unknown("runner", "prow doctor without --runner tells what auto chooses", "asked for is %s; %s", d.Engine, why)
	default:
		d.ok("runner", "%s", why)
	}
}

// The oldest git with merge-tree --write-tree, by which merges are tried.
const gitMajor, gitMinor = 2, 38

func (d *doctor) lookAtGit(ctx context.Context) {
	const fix = "install git 2.38 or newer, and have it in PATH"
	out, err := exec.CommandContext(ctx, "git", "version").Output()
	text := strings.TrimSpace(string(out))
	if err != nil {
		d.fault("git", fix, "git does not run: %v", err)
		return
	}
	parts := strings.Split(strings.TrimPrefix(text, "git version "), ".")
	if len(parts) < 2 {
		d.unknown("git", fix, "%q tells no version", text)
		return
	}
	major, err := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	switch {
	case err != nil || err2 != nil:
		d.unknown("git", fix, "%q tells no version", text)
	case major < gitMajor || major == gitMajor && minor < gitMinor:
		d.fault("git", fix, "%s is too old", text)
	default:
		d.ok("git", "%s", text)
	}
}

// lookAtData sees that the folder of all state can be written to, and opens the
// database if there is one.
func (d *doctor) lookAtData(ctx context.Context) {
	const area = "data"
	info, err := os.Stat(d.Data)
	if os.IsNotExist(err) {
		d.unknown(area, "prow serve makes it; if it should be there, name it: --data DIR", "%s does not exist", d.Data)
		return
	}
	if err != nil || !info.IsDir() {
		d.fault(area, "name a folder: --data DIR", "%s is no folder that can be looked at", d.Data)
		return
	}
	f, err := os.CreateTemp(d.Data, "doctor-")
	if err != nil {
		d.fault(area, "give the user that Prow runs as the right to write there", "%v", err)
		return
	}
	_ = os.Remove(f.Name())
	_ = f.Close()
	d.ok(area, "%s can be written to", d.Data)
	file := filepath.Join(d.Data, "prow.db")
	if _, err := os.Stat(file); err != nil {
		return
	}
	db, err := sqlite.Open(ctx, file)
	if err != nil {
		d.fault(area, "restore the copy of your last backup (docs/serve.md), or move it away to begin anew", "%s: %v", file, err)
		return
	}
	defer db.Close()
	d.lookAtDeliveries(ctx, db.Inbox)
}

// lookAtDeliveries tells when the last webhook came, and of those that were given up.
func (d *doctor) lookAtDeliveries(ctx context.Context, inbox prow.Inbox) {
	const area = "webhooks"
	last, err := inbox.Deliveries(ctx, prow.DeliveryFilter{Limit: 1})
	if err != nil {
		d.unknown(area, "", "the inbox cannot be read: %v", err)
		return
	}
	if len(last) == 0 {
		d.unknown(area, "see below whether the forge sends any; comment on a pull request to try it", "none is in the inbox")
		return
	}
	d.ok(area, "the last one came %s ago: %s of %s", d.Now().Sub(last[0].Received).Round(time.Second), last[0].Event, last[0].Where)
	dead, err := inbox.Deliveries(ctx, prow.DeliveryFilter{State: prow.DeliveryDead, Limit: 100})
	if err == nil && len(dead) > 0 {
		d.fault(area, "the page Webhooks tells why, and replays them", "%d could not be handled and were given up, the last one: %s", len(dead), dead[0].Error)
	}
}
