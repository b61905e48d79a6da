//go:build acceptance

package sandbox_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// document is GitHub's own description of its API.
var document = sync.OnceValues(func() (*openapi3.T, error) {
	dir := cmp.Or(os.Getenv("PROW_TEST_NODE_MODULES"), "../e2e/npm/node_modules")
	raw, err := os.ReadFile(filepath.Join(dir, "@octokit/openapi/generated/api.github.com.json"))
	if err != nil {
		return nil, errors.Join(err, errors.New("run scripts/install"))
	}
	doc, err := openapi3.NewLoader().LoadFromData(raw)
	if err == nil {
		// The account of an installation is said to be a user and an enterprise at
		// once here; elsewhere in the document it is one or the other.
		account := doc.Paths.Find("/app/installations").Get.Responses.Status(http.StatusOK).Value.Content.Get("application/json").Schema.Value.Items.Value.Properties["account"].Value
		account.AnyOf, account.AllOf = account.AllOf, nil
	}
	return doc, err
})

// recorded holds every answer of the sandbox against GitHub's description.
func recorded(t *testing.T) func(http.Handler) http.Handler {
	doc, err := document()
	if err != nil {
		t.Fatal(err)
	}
	return func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			path := strings.TrimPrefix(r.URL.EscapedPath(), "/api/v3")
			op := operation(doc, r.Method, path)
			if op == nil {
				h.ServeHTTP(w, r)
				return
			}
			rec := &recording{ResponseWriter: w, code: http.StatusOK}
			h.ServeHTTP(rec, r)
			if err := fits(op, rec); err != nil {
				t.Errorf("%s %s %d: %v", r.Method, path, rec.code, err)
			}
		})
	}
}

type recording struct {
	http.ResponseWriter
	code int
	body bytes.Buffer
}

func (r *recording) WriteHeader(code int) { r.code = code; r.ResponseWriter.WriteHeader(code) }
func (r *recording) Write(b []byte) (int, error) {
	r.body.Write(b)
	return r.ResponseWriter.Write(b)
}

// operation finds the route, fixed words first.
func operation(doc *openapi3.T, method, path string) *openapi3.Operation {
	parts := strings.Split(path, "/")
	var best *openapi3.Operation
	most := -1
	for template, item := range doc.Paths.Map() {
		want := strings.Split(template, "/")
		tail := strings.HasSuffix(template, "/{path}") || strings.HasSuffix(template, "/{ref}") || strings.HasSuffix(template, "/{basehead}")
		if op := item.GetOperation(method); op == nil || len(want) != len(parts) && !(tail && len(parts) > len(want)) {
			continue
		}
		fixed, ok := 0, true
		for n, w := range want {
			if strings.HasPrefix(w, "{") {
				continue
			}
			fixed++
			ok = ok && w == parts[n]
		}
		if ok && fixed > most {
			best, most = item.GetOperation(method), fixed
		}
	}
	return best
}

func fits(op *openapi3.Operation, rec *recording) error {
	if rec.code == http.StatusNotModified || rec.code >= 400 && rec.code != http.StatusUnprocessableEntity {
		return nil // errors share one shape, and not each is in the description
	}
	want := op.Responses.Status(rec.code)
	if want == nil {
		if rec.code >= 400 {
			return nil
		}
		return errors.New("GitHub's description has no such status here")
	}
	if rec.body.Len() == 0 || !strings.HasPrefix(rec.Header().Get("Content-Type"), "application/json") {
		return nil
	}
	content := want.Value.Content.Get("application/json")
	if content == nil || content.Schema == nil {
		return nil
	}
	var v any
	if err := json.Unmarshal(rec.body.Bytes(), &v); err != nil {
		return err
	}
	return content.Schema.Value.VisitJSON(v, openapi3.MultiErrors())
}
