package jenkins_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// sandbox is a Jenkins that remembers.
type sandbox struct {
	*httptest.Server

	mu       sync.Mutex
	jobs     map[string]*sandboxJob // by path
	queue    []*sandboxItem
	items    map[int64]*sandboxItem
	crumb    string // "" wants none
	auth     string // the header that is wanted; "" lets everybody in
	requests []string
	// fault may spoil a request before or after it is carried out.
	fault func(r *http.Request) fault
	// quick starts and ends what is queued by itself.
	quick bool
	// gap is how long a build is seen in neither list after it left the queue.
	gap time.Duration
}

type fault int

const (
	none   fault = iota
	busy         // 503 and a page, as while Jenkins starts
	page         // 200 and a page, as of a proxy
	cut          // no answer, and not carried out
	lose         // carried out, but the answer is lost
	refuse       // 400
)

type sandboxJob struct {
	parameters []string
	learns     bool // its first build tells the parameters
	disabled   bool
	builds     []*sandboxBuild
}

type sandboxBuild struct {
	number     int
	parameters map[string]string
	result     string
	at         time.Time
	log        string
	asked      []string // to stop
	deaf       bool     // to stop
}

type sandboxItem struct {
	id         int64
	path       string
	parameters map[string]string
	cancelled  bool
}

func newSandbox(t testing.TB, paths ...string) *sandbox {
	s := &sandbox{jobs: map[string]*sandboxJob{}, items: map[int64]*sandboxItem{}}
	for _, p := range paths {
		s.jobs[p] = &sandboxJob{parameters: []string{"PROW_JOB_ID", "BUILD_ID"}}
	}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// with changes it while nobody is served.
func (s *sandbox) with(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r.Method+" "+r.URL.RequestURI())
	f := none
	if s.fault != nil {
		f = s.fault(r)
	}
	switch f {
	case busy:
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, "<html>Jenkins is getting ready to work</html>")
		return
	case page:
		fmt.Fprint(w, "<html><h1>Please log in</h1></html>")
		return
	case cut:
		panic(http.ErrAbortHandler)
	case refuse:
		http.Error(w, "Nothing is submitted", http.StatusBadRequest)
		return
	}
	if s.auth != "" && r.Header.Get("Authorization") != s.auth {
		http.Error(w, "Authentication required", http.StatusUnauthorized)
		return
	}
	if r.Method == http.MethodPost && s.crumb != "" && r.Header.Get("Jenkins-Crumb") != s.crumb {
		http.Error(w, "No valid crumb was included in the request", http.StatusForbidden)
		return
	}
	if f == lose {
		s.serve(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}
	s.serve(w, r)
}

var (
	sandboxBuildPath = regexp.MustCompile(`^(/job/.+)/([0-9]+)/(stop|term|kill|consoleText|logText/progressiveText)$`)
	sandboxRange     = regexp.MustCompile(`^(builds|allBuilds)\[.*\]\{([0-9]+),([0-9]+)\}$`)
)

func (s *sandbox) serve(w http.ResponseWriter, r *http.Request) {
	path, tree := r.URL.EscapedPath(), r.URL.Query().Get("tree")
	build := sandboxBuildPath.FindStringSubmatch(path)
	item, isItem := strings.CutPrefix(strings.TrimSuffix(path, "/api/json"), "/queue/item/")
	switch {
	case path == "/crumbIssuer/api/json":
		reply(w, map[string]string{"crumb": s.crumb, "crumbRequestField": "Jenkins-Crumb"})
	case path == "/queue/api/json":
		s.move()
		list := []any{}
		for _, i := range s.queue {
			list = append(list, map[string]any{"id": i.id, "why": "Waiting for next available executor", "actions": actions(i.parameters)})
		}
		reply(w, map[string]any{"items": list})
	case isItem:
		id, _ := strconv.ParseInt(item, 10, 64)
		if i := s.items[id]; i != nil {
			reply(w, map[string]any{"cancelled": i.cancelled})
			return
		}
		http.NotFound(w, r)
	case path == "/queue/cancelItem" && r.Method == http.MethodPost:
		id, _ := strconv.ParseInt(r.FormValue("id"), 10, 64)
		if i := s.items[id]; i != nil && slices.Contains(s.queue, i) {
			i.cancelled = true
			s.queue = slices.DeleteFunc(s.queue, func(x *sandboxItem) bool { return x == i })
		}
		w.WriteHeader(http.StatusNoContent)
	case build != nil:
		s.serveBuild(w, r, build)
	case strings.HasSuffix(path, "/api/json"):
		s.serveJob(w, r, s.jobs[strings.TrimSuffix(path, "/api/json")], sandboxRange.FindStringSubmatch(tree))
	case strings.HasSuffix(path, "/buildWithParameters") && r.Method == http.MethodPost:
		s.enqueue(w, r, strings.TrimSuffix(path, "/buildWithParameters"), true)
	case strings.HasSuffix(path, "/build") && r.Method == http.MethodPost:
		s.enqueue(w, r, strings.TrimSuffix(path, "/build"), false)
	default:
		http.NotFound(w, r)
	}
}

