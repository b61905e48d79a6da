//go:build acceptance

package schema_test

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/prow-ci/prow/schema"
	"github.com/prow-ci/prow/server"
)

// The YAML language server is what VS Code and most other editors ask: it finds
// nothing in real files, and in a bad one every mistake, at its line.
func TestEditors(t *testing.T) {
	dir := unpacked(t)
	for _, c := range corpora() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for kind, files := range c.files(t, filepath.Join(dir, c.name)) {
				e := openEditor(t, kind)
				for f, found := range e.open(t, files...) {
					for _, d := range found {
						t.Errorf("%s:%d: %s", f, d.Range.Start.Line+1, d.Message)
					}
				}
			}
		})
	}
	t.Run("mistakes", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "bad.yaml")
		err := os.WriteFile(file, []byte(`presubmits:
  org/repo:
  - name: a
    alway_run: true
    agent: kubernets
    branches: main
    spec:
      containers:
      - imagee: x
        imagePullPolicy: Sometimes
`), 0o644)
		if err != nil {
			t.Fatal(err)
		}
		e := openEditor(t, "jobs")
		var lines []int
		for _, d := range e.open(t, file)[file] {
			lines = append(lines, d.Range.Start.Line+1)
		}
		for _, want := range []int{4, 5, 6, 9, 10} {
			if !strings.Contains(fmt.Sprint(lines), fmt.Sprint(want)) {
				t.Errorf("nothing was found in line %d; findings in %v", want, lines)
			}
		}
		var hover struct{ Contents struct{ Value string } }
		e.ask(t, "textDocument/hover", object{"textDocument": object{"uri": uri(file)}, "position": object{"line": 5, "character": 6}}, &hover)
		if want := "the job runs for branches that one of them matches"; !strings.Contains(hover.Contents.Value, want) {
			t.Errorf("the hover says %q, want %q in it", hover.Contents.Value, want)
		}
	})
}

type object = map[string]any

// editor speaks to a language server.
type editor struct {
	in       io.Writer
	out      *bufio.Reader
	last     int
	settings object
}

type diagnostic struct {
	Message string
	Range   struct{ Start struct{ Line int } }
}

type message struct {
	ID     any             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
}

func uri(file string) string { return "file://" + file }

// openEditor starts a language server that holds every file against a schema.
func openEditor(t *testing.T, kind string) *editor {
	t.Helper()
	f, err := schema.Of(kind, server.Sections())
	if err != nil {
		t.Fatal(err)
	}
	text, err := f.JSON()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), kind+".schema.json")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	modules := cmp.Or(os.Getenv("PROW_TEST_NODE_MODULES"), "../e2e/npm/node_modules")
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join(modules, "yaml-language-server/bin/yaml-language-server"), "--stdio")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v; scripts/install installs it", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	e := &editor{in: in, out: bufio.NewReader(out), settings: object{
		"schemas": object{uri(file): "*.yaml"}, "validate": true, "hover": true, "schemaStore": object{"enable": false},
	}}
	e.ask(t, "initialize", object{"processId": os.Getpid(), "rootUri": nil, "capabilities": object{
		"workspace":    object{"configuration": true, "didChangeConfiguration": object{}},
		"textDocument": object{"hover": object{"contentFormat": []string{"markdown"}}},
	}}, nil)
	e.send(t, object{"method": "initialized", "params": object{}})
	e.send(t, object{"method": "workspace/didChangeConfiguration", "params": object{"settings": object{"yaml": e.settings}}})
	e.until(t, func(m *message) bool { return m.Method == "workspace/configuration" }) // it has taken the settings
	return e
}

// open opens files and returns what is underlined in each. The server looks at a
// file a moment after it was opened, so all are opened first.
func (e *editor) open(t *testing.T, files ...string) map[string][]diagnostic {
	t.Helper()
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		e.send(t, object{"method": "textDocument/didOpen", "params": object{"textDocument": object{"uri": uri(file), "languageId": "yaml", "version": 1, "text": string(text)}}})
	}
	out := map[string][]diagnostic{}
	e.until(t, func(m *message) bool {
		var found struct {
			URI         string
			Diagnostics []diagnostic
		}
		if m.Method == "textDocument/publishDiagnostics" && json.Unmarshal(m.Params, &found) == nil {
			out[strings.TrimPrefix(found.URI, uri(""))] = found.Diagnostics
		}
		return len(out) == len(files)
	})
	return out
}

// ask waits for an answer.
func (e *editor) ask(t *testing.T, method string, params, answer any) {
	t.Helper()
	e.last++
	e.send(t, object{"id": e.last, "method": method, "params": params})
	m := e.until(t, func(m *message) bool { return m.Method == "" && m.ID == float64(e.last) })
	if answer == nil {
		return
	}
	if err := json.Unmarshal(m.Result, answer); err != nil {
		t.Fatalf("%s: %v", m.Result, err)
	}
}

func (e *editor) send(t *testing.T, m object) {
	t.Helper()
	m["jsonrpc"] = "2.0"
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(e.in, "Content-Length: %d\r\n\r\n%s", len(text), text); err != nil {
		t.Fatal(err)
	}
}

// until reads messages up to the one that is wanted, and answers questions.
func (e *editor) until(t *testing.T, wanted func(*message) bool) *message {
	t.Helper()
	for {
		head, err := textproto.NewReader(e.out).ReadMIMEHeader()
		if err != nil {
			t.Fatalf("the language server has ended: %v; scripts/install installs it", err)
		}
		n, err := strconv.Atoi(head.Get("Content-Length"))
		if err != nil {
			t.Fatal(err)
		}
		text := make([]byte, n)
		if _, err := io.ReadFull(e.out, text); err != nil {
			t.Fatal(err)
		}
		m := &message{}
		if err := json.Unmarshal(text, m); err != nil {
			t.Fatal(err)
		}
		if m.Method != "" && m.ID != nil {
			e.send(t, object{"id": m.ID, "result": e.answer(m)})
		}
		if wanted(m) {
			return m
		}
	}
}

// answer gives the settings to the server that asks for them.
func (e *editor) answer(m *message) any {
	var ask struct{ Items []struct{ Section string } }
	if m.Method != "workspace/configuration" || json.Unmarshal(m.Params, &ask) != nil {
		return nil
	}
	out := []any{}
	for _, i := range ask.Items {
		if i.Section == "yaml" {
			out = append(out, e.settings)
		} else {
			out = append(out, object{})
		}
	}
	return out
}
