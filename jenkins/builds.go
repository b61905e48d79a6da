package jenkins

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"time"
)

// build is what Jenkins makes of one start, from the queue to its result.
type build struct {
	job     string // of Prow, by the parameter PROW_JOB_ID
	id      string // Prow's build id, by the parameter BUILD_ID
	path    string // of the Jenkins job
	number  int    // 0 while it is queued
	item    int64  // of the queue
	why     string // it is queued
	result  string // "" while it runs
	started time.Time
}

func (b *build) queued() bool { return b.number == 0 }

// ended reports whether a build has its result. A running one may have a
// preliminary result, which is left out when it is read.
func (b *build) ended() bool { return b.number != 0 && b.result != "" }

// parameters are those of a build, as actions of the JSON.
type parameters []struct {
	Parameters []struct {
		Name  string
		Value any
	}
}

func (p parameters) get(name string) string {
	for _, action := range p {
		for _, param := range action.Parameters {
			if param.Name == name && param.Value != nil {
				return fmt.Sprint(param.Value)
			}
		}
	}
	return ""
}

const actionsTree = "actions[parameters[name,value]]"

// queue lists what waits in the queue and is of jobs of Prow.
func (c *Client) queue(ctx context.Context) ([]build, error) {
	var answer struct {
		Items []struct {
			ID      int64
			Why     string
			Actions parameters
		}
	}
	if err := c.ask(ctx, "queue", "/queue", "items[id,why,"+actionsTree+"]", &answer); err != nil {
		return nil, err
	}
	var out []build
	for _, i := range answer.Items {
		if job := i.Actions.get("PROW_JOB_ID"); job != "" {
			out = append(out, build{job: job, id: i.Actions.get("BUILD_ID"), item: i.ID, why: i.Why})
		}
	}
	return out, nil
}

// Builds come newest first, in pages.
const (
	pageSize = 100
	maxPages = 50
)

// builds calls each with the builds of a Jenkins job that are of jobs of Prow,
// newest first, until it returns false or they began before since. A job that
// Jenkins does not know has none.
func (c *Client) builds(ctx context.Context, at string, since time.Time, each func(build) bool) error {
	for page := range maxPages {
		// Jenkins keeps the newest hundred at hand, and reads the others from disk.
		list := "builds"
		if page > 0 {
			list = "allBuilds"
		}
		var answer struct{ Builds, AllBuilds []resource }
		tree := fmt.Sprintf("%s[number,result,building,timestamp,%s]{%d,%d}", list, actionsTree, page*pageSize, (page+1)*pageSize)
		err := c.ask(ctx, "builds", at, tree, &answer)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		found := slices.Concat(answer.Builds, answer.AllBuilds)
		for _, b := range found {
			started := time.UnixMilli(b.Timestamp)
			if b.Timestamp > 0 && started.Before(since) && !b.Building {
				return nil
			}
			if b.Building {
				b.Result = ""
			}
			job := b.Actions.get("PROW_JOB_ID")
			if job == "" {
				continue
			}
			if !each(build{job: job, id: b.Actions.get("BUILD_ID"), path: at, number: b.Number, result: b.Result, started: started}) {
				return nil
			}
		}
		if len(found) < pageSize {
			return nil
		}
	}
	return nil
}

// resource is a build as Jenkins tells it.
type resource struct {
	Number    int
	Result    string
	Building  bool
	Timestamp int64
	Actions   parameters
}

// definition is what is known of a Jenkins job.
type definition struct {
	Buildable *bool
	InQueue   bool
	Property  []struct {
		ParameterDefinitions []struct{ Name string }
	}
	LastBuild *struct {
		Number   int
		Building bool
	}
}

func (d *definition) parameterized() bool {
	for _, p := range d.Property {
		if len(p.ParameterDefinitions) > 0 {
			return true
		}
	}
	return false
}

// define returns what is known of the Jenkins job at a path.
func (c *Client) define(ctx context.Context, at string) (*definition, error) {
	var d definition
	err := c.ask(ctx, "job", at, "buildable,inQueue,property[parameterDefinitions[name]],lastBuild[number,building]", &d)
	return &d, err
}

// start begins a build with parameters. An error that is not refused leaves open
// whether it did. item is 0 if Jenkins does not tell.
func (c *Client) start(ctx context.Context, at string, env map[string]string) (item int64, err error) {
	form := url.Values{}
	for name, value := range env {
		form.Set(name, value)
	}
	location, err := c.tell(ctx, "start", at+"/buildWithParameters", form, true)
	if err != nil {
		return 0, err
	}
	item, _ = strconv.ParseInt(path.Base(location), 10, 64) // …/queue/item/7/
	return item, nil
}

// teach begins a first build, by which Jenkins reads what parameters there are.
func (c *Client) teach(ctx context.Context, at string) error {
	_, err := c.tell(ctx, "teach", at+"/build", nil, true)
	return err
}

// stop asks a build to end; harder says how often it was asked before.
func (c *Client) stop(ctx context.Context, at string, number, harder int) error {
	how := []string{"stop", "term", "kill"}[min(harder, 2)]
	_, err := c.tell(ctx, how, fmt.Sprintf("%s/%d/%s", at, number, how), nil, false)
	if errors.Is(err, fs.ErrNotExist) { // it is gone, or of a kind that knows only stop
		return nil
	}
	return err
}

// cancel takes an item out of the queue; one that is not there is no error.
func (c *Client) cancel(ctx context.Context, item int64) error {
	_, err := c.tell(ctx, "cancel", "/queue/cancelItem", url.Values{"id": {strconv.FormatInt(item, 10)}}, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// cancelled reports whether somebody took an item out of the queue. Jenkins knows
// for a few minutes.
func (c *Client) cancelled(ctx context.Context, item int64) (bool, error) {
	var answer struct{ Cancelled bool }
	err := c.ask(ctx, "item", fmt.Sprintf("/queue/item/%d", item), "cancelled", &answer)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return answer.Cancelled, err
}

// log is the output of a build, as Jenkins writes it.
func (c *Client) log(ctx context.Context, at string, number int) (*http.Response, error) {
	return c.send(ctx, request{name: "log", method: http.MethodGet, path: fmt.Sprintf("%s/%d/consoleText", at, number)})
}
