package deck

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// oldRoutes are the addresses that earlier dashboards had. People have them
// bookmarked, and scripts read them.
func (s *Server) oldRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /prowjobs.js", s.prowjobsJS)
	mux.HandleFunc("GET /data.js", s.dataJS)
	mux.HandleFunc("GET /tide.js", s.tideJS)
	mux.HandleFunc("GET /tide-history.js", s.tideHistoryJS)
	mux.HandleFunc("GET /plugin-help.js", s.pluginHelpJS)
	mux.HandleFunc("GET /log", s.oldLog)
	mux.HandleFunc("GET /prowjob", s.oldProwjob)
	mux.HandleFunc("GET /rerun", s.oldRerun)
	mux.HandleFunc("POST /rerun", s.oldAct("rerun", "Job successfully triggered. Wait 30 seconds and refresh the page for the job to show up."))
	mux.HandleFunc("POST /abort", s.oldAct("abort", "Job successfully aborted."))
	mux.HandleFunc("GET /badge.svg", s.badge)
	mux.HandleFunc("GET /config", s.oldConfig)
	mux.HandleFunc("GET /plugin-config", s.oldPluginConfig)
	mux.HandleFunc("GET /view/{path...}", s.oldView)
	mux.HandleFunc("GET /job-history/{path...}", s.oldJobHistory)
	mux.HandleFunc("GET /pr-history", s.oldPRHistory)
	mux.HandleFunc("GET /pr-history/", s.oldPRHistory)
	mux.HandleFunc("GET /github-link", s.githubLink)
	mux.HandleFunc("GET /pr-data.js", func(w http.ResponseWriter, r *http.Request) {
		s.script(w, r, map[string]any{"Login": false, "PullRequestsWithContexts": nil})
	})
	for from, to := range map[string]string{
		"/command-help": "/commands", "/plugin-help": "/commands", "/tide-history": "/tide", "/pr": "/", "/configured-jobs/{$}": "/jobs",
		"/configured-jobs": "/jobs",
	} {
		mux.HandleFunc("GET "+from, func(w http.ResponseWriter, r *http.Request) {
			u := url.URL{Path: to, RawQuery: r.URL.RawQuery}
			http.Redirect(w, r, u.String(), http.StatusMovedPermanently)
		})
	}
	mux.HandleFunc("GET /configured-jobs/{org}/{repo}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/repo/"+repoOf(r).String(), http.StatusMovedPermanently)
	})
}

// oldHome sends the filters of the old list of jobs, which was at /, to /jobs.
func (s *Server) oldHome(w http.ResponseWriter, r *http.Request) bool {
	if r.URL.Path != "/" || r.URL.RawQuery == "" {
		return false
	}
	q := r.URL.Query()
	for _, k := range []string{"repo", "type", "pull", "author", "job", "state", "cluster"} {
		if q.Has(k) {
			http.Redirect(w, r, "/jobs?"+r.URL.RawQuery, http.StatusFound)
			return true
		}
	}
	return false
}

// oldListed bounds what scripts get in one answer, newest first.
const oldListed = 5000

