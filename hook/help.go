package hook

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/plugin"
)

// PluginHelp answers `/plugin-help` with what the plugins can do and where.
func (w *Worker) PluginHelp(rw http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		http.Error(rw, "405 Method Not Allowed: use GET", http.StatusMethodNotAllowed)
		return
	}
	rw.Header().Set("Cache-Control", "no-cache")
	rw.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(rw).Encode(w.Help(r.Context())) // the asker went away
}

// Help draws up the help. External plugins are asked in parallel and left out if
// they do not answer within a second.
func (w *Worker) Help(ctx context.Context) *plugin.Help {
	cfg := w.Config()
	repos := w.repos(ctx, cfg)
	h := plugin.HelpOf(w.Plugins, cfg, repos)
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var mu sync.Mutex
	var asking sync.WaitGroup
	for _, x := range externals(cfg) {
		asking.Go(func() {
			help, err := w.askHelp(ctx, x.ExternalPlugin, x.on(repos))
			if err != nil {
				w.Log.Warn("no help from external plugin", "plugin", x.Name, "error", err)
				return
			}
			help.Events = x.Events
			mu.Lock()
			defer mu.Unlock()
			h.ExternalPluginHelp[x.Name] = *help
		})
	}
	asking.Wait()
	return h
}

// external is an external plugin and the selectors it is configured under.
type external struct {
	config.ExternalPlugin
	selectors []string
}

// externals lists each external plugin once, sorted by name.
func externals(cfg *config.Config) []external {
	byName := map[string]external{}
	for _, selector := range slices.Sorted(maps.Keys(cfg.Plugins.ExternalPlugins)) {
		for _, x := range cfg.Plugins.ExternalPlugins[selector] {
			e, known := byName[x.Name]
			if !known {
				e.ExternalPlugin = x
			}
			e.selectors = append(e.selectors, selector)
			byName[x.Name] = e
		}
	}
	var out []external
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		out = append(out, byName[name])
	}
	return out
}

func (x *external) on(repos []prow.Repo) []prow.Repo {
	var out []prow.Repo
	for _, r := range repos {
		if config.Listed(x.selectors, r) {
			out = append(out, r)
		}
	}
	return out
}

func (w *Worker) askHelp(ctx context.Context, x config.ExternalPlugin, on []prow.Repo) (*plugin.PluginHelp, error) {
	type repo struct{ Org, Repo string }
	list := []repo{}
	for _, r := range on {
		list = append(list, repo{r.Owner, r.Name})
	}
	body, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint(x)+"/help", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "ProwHook")
	resp, err := w.client().Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answered %s", resp.Status)
	}
	var help plugin.PluginHelp
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&help); err != nil {
		return nil, fmt.Errorf("its answer is not the JSON of a help: %w", err)
	}
	return &help, nil
}

// expanded remembers the repositories of organisations.
type expanded struct {
	mu sync.Mutex
	at time.Time
	of map[string][]prow.Repo
}

// repos lists the repositories of cfg's plugins, organisations expanded. They are
// listed once an hour, and when an organisation is new.
func (w *Worker) repos(ctx context.Context, cfg *config.Config) []prow.Repo {
	x := &w.expanded
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.of == nil || w.Now().Sub(x.at) > time.Hour {
		x.of, x.at = map[string][]prow.Repo{}, w.Now()
	}
	var out []prow.Repo
	add := func(selector string) {
		if strings.Contains(selector, "/") {
			if r, err := prow.ParseRepo(selector); err == nil {
				out = append(out, r)
			}
			return
		}
		if _, known := x.of[selector]; !known {
			x.of[selector] = w.reposOf(ctx, selector)
		}
		out = append(out, x.of[selector]...)
	}
	for selector := range cfg.Plugins.Plugins {
		add(selector)
	}
	for selector := range cfg.Plugins.ExternalPlugins {
		add(selector)
	}
	slices.SortFunc(out, func(a, b prow.Repo) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(out)
}

func (w *Worker) reposOf(ctx context.Context, owner string) []prow.Repo {
	all, err := w.Tools.Forge.Repositories(ctx, owner)
	if err != nil {
		w.Log.Warn("repositories not listed", "owner", owner, "error", err)
	}
	var out []prow.Repo
	for i := range all {
		out = append(out, all[i].Repo)
	}
	return out
}
