package plugin

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
)

func TestLines(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, body, want string }{
		{"nothing", "looks good", ""},
		{"one", "/lgtm", "lgtm"},
		{"with words", "/hold until Monday", "hold until Monday"},
		{"trimmed, CRLF", "/hold cancel \t\r\n/LGTM\r\n", "hold cancel; LGTM"},
		{"only at the first column", " /lgtm\nplease /hold\n\t/approve", ""},
		{"no name", "/\n/ hold", ""},
		{"quoted", "> /lgtm\n>/hold", ""},
		{"after a quotation", "> /lgtm\n/hold", "hold"},
		{"fence", "```\n/lgtm\n```\n/hold", "hold"},
		{"fence with info", "```sh\n/lgtm\n```\n/hold", "hold"},
		{"tilde fence", "~~~\n/lgtm\n```\n~~~\n/hold", "hold"},
		{"longer fence holds shorter", "````\n```\n/lgtm\n````\n/hold", "hold"},
		{"fence without end", "/hold\n```\n/lgtm", "hold"},
		{"closing fence has no info", "```\n/lgtm\n``` x\n/hold\n```", ""},
		{"inline code is no fence", "```/x```\n/hold", "hold"},
		{"fence in a list", "- ```\n  /lgtm\n  ```\n/hold", "hold"},
		{"fence in a numbered list", "1. ```\n/lgtm\n   ```\n/hold", "hold"},
		{"deeply indented is no fence", "    ```\n/hold", "hold"},
		{"HTML comment", "<!-- /lgtm\n/approve\n-->\n/hold", "hold"},
		{"HTML comment behind", "/kind bug <!-- or feature -->", "kind bug"},
		{"HTML comment before", "<!-- one of: -->/kind bug", "kind bug"},
		{"comment without end opens its line", "/hold\n<!-- \n/lgtm", "hold"},
		{"comment without end inside a line", "see <!-- \n/hold", "hold"},
		{"fence inside a comment", "<!--\n```\n-->\n/hold", "hold"},
		{"comment inside a fence", "```\n<!--\n```\n/hold", "hold"},
		{"order kept", "/a\n/b x\n/a y", "a; b x; a y"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, l := range Lines(tt.body) {
				got = append(got, strings.TrimSpace(l.Name+" "+l.Rest))
			}
			if g := strings.Join(got, "; "); g != tt.want {
				t.Errorf("Lines(%q) = %q, want %q", tt.body, g, tt.want)
			}
		})
	}
}

func TestReadIsBounded(t *testing.T) {
	t.Parallel()
	text := Read(strings.Repeat("/hold\n", 10_000))
	if len(text.Lines) != MaxLines || text.Unread != 10_000-MaxLines {
		t.Errorf("read %d, left %d", len(text.Lines), text.Unread)
	}
	for _, nasty := range []string{"<!--", "<!-- -->", "```\n", "> \n", "- ", "<!--\n", "/"} {
		Read(strings.Repeat(nasty, 2<<20/len(nasty))) // ends at all: nothing here is quadratic
	}
}

func TestVisible(t *testing.T) {
	t.Parallel()
	got := Read("/test unit\r\n```\n/test lint\n```\n> /test e2e\nplease <!-- soon -->").Visible
	if want := "/test unit\nplease \n"; got != want {
		t.Errorf("visible = %q, want %q", got, want)
	}
}

func TestCommandAmong(t *testing.T) {
	t.Parallel()
	lines := Lines("/hold\n/Hold cancel\n/holding\n/hold me")
	for _, tt := range []struct {
		cmd  Command
		want string
	}{
		{Command{Name: "hold"}, "[{hold }]"},
		{Command{Name: "hold", Args: regexp.MustCompile(`|cancel`)}, "[{hold } {Hold cancel}]"},
		{Command{Name: "hold", Args: regexp.MustCompile(`.*`), CaseSensitive: true}, "[{hold } {hold me}]"},
		{Command{Name: "keep", Aliases: []string{"holding"}}, "[{holding }]"},
		{Command{Name: "hold", Args: regexp.MustCompile(`can|cancel`)}, "[{Hold cancel}]"},
	} {
		if got := fmt.Sprint(tt.cmd.Among(lines)); got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.cmd, got, tt.want)
		}
	}
}

func TestCommandHears(t *testing.T) {
	t.Parallel()
	event := func(action, state string, pull bool) prow.CommentEvent {
		return prow.CommentEvent{Header: prow.Header{Action: action}, Issue: prow.Issue{State: state, IsPull: pull}}
	}
	for _, tt := range []struct {
		cmd  Command
		e    prow.CommentEvent
		want bool
	}{
		{Command{}, event(prow.Created, "open", true), true},
		{Command{}, event(prow.Edited, "open", true), false},
		{Command{Edited: true}, event(prow.Edited, "open", true), true},
		{Command{Edited: true}, event(prow.Deleted, "open", true), false},
		{Command{}, event(prow.Created, "closed", true), false},
		{Command{Closed: true}, event(prow.Created, "closed", false), true},
		{Command{Where: Pulls}, event(prow.Created, "open", false), false},
		{Command{Where: Issues}, event(prow.Created, "open", false), true},
	} {
		if got := tt.cmd.Hears(tt.e); got != tt.want {
			t.Errorf("%+v hears %+v = %v", tt.cmd, tt.e, got)
		}
	}
}

func FuzzLines(f *testing.F) {
	for _, s := range []string{"/lgtm\r\n", "```\n/x\n```", "<!-- /a\n-->/b", "- ~~~\n/x\n  ~~~\n/y", "> /q\n/\n/é x", "\x00/x\n/\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		text := Read(body)
		for _, l := range text.Lines {
			if l.Name == "" || strings.ContainsAny(l.Name+l.Rest, "\n") || l.Rest != strings.TrimSpace(l.Rest) {
				t.Errorf("%q: line %+q", body, l)
			}
		}
		if again := Read(Quote(body)); len(again.Lines) > 0 {
			t.Errorf("quoted %q says %q", body, again.Lines)
		}
		fenced := "\n" + strings.Repeat("~", len(body)+3) + "\n" + body
		if got := Lines(fenced); len(got) > 0 {
			t.Errorf("fenced %q says %q", body, got)
		}
		crlf := strings.ReplaceAll(strings.ReplaceAll(body, "\r", ""), "\n", "\r\n")
		if !slices.Equal(Lines(crlf), Lines(strings.ReplaceAll(body, "\r", ""))) {
			t.Errorf("%q: CRLF makes a difference", body)
		}
	})
}
