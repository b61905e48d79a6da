package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/client"
	"github.com/spf13/cobra"
)

// asker is what the commands that talk to a running Prow share.
type asker struct {
	client client.Client
	json   bool
}

// command adds the shared flags and the --json form to a command. show prints for
// people what ask returns; --json prints it as it is.
func command[T any](use, short, long, example string, args cobra.PositionalArgs,
	ask func(ctx context.Context, c *client.Client, args []string) (T, error), show func(w io.Writer, v T) error,
) *cobra.Command {
	a := &asker{}
	cmd := &cobra.Command{
		Use: use, Short: short, Long: cmp.Or(long, short+"."), Example: example, Args: args,
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := ask(cmd.Context(), &a.client, args)
			if err != nil {
				return a.explain(err)
			}
			if a.json {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(v)
			}
			return show(cmd.OutOrStdout(), v)
		},
	}
	a.flags(cmd)
	return cmd
}

func (a *asker) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&a.client.URL, "server", cmp.Or(os.Getenv("PROW_URL"), "http://127.0.0.1:8080"), "address of Prow's pages; also by PROW_URL")
	f.StringVar(&a.client.Token, "token", os.Getenv("PROW_TOKEN"), "bearer token, where a proxy asks for one; also by PROW_TOKEN")
	f.BoolVar(&a.json, "json", false, "print JSON")
}

func (a *asker) explain(err error) error {
	if strings.Contains(err.Error(), "connection refused") {
		return fmt.Errorf("nothing answers at %s; is Prow running there? Say where it is with --server or PROW_URL", a.client.URL)
	}
	return err
}

func askCommands() []*cobra.Command {
	return []*cobra.Command{
		jobsCommand(), logsCommand(), whyCommand(),
		command("rerun ID", "Run a job again", "", "", cobra.ExactArgs(1),
			func(ctx context.Context, c *client.Client, args []string) (*client.Job, error) {
				return c.Rerun(ctx, args[0])
			},
			func(w io.Writer, j *client.Job) error {
				_, err := fmt.Fprintf(w, "%s runs again as %s\n", j.Job, j.ID)
				return err
			}),
		command("abort ID", "End a job that runs", "", "", cobra.ExactArgs(1),
			func(ctx context.Context, c *client.Client, args []string) (*client.Job, error) {
				return c.Abort(ctx, args[0])
			},
			func(w io.Writer, j *client.Job) error {
				_, err := fmt.Fprintf(w, "%s (%s) is being ended\n", j.Job, j.ID)
				return err
			}),
		deliveriesCommand(),
		command("replay ID", "Handle a webhook again", "", "", cobra.ExactArgs(1),
			func(ctx context.Context, c *client.Client, args []string) (*client.Delivery, error) {
				return c.Replay(ctx, args[0])
			},
			func(w io.Writer, d *client.Delivery) error {
				_, err := fmt.Fprintf(w, "%s is handled again\n", d.ID)
				return err
			}),
	}
}

func jobsCommand() *cobra.Command {
	var f client.Filter
	cmd := command("jobs", "List runs, newest first", "", "  prow jobs --state failure\n  prow jobs --repo org/repo --pull 17 --json", cobra.NoArgs,
		func(ctx context.Context, c *client.Client, _ []string) (*client.Jobs, error) { return c.Jobs(ctx, f) },
		func(w io.Writer, l *client.Jobs) error {
			if len(l.Jobs) == 0 {
				_, err := fmt.Fprintln(w, "No runs. Jobs run when a pull request is opened or pushed to, or when someone comments /test.")
				return err
			}
			t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
			fmt.Fprintln(t, "ID\tJOB\tFOR\tSTATE\tAGE\tWHY")
			for _, j := range l.Jobs {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", j.ID, plain(j.Job), plain(about(&j)), j.State, age(j.Created), plain(j.Why))
			}
			if l.Next != "" {
				fmt.Fprintf(t, "\n%d in all; the next page: --before %s\n", l.Total, l.Next)
			}
			return t.Flush()
		})
	fl := cmd.Flags()
	fl.StringVar(&f.Repo, "repo", "", "of this repository (owner/name) or owner")
	fl.IntVar(&f.Pull, "pull", 0, "of this pull request")
	fl.StringVar(&f.Job, "job", "", "of this job; * matches anything")
	fl.StringVar(&f.State, "state", "", "triggered, pending, success, failure, aborted or error")
	fl.StringVar(&f.Type, "type", "", "presubmit, postsubmit, periodic or batch")
	fl.StringVar(&f.Author, "author", "", "of pull requests by this author")
	fl.StringVar(&f.Since, "since", "", "created in the last, for example 24h")
	fl.StringVar(&f.Before, "before", "", "the page after this run")
	fl.IntVar(&f.Limit, "limit", 30, "at most so many")
	return cmd
}

