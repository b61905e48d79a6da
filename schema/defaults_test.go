package schema_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/server"
)

// bare are jobs that say no more than they must.
const bare = `presubmits:
  org/repo:
  - name: bare
    spec: {containers: [{image: i}]}
postsubmits:
  org/repo:
  - name: bare
    spec: {containers: [{image: i}]}
periodics:
- name: bare
  cron: "@daily"
  spec: {containers: [{image: i}]}
`

// given are the fields that bare sets, and those that a load notes.
func given() []string {
	return []string{"config.JobBase.Name", "config.JobBase.Spec", "config.Periodic.Cron"}
}

// defaults loads a configuration that says nothing, and reads off what is there.
func (s *said) defaults(t *testing.T) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "jobs.yaml")
	if err := os.WriteFile(file, []byte(bare), 0o644); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(config.Paths{JobConfig: file})
	if err != nil {
		t.Fatal(err)
	}
	s.read(reflect.ValueOf(cfg.ProwConfig))
	s.read(reflect.ValueOf(cfg.Plugins).Elem())
	s.read(reflect.ValueOf(cfg.PresubmitsStatic["org/repo"][0]))
	s.read(reflect.ValueOf(cfg.PostsubmitsStatic["org/repo"][0]))
	s.read(reflect.ValueOf(cfg.Periodics[0]))
	for _, section := range server.Sections() {
		if v := reflect.ValueOf(section.Value); v.IsValid() && v.Elem().Kind() == reflect.Struct {
			s.read(v.Elem())
		}
	}
}

const ours = "github.com/prow-ci/prow"

// read notes the fields of v that are set.
func (s *said) read(v reflect.Value) {
	pkg := strings.TrimPrefix(strings.TrimPrefix(v.Type().PkgPath(), ours), "/")
	if pkg == "" {
		pkg = "prow"
	}
	for i := range v.NumField() {
		f, fv := v.Type().Field(i), v.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" || fv.IsZero() {
			continue
		}
		field := pkg + "." + v.Type().Name() + "." + f.Name
		if fv.Kind() == reflect.Pointer {
			fv = fv.Elem()
		}
		switch {
		case slices.Contains(given(), field):
		case fv.Kind() == reflect.Struct && strings.HasPrefix(fv.Type().PkgPath(), ours) && !reflect.PointerTo(fv.Type()).Implements(reflect.TypeFor[json.Unmarshaler]()):
			s.read(fv)
		default:
			s.note(field, fv.Interface())
		}
	}
}

var wholeMinutes = regexp.MustCompile(`^([0-9]+h)?[0-9]+m0s$`)

// note notes a default; what is made of the job's name has <name> in its place.
func (s *said) note(field string, v any) {
	b, err := json.Marshal(v)
	if err != nil || slices.Contains([]string{"{}", "[]", "null"}, string(b)) {
		return
	}
	var plain any
	d := json.NewDecoder(strings.NewReader(strings.ReplaceAll(string(b), "bare", "<name>")))
	d.UseNumber()
	if err := d.Decode(&plain); err != nil {
		return
	}
	if text, ok := plain.(string); ok && wholeMinutes.MatchString(text) {
		text = strings.TrimSuffix(text, "0s") // as people write it
		plain = strings.Replace(text, "h0m", "h", 1)
	}
	if old, ok := s.Defaults[field]; ok && !reflect.DeepEqual(old, plain) {
		plain = nil // it depends
	}
	s.Defaults[field] = plain
}
