package sandbox

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

func hookRoutes() []route {
	var out []route
	for _, at := range []struct {
		base  string
		needs level
	}{{"/repos/{owner}/{repo}/hooks", admin}, {"/orgs/{org}/hooks", none}} {
		out = append(out, []route{
			{"GET " + at.base, at.needs, reading(listHooks)},
			{"POST " + at.base, at.needs, writing(postHook)},
			{"GET " + at.base + "/{hook}", at.needs, reading(getHook)},
			{"PATCH " + at.base + "/{hook}", at.needs, writing(patchHook)},
			{"DELETE " + at.base + "/{hook}", at.needs, writing(deleteHook)},
			{"POST " + at.base + "/{hook}/pings", at.needs, writing(postPing)},
			{"POST " + at.base + "/{hook}/tests", at.needs, writing(postPing)},
			{"GET " + at.base + "/{hook}/deliveries", at.needs, freely(listDeliveries)},
			{"GET " + at.base + "/{hook}/deliveries/{delivery}", at.needs, freely(getDelivery)},
			{"POST " + at.base + "/{hook}/deliveries/{delivery}/attempts", at.needs, freely(postAttempt)},
		}...)
	}
	return out
}

// place is where the hooks of the path belong: to a repository or an organisation.
func (c *call) place() (repo, org int64, err error) {
	if c.repo != nil {
		return c.repo.ID, 0, nil
	}
	if c.user == nil {
		return 0, 0, refuse(http.StatusUnauthorized, "Requires authentication")
	}
	o, err := c.ownOrg()
	if err != nil {
		return 0, 0, err
	}
	return 0, o.ID, nil
}

func (c *call) showHook(h *hook) obj {
	kind, form := "Repository", "json"
	u := c.API()
	if r := c.st.repos[h.Repo]; r != nil {
		u = c.repoAPI(r)
	} else if h.Org != 0 {
		kind, u = "Organization", u+"/orgs/"+c.account(h.Org).Login
	}
	u += "/hooks/" + strconv.FormatInt(h.ID, 10)
	if h.Form {
		form = "form"
	}
	config := obj{"url": h.URL, "content_type": form, "insecure_ssl": "0"}
	if h.Secret != "" {
		config["secret"] = "********"
	}
	o := obj{
		"type": kind, "id": h.ID, "name": "web", "active": h.Active, "events": slices.Clone(h.Events), "config": config, "created_at": stamp(h.Created), "updated_at": stamp(h.Updated),
		"url": u, "ping_url": u + "/pings", "deliveries_url": u + "/deliveries",
	}
	if kind == "Repository" {
		o["test_url"], o["last_response"] = u+"/tests", obj{"code": nil, "status": "unused", "message": nil}
	}
	return o
}

func (c *call) hooks() ([]*hook, error) {
	repo, org, err := c.place()
	if err != nil {
		return nil, err
	}
	var out []*hook
	for _, h := range c.st.hooks {
		if h.Repo == repo && h.Org == org {
			out = append(out, h)
		}
	}
	slices.SortFunc(out, func(a, b *hook) int { return int(a.ID - b.ID) })
	return out, nil
}

func (c *call) hook() (*hook, error) {
	all, err := c.hooks()
	if err != nil {
		return nil, err
	}
	for _, h := range all {
		if h.ID == c.number("hook") {
			return h, nil
		}
	}
	return nil, notFound()
}

func listHooks(c *call) (any, error) {
	all, err := c.hooks()
	if err != nil {
		return nil, err
	}
	return paged(c, all, func(h *hook) any { return c.showHook(h) })
}

type hookInput struct {
	Active *bool
	Events []string
	Add    []string `json:"add_events"`
	Remove []string `json:"remove_events"`
	Config *struct {
		URL, Secret string
		ContentType string `json:"content_type"`
	}
}

func (in *hookInput) apply(h *hook, now time.Time) error {
	if k := in.Config; k != nil {
		u, err := url.Parse(k.URL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return invalid("Hook", "url", "custom", "url is not supported because it isn't reachable over HTTP")
		}
		if k.ContentType != "" && k.ContentType != "json" && k.ContentType != "form" {
			return invalid("Hook", "content_type", "invalid")
		}
		h.URL, h.Form = k.URL, k.ContentType != "json"
		if k.Secret != "" && strings.Trim(k.Secret, "*") != "" {
			h.Secret = k.Secret
		}
	}
	if len(in.Events) > 0 {
		h.Events = in.Events
	}
	for _, e := range in.Add {
		if !slices.Contains(h.Events, e) {
			h.Events = append(slices.Clone(h.Events), e)
		}
	}
	for _, e := range in.Remove {
		h.Events = without(h.Events, e)
	}
	if in.Active != nil {
		h.Active = *in.Active
	}
	h.Updated = now
	return nil
}

