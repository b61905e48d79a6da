package deck

import (
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
)

// obj is a part of the document.
type obj = map[string]any

// openAPI answers the description of the API, made from the same list and the
// same types that answer.
func (s *Server) openAPI(w http.ResponseWriter, r *http.Request) {
	s.respondJSON(w, r, http.StatusOK, s.document())
}

func (s *Server) document() obj {
	d := describer{schemas: obj{}}
	paths := obj{}
	for _, rt := range s.list() {
		if rt.api != "" {
			address := pathOf(rt.api)
			paths[address] = obj{"get": d.get(rt)}
		}
	}
	errors := d.ref(reflect.TypeFor[apiError]())
	job, line := d.ref(reflect.TypeFor[row]()), d.ref(reflect.TypeFor[deliveryLine]())
	for name, doc := range map[string]string{
		"/runs/{id}/rerun":        "Start the same job again on the same commits, as a new run.",
		"/runs/{id}/abort":        "Ask a run to stop.",
		"/deliveries/{id}/replay": "Make a handled or given-up delivery wait to be handled again by all plugins.",
	} {
		of := job
		if strings.HasPrefix(name, "/deliveries") {
			of = line
		}
		paths[name] = obj{"post": operation(name, doc, parameters(name, nil), obj{
			"202": content("It is so.", "application/json", of), "default": content("It is not so, and why.", "application/json", errors),
		})}
	}
	paths["/runs/{id}/job"] = obj{"get": operation("/runs/{id}/job", "The job as a ProwJob resource (prow.k8s.io/v1).", parameters("/runs/{id}/job", nil), obj{
		"200": content("The job.", "application/json", d.ref(reflect.TypeFor[prow.Job]())), "default": content("What is wrong.", "application/json", errors),
	})}
	paths["/runs/{id}/log"] = obj{"get": operation("/runs/{id}/log", "The log as it is.", parameters("/runs/{id}/log",
		[]param{{"container", "whose log"}, {"offset", "in bytes"}, {"follow", "anything: go on until the run ends"}, {"download", "anything: as a file"}}), obj{
		"200": content("The log.", "text/plain", obj{"type": "string"}), "default": content("What is wrong.", "application/json", errors),
	})}
	paths["/events"] = obj{"get": operation("/events", "Server-sent events: each event \"change\" says that it is time to look again.", parameters("/events",
		[]param{{"on", "what for: jobs, tide, deliveries, run=ID, job=NAME, repo=owner/name, pull=owner/name#5; several with blanks"}}), obj{
		"200": content("Events until the connection is closed.", "text/event-stream", obj{"type": "string"}), "default": content("What is wrong.", "application/json", errors),
	})}
	return obj{
		"openapi": "3.1.0",
		"info":    obj{"title": "Prow", "version": "1", "description": "What the pages of Prow show, for programs. Times are RFC 3339. Every page has its twin here."},
		"servers": []any{obj{"url": "/api/v1"}},
		"paths":   paths, "components": obj{"schemas": d.schemas},
	}
}

// wildcard matches the parameters of an address, as ServeMux writes them.
var wildcard = regexp.MustCompile(`\{(\w+)(\.\.\.)?\}`)

func pathOf(pattern string) string { return wildcard.ReplaceAllString(pattern, "{$1}") }

func (d *describer) get(rt route) obj {
	return operation(rt.api, rt.doc, parameters(rt.api, rt.query), obj{
		"200":     content("As asked.", "application/json", d.ref(reflect.TypeOf(rt.of))),
		"default": content("What is wrong.", "application/json", d.ref(reflect.TypeFor[apiError]())),
	})
}

func operation(path, doc string, params []any, responses obj) obj {
	id := strings.Trim(wildcard.ReplaceAllString(path, "by-$1"), "/")
	return obj{"operationId": strings.ReplaceAll(id, "/", "-"), "summary": doc, "parameters": params, "responses": responses}
}

func content(doc, kind string, schema obj) obj {
	return obj{"description": doc, "content": obj{kind: obj{"schema": schema}}}
}

func parameters(path string, query []param) []any {
	out := []any{}
	for _, m := range wildcard.FindAllStringSubmatch(path, -1) {
		out = append(out, obj{"name": m[1], "in": "path", "required": true, "schema": obj{"type": "string"}})
	}
	for _, p := range query {
		out = append(out, obj{"name": p.name, "in": "query", "description": p.doc, "schema": obj{"type": "string"}})
	}
	return out
}

