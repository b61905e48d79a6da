package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	prow "github.com/prow-ci/prow"
)

// maxAnswer limits how much of one answer is read.
const maxAnswer = 64 << 20

// at builds the path of a request below a repository, each part escaped.
func at(r prow.Repo, parts ...any) string {
	return path(append([]any{"repos", r.Owner, r.Name}, parts...)...)
}

func path(parts ...any) string {
	out := make([]string, 0, len(parts))
	for _, p := range parts {
		out = append(out, url.PathEscape(fmt.Sprint(p)))
	}
	return strings.Join(out, "/")
}

func (f *Forge) get(ctx context.Context, path string, into any) error {
	_, err := f.do(ctx, http.MethodGet, path, nil, into)
	return err
}

// do makes one call and decodes its answer, if into is not nil. It returns the
// number of the next page, 0 at the end.
func (f *Forge) do(ctx context.Context, method, path string, body, into any) (next int, err error) {
	req, err := f.client.NewRequest(ctx, method, path, body)
	if err != nil {
		return 0, fmt.Errorf("github: %s %s: %w", method, path, err)
	}
	what := method + " " + strings.SplitN(path, "?", 2)[0]
	resp, err := f.client.BareDo(req)
	if err != nil {
		return 0, explain(what, err)
	}
	defer resp.Body.Close()
	if into == nil {
		err = confirm(resp.Body, resp.Header)
	} else {
		err = decode(resp.Body, resp.Header, into)
	}
	if err != nil {
		return 0, fmt.Errorf("github: the answer to %s cannot be used: %w", what, err)
	}
	return resp.NextPage, nil
}

// content reads an answer that has to be JSON or nothing.
func content(body io.Reader, h http.Header) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("it was cut off after %d bytes: %w", len(b), err)
	}
	if len(b) > maxAnswer {
		return nil, fmt.Errorf("it is larger than %d MiB", maxAnswer>>20)
	}
	b = bytes.TrimSpace(b)
	kind, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	if len(b) > 0 && kind != "" && !strings.HasSuffix(kind, "json") {
		return nil, fmt.Errorf("it is %s, not JSON; is the address that of the API?", kind)
	}
	return b, nil
}

// confirm reads an answer of which nothing is wanted. Whoever answers "200" with a
// page, a proxy for one, has not done what was asked.
func confirm(body io.Reader, h http.Header) error {
	b, err := content(body, h)
	if err == nil && len(b) > 0 && (b[0] != '{' && b[0] != '[' || !json.Valid(b)) {
		return errors.New("it is neither a JSON object nor a list; is the address that of the API?")
	}
	return err
}

// decode reads an answer that has to be JSON of into's type.
func decode(body io.Reader, h http.Header, into any) error {
	b, err := content(body, h)
	if err != nil {
		return err
	}
	if len(b) == 0 {
		return errors.New("it is empty, where JSON was expected")
	}
	var wrong *json.UnmarshalTypeError
	switch err := json.Unmarshal(b, into); {
	case errors.As(err, &wrong):
		return fmt.Errorf("it holds a %s where %s was expected (at %q)", wrong.Value, wrong.Type, wrong.Field)
	case err != nil:
		return fmt.Errorf("it is not whole JSON (%d bytes): %w", len(b), err)
	}
	return nil
}

// listOf reads all pages of a list.
func listOf[T any](ctx context.Context, f *Forge, path string) ([]T, error) {
	var all []T
	err := pages(ctx, f, path, func(page []T) { all = append(all, page...) })
	return all, err
}

// pages reads a list whose pages are of type P.
func pages[P any](ctx context.Context, f *Forge, path string, each func(P)) error {
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	for n := 1; n > 0; {
		var page P
		next, err := f.do(ctx, http.MethodGet, fmt.Sprintf("%s%sper_page=100&page=%d", path, sep, n), nil, &page)
		if err != nil {
			return err
		}
		each(page)
		if next <= n {
			return nil
		}
		n = next
	}
	return nil
}

// collect reads a list and turns each of its members.
func collect[W, T any](ctx context.Context, f *Forge, path string, turn func(*W) T) ([]T, error) {
	wire, err := listOf[W](ctx, f, path)
	if err != nil {
		return nil, err
	}
	out := make([]T, 0, len(wire))
	for i := range wire {
		out = append(out, turn(&wire[i]))
	}
	return out, nil
}