// identifier is what may stand as the name of a variable in a script.
var identifier = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$]{0,63}$`)

// script answers JSON, or with var=x a script that assigns it.
func (s *Server) script(w http.ResponseWriter, r *http.Request, v any) {
	name := r.URL.Query().Get("var")
	if name == "" {
		s.respondJSON(w, r, http.StatusOK, v)
		return
	}
	if !identifier.MatchString(name) {
		http.Error(w, "var is not the name of a variable", http.StatusBadRequest)
		return
	}
	b, err := json.Marshal(v)
	if err != nil {
		s.fail(w, r, err, true)
		return
	}
	s.respond(w, r, http.StatusOK, "application/javascript", []byte("var "+name+" = "+string(b)+";"))
}

func (s *Server) prowjobsJS(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f := prow.JobFilter{Limit: oldListed, Author: q.Get("owner"), Repo: prow.Repo{Owner: q.Get("org"), Name: q.Get("repo")}}
	if owner, name, ok := strings.Cut(f.Repo.Name, "/"); ok {
		f.Repo = prow.Repo{Owner: owner, Name: name}
	}
	jobs, _, err := s.find(r.Context(), f)
	if err != nil {
		s.fail(w, r, err, true)
		return
	}
	omit := strings.Split(q.Get("omit"), ",")
	for _, j := range jobs {
		leaveOut(j, omit)
	}
	if jobs == nil {
		jobs = []*prow.Job{}
	}
	s.script(w, r, map[string]any{"items": jobs})
}

func leaveOut(j *prow.Job, omit []string) {
	j.ManagedFields = nil
	for _, o := range omit {
		switch o {
		case "annotations":
			j.Annotations = nil
		case "labels":
			j.Labels = nil
		case "decoration_config":
			j.Spec.DecorationConfig = nil
		case "pod_spec":
			if j.Spec.PodSpec != nil { // how many containers there were stays visible
				j.Spec.PodSpec = &corev1.PodSpec{Containers: make([]corev1.Container, len(j.Spec.PodSpec.Containers))}
			}
		}
	}
}

// oldJob is a job in /data.js.
type oldJob struct {
	Type        prow.Type  `json:"type"`
	Refs        *prow.Refs `json:"refs,omitempty"`
	RefsKey     string     `json:"refs_key"`
	Job         string     `json:"job"`
	BuildID     string     `json:"build_id"`
	Context     string     `json:"context"`
	Started     string     `json:"started"`
	Finished    string     `json:"finished"`
	Duration    string     `json:"duration"`
	State       prow.State `json:"state"`
	Description string     `json:"description"`
	URL         string     `json:"url"`
	PodName     string     `json:"pod_name"`
	Agent       string     `json:"agent"`
	ProwJob     string     `json:"prow_job"`
}

func (s *Server) dataJS(w http.ResponseWriter, r *http.Request) {
	jobs, _, err := s.find(r.Context(), prow.JobFilter{Limit: oldListed})
	if err != nil {
		s.fail(w, r, err, true)
		return
	}
	out := []oldJob{}
	for _, j := range jobs {
		o := oldJob{
			Type: j.Spec.Type, Refs: j.Spec.Refs, Job: j.Spec.Job, BuildID: j.Status.BuildID, Context: j.Spec.Context,
			Started: strconv.FormatInt(j.Status.StartTime.Unix(), 10), State: j.Status.State, Description: j.Status.Description,
			URL: j.Status.URL, PodName: j.Status.PodName, Agent: j.Spec.Agent, ProwJob: j.Name,
		}
		if j.Spec.Refs != nil {
			o.RefsKey = j.Spec.Refs.String()
		}
		if t := j.Status.CompletionTime; t != nil {
			o.Finished = t.Format(time.RFC3339Nano)
			o.Duration = t.Sub(j.Status.StartTime.Time).Truncate(time.Second).String()
		}
		out = append(out, o)
	}
	s.script(w, r, out)
}

func (s *Server) pluginHelpJS(w http.ResponseWriter, r *http.Request) {
	if s.Help == nil {
		s.script(w, r, struct{}{})
		return
	}
	s.Help.ServeHTTP(w, r)
}

// oldFind finds a run by job name and build id.
func (s *Server) oldFind(r *http.Request, job, build string) (*prow.Job, error) {
	jobs, _, err := s.find(r.Context(), prow.JobFilter{Job: job, BuildID: build, Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(jobs) == 0 {
		return nil, notFound("There is no run %s of %s (any more).", "Finished runs are forgotten after some days; their files stay in the artifacts.", build, job)
	}
	return jobs[0], nil
}

func (s *Server) oldLog(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	job, build := q.Get("job"), q.Get("id")
	if job == "" || build == "" {
		http.Error(w, "missing query parameter: job and id name the run", http.StatusBadRequest)
		return
	}
	j, err := s.oldFind(r, job, build)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	w.Header().Set("Access-Control-Allow-Origin", "*")
	r.SetPathValue("id", j.Name)
	if q.Get("container") == "test" {
		q.Del("container")
		r.URL.RawQuery = q.Encode()
	}
	s.rawLog(w, r)
}

func (s *Server) oldNamed(w http.ResponseWriter, r *http.Request) *prow.Job {
	id := r.URL.Query().Get("prowjob")
	if id == "" {
		http.Error(w, "missing query parameter: prowjob names the run", http.StatusBadRequest)
		return nil
	}
	j, err := s.get(r.Context(), id)
	if err != nil {
		f := s.faultOf(r, err)
		http.Error(w, f.text, f.code)
		return nil
	}
	return j
}

func (s *Server) yaml(w http.ResponseWriter, r *http.Request, v any) {
	b, err := yaml.Marshal(v)
	if err != nil {
		s.fail(w, r, err, false)
		return
	}
	s.respond(w, r, http.StatusOK, "text/plain; charset=utf-8", b)
}

func (s *Server) oldProwjob(w http.ResponseWriter, r *http.Request) {
	if j := s.oldNamed(w, r); j != nil {
		j.ManagedFields = nil
		s.yaml(w, r, j)
	}
}

// oldRerun shows what a rerun would be; people pipe it to kubectl create.
func (s *Server) oldRerun(w http.ResponseWriter, r *http.Request) {
	if j := s.oldNamed(w, r); j != nil {
		n, err := s.again(j, r.URL.Query().Get("mode"))
		if err != nil {
			http.Error(w, err.Error(), s.faultOf(r, err).code)
			return
		}
		s.yaml(w, r, n)
	}
}

func (s *Server) oldAct(action, done string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		j := s.oldNamed(w, r)
		if j == nil {
			return
		}
		r.SetPathValue("id", j.Name)
		if _, err := s.act(r, action); err != nil {
			f := s.faultOf(r, err)
			if f.code == http.StatusConflict {
				f.code = http.StatusBadRequest
			}
			http.Error(w, f.text, f.code)
			return
		}
		s.respond(w, r, http.StatusOK, "text/plain; charset=utf-8", []byte(done))
	}
}

// oldConfig shows the configuration in force.
func (s *Server) oldConfig(w http.ResponseWriter, r *http.Request) {
	cfg := s.Config()
	switch key := r.URL.Query().Get("key"); {
	case cfg == nil:
		http.Error(w, "no configuration is loaded", http.StatusServiceUnavailable)
	case key == "disabled-clusters":
		s.yaml(w, r, append([]string{}, cfg.DisabledClusters...))
	case key != "":
		http.Error(w, "key may be disabled-clusters", http.StatusBadRequest)
	default:
		s.yaml(w, r, cfg.ProwConfig)
	}
}

func (s *Server) oldPluginConfig(w http.ResponseWriter, r *http.Request) {
	cfg := s.Config()
	if cfg == nil {
		http.Error(w, "no configuration is loaded", http.StatusServiceUnavailable)
		return
	}
	s.yaml(w, r, cfg.Plugins)
}

func (s *Server) oldJobHistory(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "/job/"+url.PathEscape(path.Base(strings.Trim(r.PathValue("path"), "/"))), http.StatusFound)
}

func (s *Server) oldPRHistory(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	n, err := strconv.Atoi(q.Get("pr"))
	if err != nil || q.Get("org") == "" || q.Get("repo") == "" {
		s.fail(w, r, badRequest("org, repo and pr name a pull request.", "For example /pr-history?org=kubernetes&repo=kubernetes&pr=42."), false)
		return
	}
	http.Redirect(w, r, pullPath(prow.IssueID{Repo: prow.Repo{Owner: q.Get("org"), Name: q.Get("repo")}, Number: n}), http.StatusFound)
}

// githubLink leads to the forge, and nowhere else.
func (s *Server) githubLink(w http.ResponseWriter, r *http.Request) {
	base := "https://github.com"
	if cfg := s.Config(); cfg != nil {
		base = cmp.Or(cfg.GitHub.LinkURL, base)
	}
	http.Redirect(w, r, strings.TrimSuffix(base, "/")+"/"+strings.TrimLeft(path.Clean("/"+r.URL.Query().Get("dest")), "/"), http.StatusFound)
}

// oldPool is a pool in /tide.js.
type oldPool struct {
	Org, Repo, Branch                  string
	SuccessPRs, PendingPRs, MissingPRs []oldPull
	BatchPending                       []oldPull
	Action                             prow.Verb
	Target                             []oldPull
	Blockers                           []oldBlocker
	Error                              string
	TenantIDs                          []string
}

type oldPull struct {
	Number     int
	Title      string
	HeadRefOID string
	Mergeable  string
}

type oldBlocker struct {
	Number     int
	Title, URL string
}

func (s *Server) tideJS(w http.ResponseWriter, r *http.Request) {
	pools, err := s.pools(r.Context())
	if err != nil {
		s.fail(w, r, err, true)
		return
	}
	out := map[string]any{"Queries": []string{}, "TideQueries": []any{}, "Pools": oldPools(pools)}
	if cfg := s.Config(); cfg != nil {
		texts, queries := []string{}, []any{}
		for _, q := range cfg.Tide.Queries {
			q.Repos = slices.DeleteFunc(slices.Clone(q.Repos), func(name string) bool {
				id, err := prow.ParseRepo(name)
				return err == nil && !s.shownRepo(id)
			})
			if len(q.Repos)+len(q.Orgs) > 0 {
				texts, queries = append(texts, q.Query().String()), append(queries, q)
			}
		}
		out["Queries"], out["TideQueries"] = texts, queries
	}
	s.script(w, r, out)
}

func oldPools(pools []prow.Pool) []oldPool {
	out := []oldPool{}
	for _, p := range pools {
		o := oldPool{Org: p.Repo.Owner, Repo: p.Repo.Name, Branch: p.Branch, Action: p.Move.Do, Error: p.Error, Target: oldPulls(p.Move.On), BatchPending: oldPulls(p.Batch), TenantIDs: []string{}, Blockers: []oldBlocker{}}
		for _, b := range p.Blockers {
			o.Blockers = append(o.Blockers, oldBlocker{b.Number, b.Title, b.URL})
		}
		for _, q := range poolOf(p).Queue {
			one := oldPulls([]prow.PullRef{q.Pull})
			switch q.State {
			case "passed":
				o.SuccessPRs = append(o.SuccessPRs, one...)
			case "running":
				o.PendingPRs = append(o.PendingPRs, one...)
			default:
				o.MissingPRs = append(o.MissingPRs, one...)
			}
		}
		out = append(out, o)
	}
	return out
}

func oldPulls(refs []prow.PullRef) []oldPull {
	out := []oldPull{}
	for _, p := range refs {
		out = append(out, oldPull{p.Number, p.Title, p.SHA, "MERGEABLE"})
	}
	return out
}

func (s *Server) tideHistoryJS(w http.ResponseWriter, r *http.Request) {
	names, err := s.Memory.Names(r.Context(), "tide/history/")
	if err != nil {
		s.fail(w, r, err, true)
		return
	}
	out := map[string][]prow.Record{}
	for _, n := range names {
		key := strings.TrimPrefix(n, "tide/history/")
		repo, _, _ := strings.Cut(key, ":")
		id, err := prow.ParseRepo(repo)
		if err != nil || !s.shownRepo(id) {
			continue
		}
		h, err := load[[]prow.Record](r.Context(), s.Memory, n)
		if err != nil {
			s.fail(w, r, err, true)
			return
		}
		if h != nil {
			out[key] = *h
		}
	}
	s.script(w, r, map[string]any{"History": out})
}

// badge is a picture of how jobs do.
func (s *Server) badge(w http.ResponseWriter, r *http.Request) {
	globs := r.URL.Query().Get("jobs")
	if globs == "" {
		http.Error(w, "missing query parameter: jobs lists names, with * as a wildcard, separated by commas", http.StatusBadRequest)
		return
	}
	newest := map[string]prow.State{}
	for g := range strings.SplitSeq(globs, ",") {
		jobs, _, err := s.find(r.Context(), prow.JobFilter{Job: g, Limit: 500, States: []prow.State{prow.Success, prow.Failure, prow.Error, prow.Aborted}})
		if err != nil {
			s.fail(w, r, err, false)
			return
		}
		for _, j := range jobs {
			if _, ok := newest[j.Spec.Job]; !ok {
				newest[j.Spec.Job] = j.Status.State
			}
		}
	}
	text, colour := badgeText(newest)
	s.respond(w, r, http.StatusOK, "image/svg+xml", []byte(shield("build", text, colour)))
}

func badgeText(newest map[string]prow.State) (text, colour string) {
	if len(newest) == 0 {
		return "no results", "darkgrey"
	}
	var failing []string
	for name, state := range newest {
		if state == prow.Failure {
			failing = append(failing, name)
		}
	}
	if len(failing) == 0 {
		return "passing", "#4c1"
	}
	slices.Sort(failing)
	if len(failing) > 3 {
		failing = append(failing[:3], "...")
	}
	return "failing " + strings.Join(failing, ", "), "#e05d44"
}

func shield(subject, text, colour string) string {
	left, right := 13+6*len(subject), 13+6*len(text)
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="20" role="img" aria-label="%s: %s">`+
		`<rect rx="3" width="%d" height="20" fill="#555"/><rect rx="3" x="%d" width="%d" height="20" fill="%s"/>`+
		`<g fill="#fff" text-anchor="middle" font-family="DejaVu Sans,Verdana,Geneva,sans-serif" font-size="11">`+
		`<text x="%d" y="14">%s</text><text x="%d" y="14">%s</text></g></svg>`,
		left+right, subject, escapeXML(text), left+right, left, right, colour, left/2, subject, left+right/2, escapeXML(text))
}

func escapeXML(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}
