package sandbox

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // GitHub still sends the old signature too
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// delivery is one webhook owed or sent.
type delivery struct {
	ID, Hook, Repo      int64
	GUID, Event, Action string
	Body                []byte
	Created             time.Time
	Redelivery          bool

	Done              bool
	Tries             int
	Delivered         time.Time
	Took              float64 // seconds
	Code              int
	Status            string
	ReqHeader, Header string // JSON
	Response          string
}

// post delivers webhooks: for each hook one worker, in order.
type post struct {
	f      *Forge
	client *http.Client
	ctx    context.Context
	cancel context.CancelFunc
	mu     sync.Mutex
	bells  map[int64]chan struct{}
	wg     sync.WaitGroup
}

func newPost(ctx context.Context, f *Forge) *post {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // Close ends it, not the caller of Open
	return &post{
		f: f, ctx: ctx, cancel: cancel, bells: map[int64]chan struct{}{},
		client: &http.Client{
			Timeout:       10 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport:     &http.Transport{MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute},
		},
	}
}

// start takes up what an earlier process left undelivered.
func (p *post) start(ctx context.Context) error {
	rows, err := p.f.db.QueryContext(ctx, `SELECT DISTINCT hook FROM delivery WHERE done = 0`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return err
		}
		p.wake(id)
	}
	return rows.Err()
}

func (p *post) stop() {
	p.cancel()
	p.wg.Wait()
	p.client.CloseIdleConnections()
}

// wake tells the worker of a hook that there is something to deliver.
func (p *post) wake(hook int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	bell := p.bells[hook]
	if bell == nil {
		if p.ctx.Err() != nil {
			return
		}
		bell = make(chan struct{}, 1)
		p.bells[hook] = bell
		p.wg.Add(1)
		go p.work(hook, bell)
	}
	select {
	case bell <- struct{}{}:
	default:
	}
}

func (p *post) work(hook int64, bell chan struct{}) {
	defer p.wg.Done()
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-bell:
		}
		for p.round(hook) && p.ctx.Err() == nil {
		}
	}
}

// round delivers what is owed now; it reports whether there was anything.
func (p *post) round(hook int64) bool {
	owed, err := p.f.deliveries(p.ctx, `hook = ? AND done = 0 ORDER BY id LIMIT 50`, hook)
	if err != nil {
		if p.ctx.Err() == nil {
			p.f.o.Log.Error("deliveries not read", "err", err)
		}
		return false
	}
	p.shuffle(owed)
	for _, d := range owed {
		p.deliver(d)
		if p.ctx.Err() != nil {
			return false
		}
	}
	return len(owed) > 0
}

// shuffle applies the fault "reorder": a delivery goes after the next one.
func (p *post) shuffle(owed []*delivery) {
	for i := range owed {
		for _, x := range p.f.dice.pick("WEBHOOK", owed[i].Event) {
			if x.Effect == "reorder" && i+1 < len(owed) {
				owed[i], owed[i+1] = owed[i+1], owed[i]
			}
		}
	}
}

// deliver sends d until it is done with: once, or in trial mode until somebody
// takes it.
func (p *post) deliver(d *delivery) {
	times := 1
	for _, x := range p.f.dice.pick("WEBHOOK", d.Event) {
		switch x.Effect {
		case "duplicate":
			times = 2
		case "delay":
			p.pause(x.Delay)
		}
	}
	pause := 50 * time.Millisecond
	for n := 0; n < times && p.ctx.Err() == nil; {
		h := p.hook(d.Hook)
		if h == nil {
			d.Done, d.Status = true, "the hook is gone"
			break
		}
		p.send(h, d)
		if p.ctx.Err() != nil {
			return // cut off by Close: still owed
		}
		down := d.Code == 0 || d.Code >= 500 || d.Code == http.StatusTooManyRequests
		if d.Done = !down || !p.f.o.Retry; d.Done {
			n++
			continue
		}
		p.store(d)
		p.pause(pause)
		pause = min(2*pause, 500*time.Millisecond)
	}
	if p.ctx.Err() == nil || d.Done {
		p.store(d)
	}
}

func (p *post) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.ctx.Done():
	}
}

// hook copies a hook.
func (p *post) hook(id int64) *hook {
	p.f.mu.RLock()
	defer p.f.mu.RUnlock()
	if h := p.f.st.hooks[id]; h != nil {
		h2 := *h
		return &h2
	}
	return nil
}