func postHook(c *call, t *tx) (any, error) {
	repo, org, err := c.place()
	if err != nil {
		return nil, err
	}
	var in hookInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.Config == nil || in.Config.URL == "" {
		return nil, invalid("Hook", "url", "missing_field")
	}
	now := t.o.Now()
	h := &hook{ID: t.id(), Repo: repo, Org: org, Events: []string{"push"}, Active: true, Created: now}
	if err := in.apply(h, now); err != nil {
		return nil, err
	}
	all, err := c.hooks()
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(all, func(o *hook) bool { return o.URL == h.URL }) {
		return nil, invalid("Hook", "", "custom", "Hook already exists on this repository")
	}
	t.create(h)
	t.ping(c, h)
	return created(c.showHook(h))
}

func (t *tx) ping(c *call, h *hook) {
	p := obj{"zen": "Keep it logically awesome.", "hook_id": h.ID, "hook": c.showHook(h), "sender": t.showUser(c.user)}
	if c.repo != nil {
		p["repository"] = t.showRepo(c.repo)
	}
	body, err := encode(p)
	if err != nil {
		return
	}
	t.owed = append(t.owed, &delivery{ID: t.id(), Hook: h.ID, GUID: newGUID(), Event: "ping", Repo: h.Repo, Body: body, Created: t.o.Now()})
}

func getHook(c *call) (any, error) {
	h, err := c.hook()
	if err != nil {
		return nil, err
	}
	return c.showHook(h), nil
}

func patchHook(c *call, t *tx) (any, error) {
	h, err := c.hook()
	if err != nil {
		return nil, err
	}
	var in hookInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if err := in.apply(h, t.o.Now()); err != nil {
		return nil, err
	}
	t.save(h)
	return c.showHook(h), nil
}

func deleteHook(c *call, t *tx) (any, error) {
	h, err := c.hook()
	if err != nil {
		return nil, err
	}
	t.remove(h)
	return noContent()
}

func postPing(c *call, t *tx) (any, error) {
	h, err := c.hook()
	if err != nil {
		return nil, err
	}
	t.ping(c, h)
	return noContent()
}

func showDelivery(d *delivery) obj {
	o := obj{
		"id": d.ID, "guid": d.GUID, "delivered_at": stamp(d.Created), "redelivery": d.Redelivery, "duration": d.Took, "status": d.Status, "status_code": d.Code,
		"event": d.Event, "action": orNull(d.Action), "installation_id": nil, "repository_id": nil, "throttled_at": nil,
	}
	if d.Repo != 0 {
		o["repository_id"] = d.Repo
	}
	if d.Tries > 0 {
		o["delivered_at"] = stamp(d.Delivered)
	}
	return o
}

func (c *call) hookID() (id int64, err error) {
	err = c.read(func() error {
		h, err := c.hook()
		if err == nil {
			id = h.ID
		}
		return err
	})
	return id, err
}

// listDeliveries pages by cursor, as GitHub does: newest first, before an id.
func listDeliveries(c *call) (any, error) {
	id, err := c.hookID()
	if err != nil {
		return nil, err
	}
	_, n := c.window()
	before, err := strconv.ParseInt(c.query("cursor"), 10, 64)
	if err != nil {
		before = 1 << 62
	}
	list, err := c.deliveries(c.r.Context(), `hook = ? AND id < ? ORDER BY id DESC LIMIT ?`, id, before, n+1)
	if err != nil {
		return nil, err
	}
	if len(list) > n {
		list = list[:n]
		q := c.r.URL.Query()
		q.Set("cursor", strconv.FormatInt(list[n-1].ID, 10))
		c.header.Set("Link", "<http://"+c.r.Host+strings.SplitN(c.r.RequestURI, "?", 2)[0]+"?"+q.Encode()+`>; rel="next"`)
	}
	out := []any{}
	for _, d := range list {
		out = append(out, showDelivery(d))
	}
	return out, nil
}

func (c *call) delivery() (*delivery, error) {
	id, err := c.hookID()
	if err != nil {
		return nil, err
	}
	list, err := c.deliveries(c.r.Context(), `hook = ? AND id = ?`, id, c.number("delivery"))
	if err == nil && len(list) == 0 {
		err = notFound()
	}
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

func rawOr(s string) any {
	if s == "" {
		return obj{}
	}
	return json.RawMessage(s)
}

func getDelivery(c *call) (any, error) {
	d, err := c.delivery()
	if err != nil {
		return nil, err
	}
	return join(showDelivery(d), obj{
		"url": "", "request": obj{"headers": rawOr(d.ReqHeader), "payload": json.RawMessage(d.Body)},
		"response": obj{"headers": rawOr(d.Header), "payload": orNull(d.Response)},
	}), nil
}

func postAttempt(c *call) (any, error) {
	d, err := c.delivery()
	if err != nil {
		return nil, err
	}
	if err := c.redeliver(c.r.Context(), d); err != nil {
		return nil, err
	}
	return answer{code: http.StatusAccepted, body: obj{}}, nil
}

// redeliver sends a delivery again, under the same GUID.
func (f *Forge) redeliver(ctx context.Context, d *delivery) error {
	return f.write(ctx, func(t *tx) error {
		t.owed = append(t.owed, &delivery{ID: t.id(), Hook: d.Hook, GUID: d.GUID, Event: d.Event, Action: d.Action, Repo: d.Repo, Body: d.Body, Created: t.o.Now(), Redelivery: true})
		return nil
	})
}