func (s *sandbox) serveJob(w http.ResponseWriter, r *http.Request, j *sandboxJob, part []string) {
	if j == nil {
		http.NotFound(w, r)
		return
	}
	if part == nil {
		d := map[string]any{"buildable": !j.disabled, "inQueue": false}
		var names []map[string]string
		for _, p := range j.parameters {
			names = append(names, map[string]string{"name": p})
		}
		d["property"] = []any{map[string]any{}, map[string]any{"parameterDefinitions": names}}
		if n := len(j.builds); n > 0 {
			d["lastBuild"] = map[string]any{"number": n, "building": j.builds[n-1].result == ""}
		}
		reply(w, d)
		return
	}
	from, _ := strconv.Atoi(part[2])
	to, _ := strconv.Atoi(part[3])
	list := []any{}
	for n := range j.builds {
		b := j.builds[len(j.builds)-1-n]
		if n < from || n >= to || time.Since(b.at) < s.gap || part[1] == "builds" && n >= 100 {
			continue
		}
		var result any
		if b.result != "" {
			result = b.result
		}
		list = append(list, map[string]any{"number": b.number, "result": result, "building": b.result == "", "timestamp": b.at.UnixMilli(), "actions": actions(b.parameters)})
	}
	reply(w, map[string]any{part[1]: list})
}

func (s *sandbox) serveBuild(w http.ResponseWriter, r *http.Request, part []string) {
	n, _ := strconv.Atoi(part[2])
	j := s.jobs[part[1]]
	if j == nil || n < 1 || n > len(j.builds) {
		http.NotFound(w, r)
		return
	}
	b := j.builds[n-1]
	switch part[3] {
	case "consoleText":
		fmt.Fprint(w, b.log)
		return
	case "logText/progressiveText":
		start, _ := strconv.Atoi(r.FormValue("start"))
		if start > len(b.log) {
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			return
		}
		if b.result == "" {
			w.Header().Set("X-More-Data", "true")
		}
		fmt.Fprint(w, b.log[start:])
		return
	}
	if r.Method != http.MethodPost {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	b.asked = append(b.asked, part[3])
	if b.result == "" && (!b.deaf || part[3] == "kill") {
		b.result = "ABORTED"
	}
	w.Header().Set("Location", s.URL+part[1]+"/"+part[2]+"/")
	w.WriteHeader(http.StatusFound)
}

func (s *sandbox) enqueue(w http.ResponseWriter, r *http.Request, path string, parameters bool) {
	j := s.jobs[path]
	switch {
	case j == nil:
		http.NotFound(w, r)
		return
	case parameters && len(j.parameters) == 0:
		w.Header().Set("X-Error", path+" is not parameterized")
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	i := &sandboxItem{id: int64(len(s.items) + 1), path: path, parameters: map[string]string{}}
	_ = r.ParseForm()
	for name := range r.PostForm {
		i.parameters[name] = r.PostForm.Get(name)
	}
	s.items[i.id] = i
	s.queue = append(s.queue, i)
	if !parameters { // nobody waits for it
		s.begin(i)
	}
	w.Header().Set("Location", fmt.Sprintf("%s/queue/item/%d/", s.URL, i.id))
	w.WriteHeader(http.StatusCreated)
}

// begin makes a build of an item.
func (s *sandbox) begin(i *sandboxItem) *sandboxBuild {
	s.queue = slices.DeleteFunc(s.queue, func(x *sandboxItem) bool { return x == i })
	j := s.jobs[i.path]
	b := &sandboxBuild{number: len(j.builds) + 1, parameters: i.parameters, at: time.Now(), log: "hello from " + i.parameters["PROW_JOB_ID"] + "\n"}
	if j.learns {
		j.parameters = []string{"PROW_JOB_ID", "BUILD_ID"}
	}
	j.builds = append(j.builds, b)
	return b
}

// move lets quick builds begin and end.
func (s *sandbox) move() {
	if !s.quick {
		return
	}
	for _, j := range s.jobs {
		for _, b := range j.builds {
			if b.result == "" {
				b.result = "SUCCESS"
			}
		}
	}
	for _, i := range slices.Clone(s.queue) {
		s.begin(i)
	}
}

// of returns the builds of a job of Prow.
func (s *sandbox) of(id string) (out []*sandboxBuild) {
	for _, j := range s.jobs {
		for _, b := range j.builds {
			if b.parameters["PROW_JOB_ID"] == id {
				out = append(out, b)
			}
		}
	}
	return out
}

// queued returns the queue item of a job of Prow, or nil.
func (s *sandbox) queued(id string) *sandboxItem {
	for _, i := range s.queue {
		if i.parameters["PROW_JOB_ID"] == id {
			return i
		}
	}
	return nil
}

func actions(parameters map[string]string) []any {
	var list []any
	for name, value := range parameters {
		list = append(list, map[string]string{"name": name, "value": value})
	}
	return []any{map[string]any{}, map[string]any{"parameters": list}}
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}