// describer makes schemas of types.
type describer struct{ schemas obj }

func (d *describer) ref(t reflect.Type) obj {
	name := t.Name()
	if name == "" {
		return d.of(t)
	}
	name = strings.Replace(capital(name), "View", "Page", 1)
	if _, ok := d.schemas[name]; !ok {
		d.schemas[name] = obj{} // ends recursion
		d.schemas[name] = d.of(t)
	}
	return obj{"$ref": "#/components/schemas/" + name}
}

func (d *describer) of(t reflect.Type) obj {
	switch t {
	case reflect.TypeFor[time.Time]():
		return obj{"type": "string", "format": "date-time"}
	case reflect.TypeFor[prow.Job]():
		return obj{"type": "object", "description": "A ProwJob resource."}
	case reflect.TypeFor[json.RawMessage]():
		return obj{}
	}
	switch t.Kind() {
	case reflect.Bool:
		return obj{"type": "boolean"}
	case reflect.String:
		return obj{"type": "string"}
	case reflect.Float64, reflect.Float32:
		return obj{"type": "number"}
	case reflect.Int, reflect.Int64, reflect.Int32:
		return obj{"type": "integer"}
	case reflect.Pointer:
		return d.field(t.Elem())
	case reflect.Slice:
		// a list without entries may be null
		return obj{"type": []any{"array", "null"}, "items": d.field(t.Elem())}
	case reflect.Map:
		return obj{"type": []any{"object", "null"}, "additionalProperties": d.field(t.Elem())}
	case reflect.Struct:
		props, required := obj{}, []any{}
		d.fields(t, props, &required)
		return obj{"type": "object", "properties": props, "required": required}
	}
	return obj{}
}

// field is how a value of type t is described where it is used.
func (d *describer) field(t reflect.Type) obj {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() == reflect.Struct && t != reflect.TypeFor[time.Time]() {
		return d.ref(t)
	}
	return d.of(t)
}

func (d *describer) fields(t reflect.Type, props obj, required *[]any) {
	for f := range t.Fields() {
		tag := f.Tag.Get("json")
		if tag == "-" || !f.IsExported() && !f.Anonymous {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		if f.Anonymous && name == "" {
			d.fields(f.Type, props, required)
			continue
		}
		if name == "" {
			name = f.Name
		}
		props[name] = d.field(f.Type)
		if !strings.Contains(options, "omitempty") {
			*required = append(*required, name)
		}
	}
}

// apiPage shows the API to people.
func (s *Server) apiPage(w http.ResponseWriter, r *http.Request) {
	v := apiView{}
	for _, rt := range s.list() {
		if rt.api != "" {
			v.Calls = append(v.Calls, apiCall{"GET", "/api/v1" + pathOf(rt.api), rt.doc, rt.query})
		}
	}
	v.Calls = append(v.Calls,
		apiCall{"GET", "/api/v1/runs/{id}/job", "The job as a ProwJob resource.", nil},
		apiCall{"GET", "/api/v1/runs/{id}/log", "The log as it is; with ?follow=1 until the run ends.", nil},
		apiCall{"GET", "/api/v1/events", "A stream that tells when to look again.", nil},
		apiCall{"POST", "/api/v1/runs/{id}/rerun", "Start the same job again on the same commits.", nil},
		apiCall{"POST", "/api/v1/runs/{id}/abort", "Ask a run to stop.", nil},
		apiCall{"POST", "/api/v1/deliveries/{id}/replay", "Handle a webhook again.", nil})
	body, err := s.render(r, "api", v)
	if err != nil {
		s.fail(w, r, err, false)
		return
	}
	s.respond(w, r, http.StatusOK, "text/html; charset=utf-8", body)
}

type apiView struct{ Calls []apiCall }

func (v apiView) head() head { return head{Title: "API", Section: "system"} }

type apiCall struct {
	Method, Path, Doc string
	Query             []param
}

// Name returns the parameter's name.
func (p param) Name() string { return p.name }

// Doc returns what the parameter is for.
func (p param) Doc() string { return p.doc }
