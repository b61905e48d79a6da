// Command podutil runs inside the pods of jobs: as clonerefs, initupload, entrypoint,
// sidecar and gcsupload, by the name it is called by or by its first argument.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/podutil"
)

var version = "dev" // set by the linker

const usage = `podutil is what Prow puts into the pods of jobs. It is five programs:

  clonerefs    clones what the job is about              CLONEREFS_OPTIONS
  initupload   uploads what is known before the test     INITUPLOAD_OPTIONS
  entrypoint   runs the test's command                   ENTRYPOINT_OPTIONS
  sidecar      uploads what the test left                SIDECAR_OPTIONS
  gcsupload    uploads files by hand                     GCSUPLOAD_OPTIONS

Each reads its options, as JSON, from the variable beside it, else from flags:

  podutil clonerefs --src-root=/tmp/go --log=/tmp/clone.json --repo=octo-org,app=main
  podutil gcsupload --help

A link to podutil with one of the names is that program. Without a name it is the
one whose variable is set.
`

// utility is one of the five programs.
type utility struct {
	env   string // variable with the options
	flags func(f *flag.FlagSet) (options any, finish func(args []string) error)
	run   func(ctx context.Context, x *podutil.Utility, options any) (code int, err error)
}

func utilities() map[string]utility {
	return map[string]utility{
		"clonerefs":  {prow.CloneRefsOptionsEnv, cloneRefsFlags, runCloneRefs},
		"initupload": {prow.InitUploadOptionsEnv, initUploadFlags, runInitUpload},
		"entrypoint": {prow.EntrypointOptionsEnv, entrypointFlags, runEntrypoint},
		"sidecar":    {prow.SidecarOptionsEnv, sidecarFlags, runSidecar},
		"gcsupload":  {prow.GCSUploadOptionsEnv, gcsUploadFlags, runGCSUpload},
	}
}

func main() { os.Exit(run(os.Args)) }

func run(args []string) int {
	name, args := which(args)
	u, ok := utilities()[name]
	switch {
	case ok:
	case name == "version":
		fmt.Println(version)
		return 0
	case name == "help":
		fmt.Print(usage)
		return 0
	case name == "":
		fmt.Fprint(os.Stderr, usage)
		return exitUsage
	default:
		fmt.Fprintf(os.Stderr, "podutil: there is no %q.\n\n%s", name, usage)
		return exitUsage
	}
	options, err := u.parse(name, args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return exitUsage
	}
	return u.start(name, options)
}

// which says what to be: by the name we are called by, else by the first argument,
// else by the one variable with options that is there.
func which(args []string) (name string, rest []string) {
	all := utilities()
	name, rest = filepath.Base(args[0]), args[1:]
	if _, ok := all[name]; ok {
		return name, rest
	}
	if len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		return rest[0], rest[1:]
	}
	flag := ""
	if len(rest) > 0 {
		flag = strings.TrimLeft(rest[0], "-")
	}
	switch flag {
	case "h", "help", "version":
		return map[bool]string{true: "version", false: "help"}[flag == "version"], nil
	case "copy-mode-only": // how pods place the entrypoint, without options
		return "entrypoint", rest
	}
	var set []string
	for n, u := range all {
		if _, ok := os.LookupEnv(u.env); ok {
			set = append(set, n)
		}
	}
	if len(set) == 1 {
		return set[0], rest
	}
	return "", nil
}

// parse reads the options from the variable, which then says all, else from flags.
func (u utility) parse(name string, args []string) (any, error) {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.Usage = func() {
		fmt.Fprintf(f.Output(), "%s reads its options, as JSON, from $%s, else from these flags:\n\n", name, u.env)
		f.PrintDefaults()
	}
	options, finish := u.flags(f)
	if text, ok := os.LookupEnv(u.env); ok {
		reflect.ValueOf(options).Elem().SetZero() // the defaults are those of flags
		if err := json.Unmarshal([]byte(text), options); err != nil {
			return nil, fmt.Errorf("%s: %w", u.env, err)
		}
		return options, nil
	}
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	return options, finish(f.Args())
}

func (u utility) start(name string, options any) int {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	// Who read our output may go away; a write then fails, and we do not end by it.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	log, logFile := io.Writer(os.Stderr), ""
	if name == "sidecar" { // it uploads what it has to say
		if f, err := os.CreateTemp("", "sidecar-*.json"); err == nil {
			defer os.Remove(f.Name())
			defer f.Close()
			log, logFile = io.MultiWriter(os.Stderr, f), f.Name()
		}
	}
	x := &podutil.Utility{
		Open: open, Signals: signals, Stdout: os.Stdout, Log: podutil.NewLog(name, log), LogFile: logFile, Now: time.Now,
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	if name != "sidecar" && name != "entrypoint" { // these two know what to do with them
		go func() { cancel(&podutil.Stopped{Why: (<-signals).String()}) }()
	}
	code, err := u.run(ctx, x, options)
	if err != nil {
		x.Log.Error(name+" failed", "err", err)
	}
	return code
}

// Exit codes of all but entrypoint.
const (
	exitTest  = 1 // the change or its test is at fault
	exitUsage = 2
	exitUs    = 3 // we, or a machine, are
)

// exit is the exit code for an error, which is also left where the cluster looks
// for why a container ended.
func exit(err error) (int, error) {
	if err == nil {
		return 0, nil
	}
	if f, e := os.OpenFile("/dev/termination-log", os.O_WRONLY, 0); e == nil {
		fmt.Fprintln(f, strings.ReplaceAll(err.Error(), "\n", "; "))
		_ = f.Close() // there is nowhere to tell
	}
	var clone *podutil.CloneError
	if errors.As(err, &clone) && clone.Conflict || errors.Is(err, podutil.ErrTestFailed) {
		return exitTest, err
	}
	return exitUs, err
}

func runCloneRefs(ctx context.Context, x *podutil.Utility, options any) (int, error) {
	return exit(x.CloneRefs(ctx, options.(*prow.CloneRefsOptions)))
}

func runInitUpload(ctx context.Context, x *podutil.Utility, options any) (int, error) {
	spec, err := podutil.ReadJobSpec(os.Getenv(prow.JobSpecEnv))
	if err != nil {
		return exit(err)
	}
	return exit(x.InitUpload(ctx, options.(*prow.InitUploadOptions), spec))
}

func runEntrypoint(_ context.Context, x *podutil.Utility, options any) (int, error) {
	o := options.(*prow.EntrypointOptions)
	if err := podutil.CheckEntrypoint(o); err != nil {
		return 127, err
	}
	return x.Entrypoint(o), nil
}

func runSidecar(ctx context.Context, x *podutil.Utility, options any) (int, error) {
	spec, err := podutil.ReadJobSpec(os.Getenv(prow.JobSpecEnv))
	if err != nil {
		return exit(err)
	}
	return exit(x.Sidecar(ctx, options.(*prow.SidecarOptions), spec))
}

func runGCSUpload(ctx context.Context, x *podutil.Utility, options any) (int, error) {
	spec, err := podutil.ReadJobSpec(os.Getenv(prow.JobSpecEnv))
	if err != nil {
		return exit(err)
	}
	return exit(x.GCSUpload(ctx, options.(*prow.GCSOptions), spec))
}
