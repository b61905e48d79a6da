package podutil

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"

	prow "github.com/prow-ci/prow"
)

// SidecarLogFile is what sidecar itself has to say.
const SidecarLogFile = "sidecar-logs.json"

const errorsKey = "sidecar-errors" // in the metadata of finished.json

// ErrTestFailed is returned by Sidecar where its options ask for that.
var ErrTestFailed = errors.New("a test failed")

// CheckSidecar says what is wrong with the options, and brings older forms of them
// into the newer.
func CheckSidecar(o *prow.SidecarOptions) error {
	if o.SecretDirectories != nil || o.CensoringConcurrency != nil || o.CensoringBufferSize != nil {
		if o.CensoringOptions != nil {
			return errors.New("censoring_options and the older secret_directories, censoring_concurrency, censoring_buffer_size exclude each other")
		}
		o.CensoringOptions = &prow.SidecarCensoringOptions{
			SecretDirectories: o.SecretDirectories, CensoringConcurrency: o.CensoringConcurrency, CensoringBufferSize: o.CensoringBufferSize,
		}
		o.SecretDirectories, o.CensoringConcurrency, o.CensoringBufferSize = nil, nil, nil
	}
	if o.WrapperOptions != nil {
		o.Entries, o.WrapperOptions = append([]prow.WrapperOptions{*o.WrapperOptions}, o.Entries...), nil
	}
	if len(o.Entries) == 0 {
		return errors.New("entries is empty: there is no test to wait for")
	}
	for _, e := range o.Entries {
		if e.MarkerFile == "" || e.ProcessLog == "" {
			return fmt.Errorf("entry %q: marker_file or process_log is missing", e.ContainerName)
		}
		if a, b := filepath.Dir(e.MarkerFile), filepath.Dir(o.Entries[0].MarkerFile); a != b {
			return fmt.Errorf("the marker files are in %s and in %s: want one folder", b, a)
		}
	}
	return CheckGCSOptions(o.GCSOptions)
}

// Sidecar waits until all tests of its pod have ended, and uploads what they left
// without the secrets. What cannot be uploaded is told, and does not fail the test.
func (x *Utility) Sidecar(ctx context.Context, o *prow.SidecarOptions, spec prow.JobSpec) error {
	if err := CheckSidecar(o); err != nil {
		return err
	}
	s := &sidecar{x: x, o: o, spec: spec, folder: folder{filepath.Dir(o.Entries[0].MarkerFile)}}
	x.Log.Info("waiting for the tests to end", "tests", len(o.Entries))
	out := s.wait(ctx)
	if err := s.keep(ctx, out); err != nil {
		x.Log.Error("files of the run not uploaded", "err", err)
	}
	if o.EntryError && out.failures > 0 {
		return ErrTestFailed
	}
	return nil
}

type sidecar struct {
	x      *Utility
	o      *prow.SidecarOptions
	spec   prow.JobSpec
	folder folder
}

// outcome is what the tests came to.
type outcome struct {
	passed, aborted bool
	failures        int
	why             string
}

func (out outcome) result() string {
	switch {
	case out.passed:
		return "SUCCESS"
	case out.aborted:
		return "ABORTED"
	}
	return "FAILURE"
}

// wait waits for all markers. If the pod is to end meanwhile, what is there is
// uploaded at once, since there may be no time later.
func (s *sidecar) wait(ctx context.Context) outcome {
	codes := make(chan []int, 1)
	go func() { codes <- s.codes(ctx) }()
	early, stopEarly := context.WithCancel(ctx)
	defer stopEarly()
	var uploading sync.WaitGroup
	interrupted := false
	for {
		select {
		case got := <-codes:
			stopEarly()
			uploading.Wait() // one at a time, and the whole one last
			return s.outcome(got)
		case sig := <-s.x.Signals:
			if s.o.IgnoreInterrupts || interrupted {
				s.x.Log.Info("interrupt ignored", "signal", sig.String())
				continue
			}
			interrupted = true
			s.x.Log.Warn("interrupted before the test ended: uploading what is there", "signal", sig.String())
			uploading.Go(func() {
				out := outcome{aborted: true, why: "The pod was told to end before its test had."}
				if err := s.keep(early, out); err != nil && early.Err() == nil {
					s.x.Log.Error("files of the run not uploaded", "err", err)
				}
			})
		}
	}
}

