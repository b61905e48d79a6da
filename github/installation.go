package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
	"golang.org/x/sync/singleflight"
)

const (
	// renewBefore is how long before its end a token is replaced: whoever gets one
	// can still work with it for a while.
	renewBefore = 5 * time.Minute
	// askAgain is how long "no" is believed: GitHub refuses those who insist.
	askAgain = time.Minute
)

// installations gives the tokens of an App's installations. Each owner's is found
// once and kept until GitHub says that it is gone; each token is fetched once,
// whoever waits for it.
type installations struct {
	forge *Forge
	sign  func(ctx context.Context, skew time.Duration) (string, error)
	id    string // of the App

	flights singleflight.Group

	mu   sync.Mutex
	of   map[string]*installation // by owner, in lower case
	skew time.Duration            // GitHub's clock minus ours
}

// installation is what is known of the App at one owner. It is replaced, not
// changed.
type installation struct {
	id      int64 // 0: not known
	token   string
	expires time.Time
	err     error     // why there is no token
	until   time.Time // until when err is believed, or the old token used
}

// token returns the token of who.
func (a *installations) token(ctx context.Context, who speaker) (string, error) {
	if who.app {
		return a.sign(ctx, a.clock())
	}
	if token, err, known := a.known(who.owner); known {
		return token, err
	}
	// The one who asked first may go away; the others still want it.
	work := context.WithValue(context.WithoutCancel(ctx), onceKey{}, nil)
	done := a.flights.DoChan(who.owner, func() (any, error) {
		if token, err, known := a.known(who.owner); known {
			return token, err
		}
		return a.renew(work, who.owner)
	})
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case r := <-done:
		token, _ := r.Val.(string)
		return token, r.Err
	}
}

// known answers without asking GitHub.
func (a *installations) known(owner string) (token string, err error, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i, now := a.of[owner], a.forge.now()
	switch {
	case i == nil:
		return "", nil, false
	case i.err != nil:
		return "", i.err, now.Before(i.until)
	}
	return i.token, nil, i.token != "" && (now.Before(i.expires.Add(-renewBefore)) || now.Before(i.until) && now.Before(i.expires))
}

// renew fetches a token for owner, and remembers how that went.
func (a *installations) renew(ctx context.Context, owner string) (string, error) {
	a.mu.Lock()
	old := a.of[owner]
	a.mu.Unlock()
	if old == nil {
		old = &installation{}
	}
	fresh, err := a.fetch(ctx, owner, old.id)
	now := a.forge.now()
	var no *refusal
	switch {
	case err == nil:
	case errors.As(err, &no) || errors.Is(err, prow.ErrForbidden):
		fresh = &installation{err: err, until: now.Add(askAgain)}
	case old.token != "" && now.Before(old.expires): // still good; GitHub has a moment of weakness
		kept := *old
		kept.until = now.Add(15 * time.Second)
		fresh, err = &kept, nil
	default:
		return "", err
	}
	a.mu.Lock()
	a.of[owner] = fresh
	a.mu.Unlock()
	return fresh.token, err
}

// fetch asks for a token of the installation id, or finds the installation first.
func (a *installations) fetch(ctx context.Context, owner string, id int64) (*installation, error) {
	if id != 0 {
		i, err := a.grant(ctx, owner, id)
		if !gonePerhaps(err) {
			return i, err
		}
		// Removed, and perhaps installed anew.
	}
	id, err := a.find(ctx, owner)
	if err != nil {
		return nil, err
	}
	return a.grant(ctx, owner, id)
}

func gonePerhaps(err error) bool {
	var no *refusal
	return errors.Is(err, fs.ErrNotExist) || errors.As(err, &no)
}

// find returns the id of the installation at owner, an organisation or a user.
func (a *installations) find(ctx context.Context, owner string) (int64, error) {
	var w struct {
		ID        int64      `json:"id"`
		Suspended *time.Time `json:"suspended_at"`
	}
	err := a.forge.get(ctx, path("orgs", owner, "installation"), &w)
	if errors.Is(err, fs.ErrNotExist) {
		err = a.forge.get(ctx, path("users", owner, "installation"), &w)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, a.refuse(ctx, owner, "is not installed in %s; install it at %s", "/installations/new")
	case err != nil:
		return 0, a.wrong(err)
	case w.Suspended != nil:
		return 0, a.suspended(ctx, owner)
	case w.ID == 0:
		return 0, fmt.Errorf("github: the answer about the App's installation in %s names no id", owner)
	}
	return w.ID, nil
}