// about says what a run is for: a pull request, pull requests, or a branch.
func about(j *client.Job) string {
	var numbers []string
	for _, p := range j.Pulls {
		numbers = append(numbers, fmt.Sprintf("#%d", p.Number))
	}
	switch {
	case len(numbers) > 0:
		return j.Repo + strings.Join(numbers, ",")
	case j.Base != "":
		return j.Repo + "@" + j.Base
	}
	return j.Repo
}

func age(t time.Time) string {
	d := time.Since(t)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// plain makes text from elsewhere safe for a terminal and for one line.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return ' '
		}
		return r
	}, s)
}

// plainLines is plain for a text of several lines.
func plainLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = plain(lines[i])
	}
	return strings.Join(lines, "\n")
}

func logsCommand() *cobra.Command {
	var (
		a         asker
		container string
		follow    bool
	)
	cmd := &cobra.Command{
		Use: "logs ID", Short: "Print the log of a run", Args: cobra.ExactArgs(1),
		Long: "Prints the log of a run, as it is; with -f as it is written, until the run ends.\n\nThe exit status with -f is 0 if the run passed, 1 if it did not.",
		RunE: func(cmd *cobra.Command, args []string) error {
			log, err := a.client.Log(cmd.Context(), args[0], container, 0, follow)
			if err != nil {
				return a.explain(err)
			}
			defer log.Close()
			out := cmd.OutOrStdout()
			if a.json {
				return jsonLines(log, out)
			}
			if _, err := io.Copy(out, log); err != nil || !follow {
				return err
			}
			run, err := a.ended(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", plain(run.Run.Job), plain(run.Sentence))
			if run.Run.State != prow.Success {
				return exitCode(1)
			}
			return nil
		},
	}
	a.flags(cmd)
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on until the run ends")
	cmd.Flags().StringVarP(&container, "container", "c", "", "of this container (default: the first)")
	return cmd
}

// ended waits for the end of a run whose log has ended: its files may still be on
// their way.
func (a *asker) ended(ctx context.Context, id string) (*client.Run, error) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		run, err := a.client.Run(ctx, id)
		if err != nil || run.Run.State.Final() {
			return run, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func whyCommand() *cobra.Command {
	return command("why ORG/REPO#N|ID", "Say why a pull request does not merge, or how a run stands", `Says what tide knows of a pull request: the checklist to merge, who can give
what is missing and the command to type, the tests it waits for, and its place
in the queue. It is the value that tide itself acts on.

Of the ID of a run it says why that is where it is, and what became of its pod:
what is not as it should be, and the warnings.`, "  prow why kubernetes/kubernetes#42", cobra.ExactArgs(1),
		func(ctx context.Context, c *client.Client, args []string) (any, error) {
			if !strings.ContainsAny(args[0], "/#") {
				return c.Run(ctx, args[0])
			}
			id, err := prow.ParseIssueID(args[0])
			if err != nil {
				return nil, err
			}
			return c.Why(ctx, id)
		},
		func(w io.Writer, v any) error {
			if run, ok := v.(*client.Run); ok {
				return showRun(w, run)
			}
			return showWhy(w, v.(*client.Why))
		})
}

func showRun(w io.Writer, r *client.Run) error {
	fmt.Fprintf(w, "%s: %s. %s\n", plain(r.Run.Job), r.Run.Word, plain(r.Sentence))
	p := r.Pod
	if p == nil {
		return nil
	}
	for _, text := range []string{p.Hint, p.Missing} {
		if text != "" {
			fmt.Fprintf(w, "%s\n", plain(text))
		}
	}
	fmt.Fprintf(w, "  pod      %s/%s, %s, node %s, cluster %s\n", plain(p.Namespace), plain(p.Name), cmp.Or(plain(p.Phase), "gone"), cmp.Or(plain(p.Node), "none"), plain(p.Cluster))
	for _, c := range p.Containers {
		if c.Wrong {
			fmt.Fprintf(w, "  %-8s container %s: %s\n", c.State, plain(c.Name), plain(strings.TrimSuffix(c.Reason+": "+c.Message, ": ")))
		}
	}
	for _, c := range p.Conditions {
		if c.Wrong {
			fmt.Fprintf(w, "  %-8s %s: %s\n", plain(c.Status), plain(c.Type), plain(strings.TrimSuffix(c.Reason+": "+c.Message, ": ")))
		}
	}
	for _, e := range p.Events {
		if e.Type == "Warning" {
			fmt.Fprintf(w, "  warning  %s, %d times, last %s ago: %s\n", plain(e.Reason), e.Count, age(e.Last), plain(e.Message))
		}
	}
	return nil
}

func showWhy(w io.Writer, y *client.Why) error {
	fmt.Fprintf(w, "%s: %s\n", y.Pull, plain(y.Text))
	if y.Verdict == nil {
		return nil
	}
	for _, i := range y.Verdict.Items {
		mark := "missing"
		if i.Met {
			mark = "ok"
		}
		fmt.Fprintf(w, "  %-8s %s\n", mark, plain(i.What))
		if i.Met {
			continue
		}
		if i.Why != "" {
			fmt.Fprintf(w, "           %s\n", plain(i.Why))
		}
		if i.Who != "" {
			fmt.Fprintf(w, "           who: %s\n", plain(i.Who))
		}
		if i.Command != "" {
			fmt.Fprintf(w, "           say: %s\n", plain(i.Command))
		}
	}
	for _, t := range y.Verdict.Tests {
		fmt.Fprintf(w, "  test     %s: %s\n", plain(t.Context), cmp.Or(string(t.State), "no result yet"))
	}
	if y.Verdict.Place > 0 {
		fmt.Fprintf(w, "  place %d in the queue for %s\n", y.Verdict.Place, plain(y.Verdict.Branch))
	}
	return nil
}

func deliveriesCommand() *cobra.Command {
	var f client.DeliveryFilter
	cmd := command("deliveries", "List webhooks, newest first, and what became of them", "", "  prow deliveries --state dead", cobra.NoArgs,
		func(ctx context.Context, c *client.Client, _ []string) (*client.Deliveries, error) {
			return c.Deliveries(ctx, f)
		},
		func(w io.Writer, l *client.Deliveries) error {
			if len(l.Deliveries) == 0 {
				_, err := fmt.Fprintln(w, "No webhooks. The forge has to send them to /hook of Prow, signed with the HMAC secret.")
				return err
			}
			t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
			fmt.Fprintln(t, "ID\tEVENT\tWHERE\tSTATE\tAGE\tDID")
			for _, d := range l.Deliveries {
				did := strings.Join(d.Did, "; ")
				if d.Error != "" {
					did = d.Error
				}
				fmt.Fprintf(t, "%s\t%s %s\t%s\t%s\t%s\t%s\n", plain(d.ID), plain(d.Event), plain(d.Action), plain(d.Where), d.State, age(d.Received), plain(did))
			}
			return t.Flush()
		})
	fl := cmd.Flags()
	fl.StringVar(&f.State, "state", "", "waiting, claimed, handled or dead")
	fl.StringVar(&f.Event, "event", "", "pull_request, issue_comment, push, …")
	fl.StringVar(&f.Repo, "repo", "", "of this repository (owner/name) or owner")
	fl.IntVar(&f.Pull, "pull", 0, "of this pull request")
	fl.StringVar(&f.Before, "before", "", "the page after this webhook")
	return cmd
}
