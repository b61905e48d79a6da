package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/prow-ci/prow/mkpj"
	"github.com/prow-ci/prow/server"
	"github.com/spf13/cobra"
)

// podFlags are the words of mkpod.
type podFlags struct {
	file, buildID, out, output string
	local                      bool
}

func mkpodCommand() *cobra.Command {
	var p podFlags
	cmd := &cobra.Command{
		Use:   "mkpod --prow-job FILE",
		Short: "Make the pod that runs a ProwJob",
		Long: `Prints the pod that runs a ProwJob: the job's containers, and around them the
utilities that clone, watch and upload. It lacks the label created-by-prow, so that
Prow does not clean it up as one of its own.

With --local the files of the run come to a folder of the node that runs the pod,
for example of a cluster on this machine, instead of the bucket. Each volume that
such a cluster may not have is asked for: an empty answer keeps it, "empty" makes
it an empty folder, anything else is a folder of the node.`,
		Example: `  prow mkpj --config-path config.yaml --job nightly | prow mkpod --prow-job - --build-id snowflake
  prow mkpod --prow-job job.yaml --local --out-dir /tmp/out | kubectl create -f -`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&p.file, "prow-job", "", "file with the ProwJob; - is the standard input")
	f.StringVar(&p.buildID, "build-id", "", `build id of the run; "snowflake" makes one (default: that of the ProwJob's status)`)
	f.BoolVar(&p.local, "local", false, "put the files of the run into a folder instead of the bucket")
	f.StringVar(&p.out, "out-dir", "", "with --local: that folder, below which one is made for the build id (default: a temporary one)")
	f.StringVarP(&p.output, "output", "o", "yaml", "yaml or json")
	return cmd
}

func (p *podFlags) run(cmd *cobra.Command) error {
	switch {
	case p.file == "":
		return errors.New("which ProwJob? Name its file with --prow-job, or - for the standard input; prow mkpj makes one")
	case p.out != "" && !p.local:
		return errors.New("--out-dir is of use only with --local")
	case !slices.Contains([]string{"yaml", "json"}, p.output):
		return fmt.Errorf("--output %s: want yaml or json", p.output)
	}
	text, name, err := p.read(cmd)
	if err != nil {
		return err
	}
	warn := warnings(cmd)
	j, odd, err := mkpj.ReadJob(name, text)
	for _, text := range odd {
		warn(text)
	}
	if err != nil {
		return err
	}
	o := mkpj.PodOptions{BuildID: p.buildID}
	if o.BuildID == "snowflake" {
		o.BuildID = server.NewBuildID()
	}
	if o.BuildID == "" && j.Status.BuildID == "" {
		warn("the run has no build id, so its files have no place of their own; give one with --build-id, or --build-id snowflake")
	}
	if p.local {
		if o.Output, err = p.folder(cmp.Or(o.BuildID, j.Status.BuildID)); err != nil {
			return err
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "The files of the run will be in %s of the node that runs the pod.\n", o.Output)
		o.Ask = questions(cmd.InOrStdin(), cmd.ErrOrStderr())
	}
	pod, err := mkpj.Pod(j, o)
	if err != nil {
		return err
	}
	return mkpj.WriteObject(cmd.OutOrStdout(), p.output, false, pod)
}

func (p *podFlags) read(cmd *cobra.Command) (text []byte, name string, err error) {
	if p.file == "-" {
		text, err = io.ReadAll(cmd.InOrStdin())
		return text, "standard input", err
	}
	text, err = os.ReadFile(p.file)
	return text, p.file, err
}

// folder is where the files of a local run go.
func (p *podFlags) folder(buildID string) (string, error) {
	var err error
	dir := p.out
	if dir == "" {
		dir, err = os.MkdirTemp("", "prow-mkpod-")
	} else {
		dir, err = filepath.Abs(dir)
	}
	return filepath.Join(dir, buildID), err
}
