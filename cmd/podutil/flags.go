package main

import (
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"

	prow "github.com/prow-ci/prow"
)

// list is a flag that may be given several times.
type list []string

func (l *list) String() string     { return strings.Join(*l, ",") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

func none(args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %q", args[0])
	}
	return nil
}

func cloneRefsFlags(f *flag.FlagSet) (any, func([]string) error) {
	o := &prow.CloneRefsOptions{}
	f.StringVar(&o.SrcRoot, "src-root", "", "folder to clone to, as <src-root>/src/github.com/org/repo")
	f.StringVar(&o.Log, "log", "", "file for the records of the clones, as JSON")
	f.StringVar(&o.GitUserName, "git-user-name", "", "who merges: name (ci-robot)")
	f.StringVar(&o.GitEmail, "git-user-email", "", "who merges: e-mail (ci-robot@k8s.io)")
	f.Var((*list)(&o.KeyFiles), "ssh-key", "file, or folder of files, with SSH keys; may be given several times")
	f.StringVar(&o.CookiePath, "cookiefile", o.CookiePath, "file with cookies for git over HTTP")
	f.IntVar(&o.MaxParallelWorkers, "max-workers", 0, "clones at one time; 0 is all at once")
	f.BoolVar(&o.Fail, "fail", false, "exit non-zero if a clone fails")
	var repos, aliases, prefixes list
	f.Var(&repos, "repo", "what to clone: org,repo=base[:sha][,pull[:sha[:ref]]]…; may be given several times")
	f.Var(&aliases, "clone-alias", "taken and not used, as ever")
	f.Var(&prefixes, "uri-prefix", "taken and not used, as ever")
	return o, func(args []string) error {
		for _, r := range repos {
			refs, err := parseRefs(r)
			if err != nil {
				return err
			}
			o.Refs = append(o.Refs, refs)
		}
		return none(args)
	}
}

// parseRefs reads org,repo=base[:sha][,pull[:sha[:ref]]]….
func parseRefs(s string) (prow.Refs, error) {
	bad := func(why string) (prow.Refs, error) {
		return prow.Refs{}, fmt.Errorf("--repo=%s: %s; want org,repo=base[:sha][,pull[:sha[:ref]]]…", s, why)
	}
	var r prow.Refs
	name, what, ok := strings.Cut(s, "=")
	if !ok {
		return bad("there is no =")
	}
	if r.Org, r.Repo, ok = strings.Cut(name, ","); !ok || r.Org == "" || r.Repo == "" || strings.Contains(r.Repo, ",") {
		return bad("before the = are not an org and a repo")
	}
	parts := strings.Split(what, ",")
	r.BaseRef, r.BaseSHA, _ = strings.Cut(parts[0], ":")
	if r.BaseRef == "" || strings.Contains(r.BaseSHA, ":") {
		return bad("the base is not a branch and a commit")
	}
	for _, p := range parts[1:] {
		fields := strings.SplitN(p, ":", 3)
		n, err := strconv.Atoi(fields[0])
		if err != nil {
			return bad(strconv.Quote(fields[0]) + " is not the number of a pull request")
		}
		pull := prow.PullRef{Number: n}
		if len(fields) > 1 {
			pull.SHA = fields[1]
		}
		if len(fields) > 2 {
			pull.Ref = fields[2]
		}
		r.Pulls = append(r.Pulls, pull)
	}
	return r, nil
}

