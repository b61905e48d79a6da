package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// questions asks on out and reads answers, one a line, from in. Where in has ended
// the answer is empty.
func questions(in io.Reader, out io.Writer) func(question string) string {
	r := bufio.NewReader(in)
	return func(question string) string {
		fmt.Fprintf(out, "%s: ", plain(question))
		line, err := r.ReadString('\n')
		if err != nil {
			fmt.Fprintln(out)
		}
		return strings.TrimSpace(line)
	}
}

// interactive asks whoever sits at the terminal; nil if nobody does.
func interactive(cmd *cobra.Command) func(question string) string {
	f, ok := cmd.InOrStdin().(*os.File)
	if !ok || !isTerminal(f) {
		return nil
	}
	return questions(f, cmd.ErrOrStderr())
}

// isTerminal reports whether f is a device to type on; /dev/null is one of another sort.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// warnings says what is odd on the side.
func warnings(cmd *cobra.Command) func(text string) {
	return func(text string) { fmt.Fprintln(cmd.ErrOrStderr(), "prow: warning: "+plainLines(text)) }
}
