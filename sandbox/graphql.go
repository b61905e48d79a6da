package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// The query language is answered by walking the query over objects that know their
// fields: no schema, but any query made of what is known here works, whoever
// wrote it.

type (
	// args are the arguments of a field.
	args map[string]any
	// object is something with fields.
	object struct {
		kind  string
		field func(name string, a args) (v any, ok bool)
	}
	// query is one question being answered.
	query struct {
		*call
		doc    *ast.QueryDocument
		vars   map[string]any
		errors []any
		path   []any
		depth  int // of fields and fragments, one inside the other
		budget int // how many fields and fragments may still be looked at
		over   bool
		needs  []need // what git has to be asked before the answer is whole
	}
)

func (a args) str(name string) string {
	s, _ := a[name].(string)
	return s
}

func (a args) num(name string) (int, bool) {
	switch n := a[name].(type) {
	case int64:
		return int(n), true
	case float64:
		return int(n), true
	}
	return 0, false
}

func (a args) strs(name string) []string {
	var out []string
	switch list := a[name].(type) {
	case []any:
		for _, v := range list {
			if s, ok := v.(string); ok {
				out = append(out, s)
			}
		}
	case string: // one where a list may stand
		out = append(out, list)
	}
	return out
}

func postGraphQL(c *call) (any, error) {
	if c.user == nil {
		return nil, refuse(http.StatusUnauthorized, "This endpoint requires you to be authenticated.")
	}
	var in struct {
		Query         string
		Variables     map[string]any
		OperationName string
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	doc, gerr := parser.ParseQueryWithTokenLimit(&ast.Source{Input: in.Query}, 20_000)
	if gerr != nil {
		return obj{"errors": []any{obj{"message": gerr.Error()}}}, nil
	}
	op := doc.Operations.ForName(in.OperationName)
	if op == nil {
		return obj{"errors": []any{obj{"message": "No operation named \"" + in.OperationName + "\""}}}, nil
	}
	q := &query{call: c, doc: doc, vars: in.Variables, budget: mostFields}
	if q.vars == nil {
		q.vars = map[string]any{}
	}
	for _, v := range op.VariableDefinitions {
		if _, given := q.vars[v.Variable]; !given && v.DefaultValue != nil {
			if d, err := v.DefaultValue.Value(nil); err == nil {
				q.vars[v.Variable] = d
			}
		}
	}
	data, err := q.answer(c.r.Context(), op)
	if err != nil {
		return nil, err
	}
	out := obj{"data": data}
	if len(q.errors) > 0 {
		out["errors"] = q.errors
	}
	return out, nil
}

// answer walks the query; where git has to be asked first, it walks again.
func (q *query) answer(ctx context.Context, op *ast.OperationDefinition) (data any, err error) {
	if op.Operation == ast.Mutation {
		return q.mutate(ctx, op)
	}
	data, err = q.settleNeeds(ctx, func() obj { return q.walk(op.SelectionSet, &object{"Query", q.root}) })
	return data, err
}

// settleNeeds walks until git has been asked all that the walk needs.
func (q *query) settleNeeds(ctx context.Context, walk func() obj) (out obj, err error) {
	said := len(q.errors)
	for range 5 {
		q.errors, q.needs, q.budget, q.over = q.errors[:said], nil, mostFields, false
		_ = q.read(func() error { out = walk(); return nil })
		if len(q.needs) == 0 {
			break
		}
		for _, ask := range q.needs {
			if err := ask(ctx); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// fail notes an error at the current path.
func (q *query) fail(kind, format string, a ...any) {
	e := obj{"message": fmt.Sprintf(format, a...), "path": slices.Clone(q.path)}
	if kind != "" {
		e["type"] = kind
	}
	q.errors = append(q.errors, e)
}

// deepest is how far a query may nest. gh's deepest is 12.
const (
	deepest    = 60
	mostFields = 500_000
)

// tooMuch notes, once, that the query is not answered whole.
func (q *query) tooMuch() {
	if !q.over {
		q.over = true
		q.fail("MAX_NODE_LIMIT_EXCEEDED", "The query asks for too much, or nests too deeply.")
	}
}

// walk answers a selection of an object's fields.
func (q *query) walk(set ast.SelectionSet, o *object) obj {
	out := obj{}
	var keys []string
	fields := map[string][]*ast.Field{}
	q.collect(set, o.kind, &keys, fields)
	q.depth++
	defer func() { q.depth-- }()
	for _, key := range keys {
		if q.depth > deepest || q.budget < 0 {
			q.tooMuch()
			break
		}
		f := fields[key][0]
		q.path = append(q.path, key)
		out[key] = q.value(o, f, fields[key])
		q.path = q.path[:len(q.path)-1]
	}
	return out
}

// collect lists the fields of a selection, those of fitting fragments too.
func (q *query) collect(set ast.SelectionSet, kind string, keys *[]string, fields map[string][]*ast.Field) {
	q.depth++
	defer func() { q.depth-- }()
	if q.depth > deepest { // as of a fragment inside itself
		q.tooMuch()
		return
	}
	for _, s := range set {
		if q.budget--; q.budget < 0 {
			q.tooMuch()
			return
		}
		switch s := s.(type) {
		case *ast.Field:
			if !q.wanted(s.Directives) {
				continue
			}
			key := s.Alias
			if key == "" {
				key = s.Name
			}
			if fields[key] == nil {
				*keys = append(*keys, key)
			}
			fields[key] = append(fields[key], s)
		case *ast.InlineFragment:
			if q.wanted(s.Directives) && isA(kind, s.TypeCondition) {
				q.collect(s.SelectionSet, kind, keys, fields)
			}
		case *ast.FragmentSpread:
			if f := q.doc.Fragments.ForName(s.Name); f != nil && q.wanted(s.Directives) && isA(kind, f.TypeCondition) {
				q.collect(f.SelectionSet, kind, keys, fields)
			}
		}
	}
}

// wanted applies @include and @skip.
func (q *query) wanted(ds ast.DirectiveList) bool {
	for _, d := range ds {
		if a := d.Arguments.ForName("if"); a != nil {
			v, _ := a.Value.Value(q.vars)
			if on, _ := v.(bool); on == (d.Name == "skip") {
				return false
			}
		}
	}
	return true
}

// isA reports whether a fragment on cond fits an object of kind.
func isA(kind, cond string) bool {
	if cond == "" || cond == kind || cond == "Node" {
		return true
	}
	person := kind == "User" || kind == "Bot" || kind == "Organization"
	subject := kind == "Issue" || kind == "PullRequest"
	switch cond {
	case "Actor":
		return person
	case "RepositoryOwner", "ProfileOwner":
		return kind == "User" || kind == "Organization"
	case "RequestedReviewer", "Assignee":
		return person || kind == "Team"
	case "Assignable", "Closable", "Comment", "Labelable", "Lockable", "Reactable", "Subscribable", "UniformResourceLocatable", "IssueOrPullRequest":
		return subject
	case "StatusCheckRollupContext":
		return kind == "CheckRun" || kind == "StatusContext"
	case "GitObject":
		return kind == "Commit" || kind == "Blob" || kind == "Tree"
	}
	return false
}

func (q *query) value(o *object, f *ast.Field, all []*ast.Field) any {
	if f.Name == "__typename" {
		return o.kind
	}
	a := args{}
	for _, x := range f.Arguments {
		if x.Value.Kind == ast.Variable {
			if _, given := q.vars[x.Value.Raw]; !given {
				continue
			}
		}
		v, err := q.literal(x.Value)
		if err != nil {
			q.fail("", "Argument '%s' on Field '%s' has an invalid value.", x.Name, f.Name)
			return nil
		}
		a[x.Name] = v
	}
	v, ok := o.field(f.Name, a)
	if !ok {
		q.fail("", "Field '%s' doesn't exist on type '%s'", f.Name, o.kind)
		return nil
	}
	var set ast.SelectionSet
	for _, x := range all {
		set = append(set, x.SelectionSet...)
	}
	return q.complete(v, set)
}

// literal evaluates an argument; variables stand inside lists and objects too.
func (q *query) literal(v *ast.Value) (any, error) { return v.Value(q.vars) }

func (q *query) complete(v any, set ast.SelectionSet) any {
	switch v := v.(type) {
	case *object:
		if v == nil {
			return nil
		}
		return q.walk(set, v)
	case []*object:
		out := make([]any, 0, len(v))
		for n, o := range v {
			q.path = append(q.path, n)
			out = append(out, q.complete(o, set))
			q.path = q.path[:len(q.path)-1]
		}
		return out
	}
	return v
}

// listing is a connection: a page of items, told the way GraphQL does.
func (q *query) listing(kind string, items []*object, a args) *object {
	return q.listingOf(kind, items, len(items), a)
}

func (q *query) listingOf(kind string, items []*object, total int, a args) *object {
	from, to := 0, len(items)
	if s := a.str("after"); s != "" {
		from = min(uncursor(s), to)
	}
	if s := a.str("before"); s != "" {
		to = max(min(uncursor(s)-1, to), from)
	}
	if n, ok := a.num("first"); ok {
		to = min(to, from+max(n, 0))
	}
	if n, ok := a.num("last"); ok {
		from = max(from, to-max(n, 0))
	}
	page := items[from:to]
	info := &object{"PageInfo", func(name string, _ args) (any, bool) {
		switch name {
		case "hasNextPage":
			return to < len(items), true
		case "hasPreviousPage":
			return from > 0, true
		case "endCursor":
			if len(page) == 0 {
				return nil, true
			}
			return cursor(to), true
		case "startCursor":
			if len(page) == 0 {
				return nil, true
			}
			return cursor(from + 1), true
		}
		return nil, false
	}}
	return &object{kind, func(name string, _ args) (any, bool) {
		switch name {
		case "nodes":
			return page, true
		case "edges":
			edges := make([]*object, 0, len(page))
			for n, o := range page {
				edges = append(edges, fixed("Edge", obj{"node": o, "cursor": cursor(from + n + 1)}))
			}
			return edges, true
		case "totalCount", "issueCount", "repositoryCount", "userCount":
			return total, true
		case "pageInfo":
			return info, true
		}
		return nil, false
	}}
}

func cursor(n int) string { return fmt.Sprintf("c%d", n) }

func uncursor(s string) int {
	n := 0
	_, _ = fmt.Sscanf(s, "c%d", &n)
	return max(n, 0)
}

// fixed is an object whose fields are known beforehand.
func fixed(kind string, fields obj) *object {
	return &object{kind, func(name string, _ args) (any, bool) {
		v, ok := fields[name]
		return v, ok
	}}
}

// nothing is an empty connection of what the sandbox does not have.
func (q *query) nothing(kind string, a args) *object { return q.listing(kind, nil, a) }

// each makes objects of a list.
func each[T any](list []T, show func(T) *object) []*object {
	out := make([]*object, 0, len(list))
	for _, x := range list {
		if o := show(x); o != nil {
			out = append(out, o)
		}
	}
	return out
}

// mutate runs the mutations of op one after the other.
func (q *query) mutate(ctx context.Context, op *ast.OperationDefinition) (any, error) {
	out := obj{}
	var keys []string
	fields := map[string][]*ast.Field{}
	q.collect(op.SelectionSet, "Mutation", &keys, fields)
	for _, key := range keys {
		f := fields[key][0]
		q.path = []any{key}
		out[key] = nil
		in := args{}
		if x := f.Arguments.ForName("input"); x != nil {
			v, err := q.literal(x.Value)
			m, ok := v.(map[string]any)
			if err != nil || !ok {
				q.fail("", "Argument 'input' on Field '%s' has an invalid value.", f.Name)
				continue
			}
			in = m
		}
		show, err := q.perform(ctx, f.Name, in)
		if err != nil {
			var no *fail
			if !errors.As(err, &no) {
				return nil, err
			}
			q.fail(map[int]string{404: "NOT_FOUND", 403: "FORBIDDEN", 401: "FORBIDDEN"}[no.code], "%s", words(no))
			continue
		}
		if out[key], err = q.settleNeeds(ctx, func() obj { return q.walk(f.SelectionSet, show()) }); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// words is an error as one sentence.
func words(e *fail) string {
	for _, x := range e.errors {
		switch x := x.(type) {
		case string:
			return x
		case obj:
			if m, ok := x["message"].(string); ok {
				return m
			}
			b, _ := json.Marshal(x)
			return e.message + " " + strings.ReplaceAll(string(b), `"`, "")
		}
	}
	return e.message
}
