package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prow-ci/prow/github"
)

// lookAtForge sees that the token works, what it may do, and that webhooks are sent.
func (d *doctor) lookAtForge(ctx context.Context) {
	d.hmacWorks()
	d.lookAtAddress(ctx)
	if d.app != nil {
		d.lookAtApp(ctx)
		return
	}
	if d.token == "" {
		d.unknown("forge", "name its file: --github-token-path", "no token, so the forge was not asked")
		return
	}
	var who struct{ Login string }
	header, err := d.ask(ctx, "/user", &who)
	api := host(d.api())
	switch code := status(err); {
	case code == http.StatusUnauthorized:
		d.fault("forge", "make a new token of the bot's account, scopes repo and read:org; a running Prow reads the file again by itself", "%s does not know the token", api)
		return
	case err != nil:
		d.fault("forge", "see that this machine reaches it; another address is --github-endpoint", "%s: %v", api, err)
		return
	}
	d.ok("forge", "%s knows the token as %s", api, who.Login)
	d.lookAtScopes(header)
	d.lookAtRate(header)
	for _, of := range d.served() {
		d.lookAtHooks(ctx, of)
	}
}

// lookAtApp sees that the key of the GitHub App works, and that who is served has
// installed it. Where it sends its webhooks only its settings tell.
func (d *doctor) lookAtApp(ctx context.Context) {
	f, err := github.New(github.Options{BaseURL: d.ForgeAPI, App: d.app, UserAgent: "prow-doctor", Now: d.Now})
	if err != nil {
		d.fault("forge", "see --github-endpoint", "%v", err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	at, err := f.Installations(ctx)
	if err != nil {
		d.fault("forge", "see that id and private key are those of one App, and that the forge is reached; a new key goes into the Secret prow, key app-key", "GitHub App %s: %v", d.app.ID, err)
		return
	}
	d.ok("forge", "%s knows GitHub App %s, which is installed at: %s", host(d.api()), d.app.ID, cmp.Or(strings.Join(at, ", "), "nobody"))
	for _, of := range d.served() {
		org, _, _ := strings.Cut(of, "/")
		if !slices.ContainsFunc(at, func(x string) bool { return strings.EqualFold(x, org) }) {
			d.fault("forge", "install it there, in the settings of the App", "the App is not installed at %s, which plugins.yaml serves", org)
		}
	}
	d.unknown("webhooks", "look in the settings of the App: the URL is "+strings.TrimRight(d.URL, "/")+d.WebhookPath, "where the App sends its webhooks cannot be asked")
}

func (d *doctor) api() string { return cmp.Or(d.ForgeAPI, "https://api.github.com") }

// answerError is an answer that is no success.
type answerError struct {
	code int
	text string
}

func (e *answerError) Error() string { return e.text }

func status(err error) int {
	var a *answerError
	if errors.As(err, &a) {
		return a.code
	}
	return 0
}

// ask reads one page of the forge's API: what it says of tokens and hooks is no
// business of the port.
func (d *doctor) ask(ctx context.Context, path string, into any) (http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(d.api(), "/")+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+d.token)
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("User-Agent", "prow-doctor")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 8<<20))
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= 300 {
		var said struct{ Message string }
		_ = json.Unmarshal(b, &said) // the code says enough
		return res.Header, &answerError{res.StatusCode, fmt.Sprintf("%s %s", res.Status, said.Message)}
	}
	return res.Header, json.Unmarshal(b, into)
}

// lookAtScopes knows of classic tokens only: others do not tell what they may.
func (d *doctor) lookAtScopes(h http.Header) {
	if h.Values("X-Oauth-Scopes") == nil {
		return
	}
	var scopes []string
	for s := range strings.SplitSeq(h.Get("X-Oauth-Scopes"), ",") {
		scopes = append(scopes, strings.TrimSpace(s))
	}
	has := func(any ...string) bool {
		return slices.ContainsFunc(any, func(s string) bool { return slices.Contains(scopes, s) })
	}
	var missing []string
	if !has("repo") {
		missing = append(missing, "repo")
	}
	if !has("read:org", "write:org", "admin:org") {
		missing = append(missing, "read:org")
	}
	if len(missing) > 0 {
		d.fault("forge", "give the token these scopes in the bot's settings, or make a new one", "the token lacks the scope %s", strings.Join(missing, " and "))
		return
	}
	d.ok("forge", "the token has the scopes it needs")
}