func sign(h func() hash.Hash, secret string, body []byte) string {
	m := hmac.New(h, []byte(secret))
	_, _ = m.Write(body)
	return hex.EncodeToString(m.Sum(nil))
}

// send tries once and writes down what came back.
func (p *post) send(h *hook, d *delivery) {
	body, kind := d.Body, "application/json"
	if h.Form {
		body, kind = []byte(url.Values{"payload": {string(d.Body)}}.Encode()), "application/x-www-form-urlencoded"
	}
	d.Tries++
	d.Delivered = p.f.o.Now()
	req, err := http.NewRequestWithContext(p.ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		d.Code, d.Status = 0, err.Error()
		return
	}
	req.Header = http.Header{
		"Content-Type": {kind}, "User-Agent": {"GitHub-Hookshot/sandbox"}, "Accept": {"*/*"}, "X-Github-Event": {d.Event},
		"X-Github-Delivery": {d.GUID}, "X-Github-Hook-Id": {strconv.FormatInt(h.ID, 10)},
		"X-Github-Hook-Installation-Target-Type": {"repository"}, "X-Github-Hook-Installation-Target-Id": {strconv.FormatInt(d.Repo, 10)},
	}
	if h.Secret != "" {
		req.Header.Set("X-Hub-Signature", "sha1="+sign(sha1.New, h.Secret, body))
		req.Header.Set("X-Hub-Signature-256", "sha256="+sign(sha256.New, h.Secret, body))
	}
	d.ReqHeader = flat(req.Header)
	began := time.Now()
	res, err := p.client.Do(req)
	d.Took = time.Since(began).Seconds()
	if err != nil {
		d.Code, d.Status = 0, "failed to connect to host"
		return
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	d.Code, d.Status, d.Header, d.Response = res.StatusCode, http.StatusText(res.StatusCode), flat(res.Header), string(text)
	if d.Code < 400 {
		d.Status = "OK"
	}
}

func flat(h http.Header) string {
	m := map[string]string{}
	for k := range h {
		m[k] = h.Get(k)
	}
	b, _ := json.Marshal(m)
	return string(b)
}

// kept is how many deliveries of a hook the list goes back.
const kept = 2000

func (p *post) store(d *delivery) {
	p.f.dbmu.Lock()
	defer p.f.dbmu.Unlock()
	ctx := context.WithoutCancel(p.ctx)
	_, err := p.f.db.ExecContext(ctx, `UPDATE delivery SET done=?, tries=?, delivered=?, took=?, code=?, status=?, reqheader=?, resheader=?, response=? WHERE id=?`,
		d.Done, d.Tries, d.Delivered.UnixNano(), d.Took, d.Code, d.Status, d.ReqHeader, d.Header, d.Response, d.ID)
	if err == nil && d.ID%200 == 0 {
		_, err = p.f.db.ExecContext(ctx, `DELETE FROM delivery WHERE done = 1 AND hook = ?1 AND id < (SELECT id FROM delivery WHERE hook = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)`, d.Hook, kept)
	}
	if err != nil {
		p.f.o.Log.Error("delivery not written down", "err", err)
	}
	p.f.news.tell()
}

// deliveries reads rows of the deliveries.
func (f *Forge) deliveries(ctx context.Context, where string, args ...any) ([]*delivery, error) {
	rows, err := f.db.QueryContext(ctx, `SELECT id, hook, guid, event, action, repo, body, created, done, redelivery, tries, delivered, took, code, status,
		reqheader, resheader, response FROM delivery WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("sandbox: read deliveries: %w", err)
	}
	defer rows.Close()
	var out []*delivery
	for rows.Next() {
		d := &delivery{}
		var made, sent int64
		if err := rows.Scan(&d.ID, &d.Hook, &d.GUID, &d.Event, &d.Action, &d.Repo, &d.Body, &made, &d.Done, &d.Redelivery, &d.Tries, &sent,
			&d.Took, &d.Code, &d.Status, &d.ReqHeader, &d.Header, &d.Response); err != nil {
			return nil, err
		}
		d.Created, d.Delivered = time.Unix(0, made), time.Unix(0, sent)
		out = append(out, d)
	}
	return out, rows.Err()
}