func (s *sidecar) codes(ctx context.Context) []int {
	codes := make([]int, len(s.o.Entries))
	var wg sync.WaitGroup
	for i, e := range s.o.Entries {
		wg.Go(func() {
			var err error
			if codes[i], err = awaitMarker(ctx, e.MarkerFile); err != nil {
				s.x.Log.Error("marker file not read", "container", e.ContainerName, "err", err)
			}
		})
	}
	wg.Wait()
	return codes
}

func (s *sidecar) outcome(codes []int) outcome {
	out := outcome{passed: true}
	for i, code := range codes {
		e := s.o.Entries[i]
		s.x.Log.Info("test ended", "container", e.ContainerName, "code", code)
		if code == 0 {
			continue
		}
		out.passed = false
		out.aborted = out.aborted || code == codeInterrupted
		if code != codePrevious {
			out.failures++
		}
		if out.why == "" {
			out.why = readReason(e.MarkerFile)
		}
	}
	return out
}

// keep uploads what the tests left, then their logs, then the result.
func (s *sidecar) keep(ctx context.Context, out outcome) error {
	u, err := s.x.upload(ctx, s.o.GCSOptions, s.spec)
	if err != nil {
		return err
	}
	hide, blind := s.secrets()
	if blind != nil { // fail closed: what is a secret is not known
		u.warn("nothing that the test wrote was uploaded, because the secrets to hide in it could not be read: %v", blind)
	} else {
		u.hidden = func() []string { return hide }
		u.rules = rulesOf(s.o.CensoringOptions)
		u.items(s.folder, s.o.GCSOptions.Items)
	}
	for _, e := range s.o.Entries {
		u.fail(s.log(u, e, hide, blind))
	}
	metadata := s.metadata(u, hide, blind)
	if out.why != "" && blind == nil { // the test may have written it
		metadata["why"] = clean(out.why, hide)
	}
	if told := told(u); len(told) > 0 {
		metadata[errorsKey] = told
	}
	u.fail(u.json(u.name(prow.FinishedFile), Finished{
		Timestamp: s.x.Now().Unix(), Passed: out.passed, Result: out.result(),
		Revision: version(u.job, nil), Metadata: metadata,
	}))
	err = s.x.report(u)
	if own := s.ownLog(); own != "" {
		err = errors.Join(err, u.log(u.name(SidecarLogFile), folder{}, own, hide))
	}
	return err
}

// told is what finished.json says of what was not uploaded.
func told(u *upload) []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	out := append([]string(nil), u.warnings...)
	for _, err := range u.errs {
		out = append(out, err.Error())
	}
	return out
}

// log uploads the log of a test.
func (s *sidecar) log(u *upload, e prow.WrapperOptions, hide []string, blind error) error {
	name := prow.BuildLogFile
	if len(s.o.Entries) > 1 {
		name = logName(e.ContainerName, false)
	}
	name = u.name(name)
	if blind != nil {
		return u.bytes(name, []byte("The log was left out, because the secrets to hide in it could not be read.\n"))
	}
	err := u.log(name, s.folder, e.ProcessLog, hide)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return u.bytes(name, []byte("The test left no log: "+e.ProcessLog+" does not exist.\n"))
	case errors.Is(err, errLeftOut):
		u.warn("%s: %v", e.ProcessLog, err)
		return u.bytes(name, []byte("The log was "+err.Error()+".\n"))
	}
	return err
}

// metadata merges the JSON objects that the tests may have left for finished.json.
func (s *sidecar) metadata(u *upload, hide []string, blind error) map[string]any {
	out := map[string]any{}
	if blind != nil {
		return out
	}
	for _, e := range s.o.Entries {
		if e.MetadataFile == "" {
			continue
		}
		b, err := s.folder.read(e.MetadataFile)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		m := map[string]any{}
		if text := clean(string(b), hide); err == nil && strings.TrimSpace(text) != "" {
			err = json.Unmarshal([]byte(text), &m)
		}
		if err != nil {
			u.warn("%s: %v", filepath.Base(e.MetadataFile), err)
			continue
		}
		maps.Copy(out, m)
	}
	return out
}

// clean is a text without the secrets.
func clean(text string, hide []string) string {
	var b strings.Builder
	_ = pour(&b, strings.NewReader(text), hide) // a string can always be written
	return b.String()
}

// ownLog is the file in which our own log is, "" for none.
func (s *sidecar) ownLog() string {
	if s.x.LogFile == "" {
		return ""
	}
	if _, err := os.Stat(s.x.LogFile); err != nil {
		return ""
	}
	return s.x.LogFile
}