func (d *doctor) lookAtRate(h http.Header) {
	var limit, left int
	_, err := fmt.Sscan(h.Get("X-Ratelimit-Limit"), &limit)
	_, err2 := fmt.Sscan(h.Get("X-Ratelimit-Remaining"), &left)
	switch {
	case err != nil || err2 != nil || limit == 0:
	case left*10 < limit:
		d.fault("forge", "see what else uses this account; Prow waits until the hour is over", "%d of %d requests are left this hour", left, limit)
	default:
		d.ok("forge", "%d of %d requests are left this hour", left, limit)
	}
}

// sentHook is a webhook as GitHub has it.
type sentHook struct {
	Active bool
	Events []string
	Config struct {
		URL         string
		ContentType string `json:"content_type"`
		Insecure    any    `json:"insecure_ssl"`
	}
	Last struct {
		Code    int
		Status  string
		Message string
	} `json:"last_response"`
}

// lookAtHooks sees that an organisation or repository sends its webhooks here.
func (d *doctor) lookAtHooks(ctx context.Context, of string) {
	const area = "webhooks"
	paths := []string{"/orgs/" + of + "/hooks"}
	if org, _, ok := strings.Cut(of, "/"); ok {
		paths = []string{"/repos/" + of + "/hooks", "/orgs/" + org + "/hooks"}
	}
	var hooks []sentHook
	seen := false
	for _, path := range paths {
		var some []sentHook
		if _, err := d.ask(ctx, path+"?per_page=100", &some); err == nil {
			seen, hooks = true, append(hooks, some...)
		}
	}
	want := strings.TrimRight(d.URL, "/") + d.WebhookPath
	switch {
	case !seen:
		d.unknown(area, "look in its settings, or use a token of an administrator", "the webhooks of %s may not be seen with this token", of)
		return
	case d.URL == "":
		d.unknown(area, "say --url, as prow serve has it", "whether %s sends to this Prow is not known without its address", of)
		return
	}
	i := slices.IndexFunc(hooks, func(h sentHook) bool { return strings.TrimRight(h.Config.URL, "/") == want })
	if i < 0 {
		d.fault(area, "add one in its settings: URL "+want+", content type application/json, the secret, all events", "%s sends no webhook to %s", of, want)
		return
	}
	h := hooks[i]
	switch {
	case !h.Active:
		d.fault(area, "make it active in the settings", "the webhook of %s is switched off", of)
	case h.Config.ContentType != "json":
		d.fault(area, "set the content type to application/json", "the webhook of %s sends %s, which is not read", of, cmp.Or(h.Config.ContentType, "forms"))
	case h.Last.Code >= 300 || h.Last.Status == "failed_to_connect":
		d.fault(area, "401 or 403: the secret is another one than hook's; no connection: the forge does not reach "+want, "the last webhook of %s was not taken: %d %s", of, h.Last.Code, h.Last.Message)
	case !slices.Contains(h.Events, "*") && !(slices.Contains(h.Events, "pull_request") && slices.Contains(h.Events, "issue_comment")):
		d.fault(area, "send all events", "the webhook of %s sends %s only", of, strings.Join(h.Events, ", "))
	default:
		d.ok(area, "%s sends them to %s", of, want)
	}
}

// lookAtAddress sees that hook answers where webhooks are sent to.
func (d *doctor) lookAtAddress(ctx context.Context) {
	if d.URL == "" {
		return
	}
	want := strings.TrimRight(d.URL, "/") + d.WebhookPath
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, want, nil)
	if err != nil {
		d.fault("webhooks", "say --url https://prow.example.com", "%v", err)
		return
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		d.unknown("webhooks", "see that Prow runs, and that Ingress or load balancer lead to it; the forge may reach it all the same", "%s is not reached from here: %v", want, err)
		return
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusMethodNotAllowed { // hook, to whom one posts
		d.ok("webhooks", "hook answers at %s", want)
		return
	}
	d.fault("webhooks", "lead this path to the Service of hook", "at %s it is not hook that answers: %s", want, res.Status)
}