// grant asks for a token of the installation.
func (a *installations) grant(ctx context.Context, owner string, id int64) (*installation, error) {
	var w struct {
		Token   string    `json:"token"`
		Expires time.Time `json:"expires_at"`
	}
	_, err := a.forge.do(ctx, http.MethodPost, path("app", "installations", id, "access_tokens"), json.RawMessage("{}"), &w)
	switch {
	case status(err) == http.StatusForbidden && says(err, "suspended"):
		return nil, a.suspended(ctx, owner)
	case err != nil:
		return nil, a.wrong(err)
	case w.Token == "" || w.Expires.IsZero():
		return nil, errors.New("github: the answer to the App's request for a token holds none")
	}
	// What counts is how long it is good, by GitHub's clock.
	a.mu.Lock()
	defer a.mu.Unlock()
	return &installation{id: id, token: w.Token, expires: w.Expires.Add(-a.skew)}, nil
}

// refused hears that GitHub did not take token, made when the clocks were known to
// differ by skew, and reports whether it is worth while to try again with another.
func (a *installations) refused(who speaker, token string, resp *http.Response, skew time.Duration) bool {
	if who.app {
		return a.setClock(resp, skew)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if i := a.of[who.owner]; i != nil && i.token == token {
		a.of[who.owner] = &installation{id: i.id}
	}
	return true
}

// clock returns GitHub's clock minus ours, as far as known.
func (a *installations) clock() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.skew
}

// setClock learns from an answer how far our clock is off; it reports whether that
// is so far from what was believed that it explains why GitHub took the App's token
// for too old or too new.
func (a *installations) setClock(resp *http.Response, believed time.Duration) bool {
	theirs, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return false
	}
	skew := theirs.Sub(a.forge.now()).Truncate(time.Second)
	if (skew - believed).Abs() < 30*time.Second {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if (skew - a.skew).Abs() >= 30*time.Second {
		a.skew = skew
		a.forge.log.Warn("this machine's clock is not GitHub's; tokens of the App are made by GitHub's", "behind", skew)
	}
	return true
}

// forget makes the next request ask GitHub about the installation at owner.
func (a *installations) forget(owner string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.of, strings.ToLower(owner))
}

// refusal is why an App cannot speak at an owner, and what a person can do.
type refusal struct{ text string }

func (e *refusal) Error() string { return e.text }
func (e *refusal) Unwrap() error { return prow.ErrForbidden }

func (a *installations) suspended(ctx context.Context, owner string) error {
	return a.refuse(ctx, owner, "is suspended in %s; an owner can unsuspend it in the settings there, under GitHub Apps: %s", "")
}

// refuse names the App and its page, as far as GitHub tells.
func (a *installations) refuse(ctx context.Context, owner, text, page string) error {
	app, err := a.forge.about(ctx)
	if err != nil {
		return a.wrong(err)
	}
	return &refusal{fmt.Sprintf("the GitHub App %s "+text, app.Slug, owner, app.URL+page)}
}

// wrong explains an answer to the App itself.
func (a *installations) wrong(err error) error {
	if status(err) == http.StatusUnauthorized || status(err) == http.StatusNotFound && says(err, "integration not found") {
		return &refusal{fmt.Sprintf("GitHub does not know us as the App %s: %v. Is the App id right, and the private key one of that App, not deleted there?", strconv.Quote(a.id), err)}
	}
	return err
}

// about is what GitHub says of the App.
type about struct {
	Slug string `json:"slug"`
	URL  string `json:"html_url"`
}

func (f *Forge) about(ctx context.Context) (about, error) {
	var w about
	if err := f.get(ctx, "app", &w); err != nil {
		return w, err
	}
	if w.Slug == "" {
		return w, errors.New("github: the answer to GET app names no slug")
	}
	return w, nil
}

// Token returns the token that is good for git and other tools in what belongs to
// owner: the one of Options, or of the App's installation there, for at least five
// minutes. It is "" where there is none.
func (f *Forge) Token(ctx context.Context, owner string) (string, error) {
	switch {
	case f.app != nil:
		return f.app.token(ctx, speaker{owner: strings.ToLower(owner)})
	case f.token != nil:
		return f.token(ctx)
	}
	return "", nil
}

// ParseEvents is the function ParseEvents, and hears where the App is installed or
// removed.
func (f *Forge) ParseEvents(event, id string, body []byte) ([]prow.Event, error) {
	if f.app != nil && (event == "installation" || event == "installation_repositories") {
		var p struct {
			Installation struct {
				Account struct {
					Login string `json:"login"`
				} `json:"account"`
			} `json:"installation"`
		}
		if json.Unmarshal(body, &p) == nil { // who sends something else tells nothing
			f.app.forget(p.Installation.Account.Login)
		}
	}
	return ParseEvents(event, id, body)
}