// gcsFlags are those of all that upload.
func gcsFlags(f *flag.FlagSet, o *prow.GCSOptions, dryRun bool) func() error {
	o.GCSConfiguration = &prow.GCSConfiguration{}
	c := o.GCSConfiguration
	f.StringVar(&o.SubDir, "sub-dir", "", "folder below that of the run")
	f.StringVar(&c.PathStrategy, "path-strategy", "explicit", "how a presubmit's folder names its repository: explicit, legacy, single")
	f.StringVar(&c.DefaultOrg, "default-org", "", "for the path strategies legacy and single")
	f.StringVar(&c.DefaultRepo, "default-repo", "", "for the path strategies legacy and single")
	f.StringVar(&c.Bucket, "gcs-path", "", "bucket: gs://…, s3://…, azblob://… or a folder")
	f.StringVar(&c.LocalOutputDir, "local-output-dir", "", "copy there instead of uploading")
	f.StringVar(&o.GCSCredentialsFile, "gcs-credentials-file", "", "service account for gs://")
	f.StringVar(&o.S3CredentialsFile, "s3-credentials-file", "", "credentials for s3://")
	f.BoolVar(&o.DryRun, "dry-run", dryRun, "only say what would be uploaded")
	var types list
	f.Var(&types, "media-type", "ext:type, how files with that extension are served; may be given several times")
	return func() error {
		for _, t := range types {
			ext, media, ok := strings.Cut(t, ":")
			if !ok || ext == "" || media == "" {
				return fmt.Errorf("--media-type=%s: want an extension and a type, as log:text/plain", t)
			}
			if o.GCSConfiguration.MediaTypes == nil {
				o.GCSConfiguration.MediaTypes = map[string]string{}
			}
			o.GCSConfiguration.MediaTypes[ext] = media
		}
		return nil
	}
}

func initUploadFlags(f *flag.FlagSet) (any, func([]string) error) {
	o := &prow.InitUploadOptions{}
	finish := gcsFlags(f, &o.GCSOptions, true)
	f.StringVar(&o.Log, "clone-log", "", "file with the records of the clones")
	return o, func(args []string) error { return errors.Join(finish(), none(args)) }
}

func gcsUploadFlags(f *flag.FlagSet) (any, func([]string) error) {
	o := &prow.GCSOptions{}
	finish := gcsFlags(f, o, true)
	return o, func(args []string) error {
		o.Items = append(o.Items, args...)
		return finish()
	}
}

func wrapperFlags(f *flag.FlagSet, o *prow.WrapperOptions) {
	f.StringVar(&o.ContainerName, "container-name", "", "name of the test's container")
	f.StringVar(&o.ProcessLog, "process-log", "", "file for the output of the test")
	f.StringVar(&o.MarkerFile, "marker-file", "", "file for the exit code of the test")
	f.StringVar(&o.MetadataFile, "metadata-file", "", "file in which the test may leave metadata")
}

func entrypointFlags(f *flag.FlagSet) (any, func([]string) error) {
	o := &prow.EntrypointOptions{}
	f.DurationVar(&o.Timeout, "timeout", prow.DefaultTimeout, "how long the test may take")
	f.DurationVar(&o.GracePeriod, "grace-period", prow.DefaultGracePeriod, "how long it may take to end when told to")
	f.StringVar(&o.ArtifactDir, "artifact-dir", "", "folder to make for what the test leaves")
	f.StringVar(&o.PreviousMarker, "previous-marker", "", "marker of the test that comes before")
	f.BoolVar(&o.AlwaysZero, "always-zero", false, "exit with 0 whatever the test does")
	f.BoolVar(&o.PropagateErrorCode, "propagate-error-code", false, "exit with the test's own code also after a timeout or interrupt")
	f.BoolVar(&o.CopyModeOnly, "copy-mode-only", false, "only copy this program to --copy-destination")
	f.StringVar(&o.CopyDst, "copy-destination", "/tools/entrypoint", "where to copy to")
	wrapperFlags(f, &o.WrapperOptions)
	return o, func(args []string) error {
		o.Args = append(o.Args, args...)
		return nil
	}
}

func sidecarFlags(f *flag.FlagSet) (any, func([]string) error) {
	o := &prow.SidecarOptions{GCSOptions: &prow.GCSOptions{}}
	finish := gcsFlags(f, o.GCSOptions, true)
	f.BoolVar(&o.EntryError, "entry-error", false, "exit non-zero if a test failed")
	f.BoolVar(&o.IgnoreInterrupts, "ignore-interrupts", false, "upload only once the tests have ended")
	one := &prow.WrapperOptions{}
	wrapperFlags(f, one)
	return o, func(args []string) error {
		if one.MarkerFile != "" {
			o.Entries = append(o.Entries, *one)
		}
		o.GCSOptions.Items = append(o.GCSOptions.Items, args...)
		return finish()
	}
}
