package podutil

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Exit codes that mean something between entrypoint and sidecar.
const (
	codeInternal    = 127  // we failed; also: timeout, see codeTimeout
	codePrevious    = 1130 // the test before this one failed, so this one did not run
	codeUnreadable  = -1   // a marker that cannot be read; also: ended by a signal
	markerLook      = 200 * time.Millisecond
	markerReasonExt = ".reason"
)

// reason stands beside a marker when it was not the test itself that chose the
// code: 127 alone does not tell a timeout from a command that does not exist.
type reason struct {
	Reason string `json:"reason"` // timeout, interrupted, not started, internal
	Why    string `json:"why"`
}

// writeMarker lets the marker appear, whole, and its reason before it.
func writeMarker(name string, code int, why *reason) error {
	if why != nil {
		b, err := json.Marshal(why)
		if err == nil {
			err = appear(name+markerReasonExt, b)
		}
		if err != nil {
			return err
		}
	}
	return appear(name, []byte(strconv.Itoa(code)))
}

// appear writes a file that is there whole or not at all, also after a crash.
func appear(name string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Chmod(0o777), f.Close()) // the sidecar's user is not ours
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// readMarker returns the code in a marker that is there.
func readMarker(name string) (int, error) {
	b, err := folder{filepath.Dir(name)}.read(name)
	if err != nil {
		return codeUnreadable, err
	}
	code, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return codeUnreadable, fmt.Errorf("the marker %s does not hold an exit code", name)
	}
	return code, nil
}

func readReason(name string) string {
	b, err := folder{filepath.Dir(name)}.read(name + markerReasonExt)
	var r reason
	if err != nil || json.Unmarshal(b, &r) != nil {
		return ""
	}
	return r.Why
}

// awaitMarker waits for a marker and returns the code in it. The error is the
// cause of ctx, or says why the marker cannot be read.
func awaitMarker(ctx context.Context, name string) (int, error) {
	look := time.NewTicker(markerLook)
	defer look.Stop()
	for {
		code, err := readMarker(name)
		if !errors.Is(err, fs.ErrNotExist) {
			return code, err
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return codeUnreadable, context.Cause(ctx)
		}
	}
}
