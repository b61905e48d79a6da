// Command prow is CI and merging for Kubernetes and Git forges, in one binary.
//
// This package is a door: flags in, exit codes out. What the commands do is in
// server (the parts of Prow in this process) and client (a Prow elsewhere).
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cmd := root()
	cmd.SetArgs(twoDashes(os.Args[1:]))
	err := cmd.ExecuteContext(ctx)
	switch {
	case err == nil:
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		os.Exit(130)
	default:
		var code exitCode
		if errors.As(err, &code) {
			os.Exit(int(code))
		}
		fmt.Fprintln(os.Stderr, "prow: "+plainLines(err.Error()))
		os.Exit(1)
	}
}

// twoDashes lets long flags begin with one dash, too, as installations of the
// original may have them.
func twoDashes(args []string) []string {
	out := slices.Clone(args)
	for i, a := range out {
		if a == "--" {
			break
		}
		if len(a) > 3 && a[0] == '-' && a[1] != '-' && 'a' <= a[1] && a[1] <= 'z' {
			out[i] = "-" + a
		}
	}
	return out
}

// exitCode is an error that has said all there is to say.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "prow",
		Short: "CI and merging for Git forges: tests pull requests, obeys chat commands, merges what passed",
		Long: `Prow tests pull requests, obeys commands in comments such as /test and /lgtm,
and merges what is reviewed and passes.

See it work, with nothing but this binary and git:

    prow try

Run it for a GitHub repository, with the configuration files of the original:

    prow serve --config-path config.yaml --plugin-config plugins.yaml \
        --github-token-path token --hmac-secret-file hmac

Ask a running Prow:

    prow jobs --state failure
    prow logs -f JOB
    prow why org/repo#17`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.AddGroup(
		&cobra.Group{ID: "run", Title: "Run Prow:"},
		&cobra.Group{ID: "ask", Title: "Ask a running Prow:"},
		&cobra.Group{ID: "config", Title: "Work on configuration:"},
	)
	for _, c := range []*cobra.Command{tryCommand(), serveCommand(), runCommand(), installCommand(), doctorCommand()} {
		c.GroupID = "run"
		cmd.AddCommand(c)
	}
	for _, c := range askCommands() {
		c.GroupID = "ask"
		cmd.AddCommand(c)
	}
	for _, c := range configCommands() {
		c.GroupID = "config"
		cmd.AddCommand(c)
	}
	cmd.AddCommand(versionCommand(), folderCommand())
	return cmd
}

// configCommands need no running Prow: they read configuration and say what it
// means.
func configCommands() []*cobra.Command {
	return []*cobra.Command{checkconfigCommand(), schemaCommand(), planCommand(), diffCommand(), mkpjCommand(), mkpodCommand()}
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			goVersion := ""
			if info, ok := debug.ReadBuildInfo(); ok {
				goVersion = info.GoVersion
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "prow %s (%s)\n", version, goVersion)
			return err
		},
	}
}
