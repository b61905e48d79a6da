package sandbox

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Fault is something that goes wrong on purpose.
type Fault struct {
	Method string // GET, …, * for any; WEBHOOK for deliveries
	Path   string // * in it is any text; of a delivery, the name of the event
	Effect string // status, delay, cut, duplicate, reorder
	Status int
	Delay  time.Duration
	Chance float64
}

const faultForm = `want "METHOD PATH EFFECT [CHANCE]", for example "POST /repos/*/*/statuses/* 502 0.1"; ` +
	`EFFECT is a status, delay=10s or cut, and of "WEBHOOK EVENT" duplicate or reorder; CHANCE is from 0 to 1`

// ParseFault reads "POST /repos/*/statuses/* 502 0.1": a method or *, a path, what
// happens, and how likely (1 if left out). One * stands for any text within the
// path, slashes too. "WEBHOOK * duplicate 0.05" is about deliveries.
func ParseFault(s string) (Fault, error) {
	bad := func(what string) (Fault, error) { return Fault{}, fmt.Errorf("fault %q: %s; %s", s, what, faultForm) }
	w := strings.Fields(s)
	if len(w) < 3 || len(w) > 4 {
		return bad(fmt.Sprintf("%d words", len(w)))
	}
	f := Fault{Method: strings.ToUpper(w[0]), Path: w[1], Chance: 1}
	if len(w) == 4 {
		c, err := strconv.ParseFloat(w[3], 64)
		if err != nil || !(c >= 0 && c <= 1) {
			return bad(fmt.Sprintf("the chance %q is no number from 0 to 1", w[3]))
		}
		f.Chance = c
	}
	webhook := f.Method == "WEBHOOK"
	if !webhook && !strings.HasPrefix(f.Path, "/") && f.Path != "*" {
		return bad(fmt.Sprintf("the path %q does not begin with a slash", f.Path))
	}
	delay, isDelay := strings.CutPrefix(w[2], "delay=")
	code, err := strconv.Atoi(w[2])
	switch {
	case isDelay:
		d, err := time.ParseDuration(delay)
		if err != nil || d < 0 {
			return bad(fmt.Sprintf("%q is no duration such as 10s", delay))
		}
		f.Effect, f.Delay = "delay", d
	case w[2] == "cut" && !webhook, (w[2] == "duplicate" || w[2] == "reorder") && webhook:
		f.Effect = w[2]
	case err == nil && code >= 400 && code <= 599 && !webhook:
		f.Effect, f.Status = "status", code
	default:
		return bad(fmt.Sprintf("%q is no effect of %s", w[2], f.Method))
	}
	return f, nil
}

// dice decide which fault strikes. Each fault has a die of its own, so that what
// strikes one kind of request does not hang on the others.
type dice struct {
	mu     sync.Mutex
	seed   uint64
	faults []Fault
	rolls  []*rand.Rand
}

func newDice(faults []Fault, seed uint64) *dice {
	d := &dice{seed: seed}
	d.set(faults)
	return d
}

func (d *dice) set(faults []Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults, d.rolls = faults, nil
	for i := range faults {
		d.rolls = append(d.rolls, rand.New(rand.NewPCG(d.seed, uint64(i))))
	}
}

// SetFaults replaces the faults in force.
func (f *Forge) SetFaults(faults ...Fault) { f.dice.set(faults) }

// pick returns the faults that strike now.
func (d *dice) pick(method, where string) []Fault {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []Fault
	for i, f := range d.faults {
		if (f.Method != "*" || method == "WEBHOOK") && f.Method != method || !matches(f.Path, where) {
			continue
		}
		if d.rolls[i].Float64() < f.Chance {
			out = append(out, f)
		}
	}
	return out
}

// matches compares with a pattern in which * is any text.
func matches(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	if !strings.HasPrefix(s, parts[0]) {
		return false
	}
	s = s[len(parts[0]):]
	last := parts[len(parts)-1]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(s, p)
		if i < 0 {
			return false
		}
		s = s[i+len(p):]
	}
	return strings.HasSuffix(s, last)
}

// maxDelayed is how much of a request a delay keeps, in bytes: GitHub's limit for
// a push or a payload.
const maxDelayed = 100 << 20

// spoil applies the faults that strike r; nil means that it has been answered.
func (d *dice) spoil(w http.ResponseWriter, r *http.Request, p string) http.ResponseWriter {
	for _, f := range d.pick(r.Method, path.Clean("/"+p)) {
		switch f.Effect {
		case "delay":
			// A server sees that its client is gone only when it has read what
			// the client sent.
			body, err := io.ReadAll(io.LimitReader(r.Body, maxDelayed))
			if err != nil {
				return nil
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			t := time.NewTimer(f.Delay)
			select {
			case <-t.C:
			case <-r.Context().Done():
				t.Stop()
				return nil
			}
		case "cut":
			panic(http.ErrAbortHandler)
		case "status":
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			w.WriteHeader(f.Status)
			fmt.Fprintf(w, `{"message":%q,"documentation_url":"https://docs.github.com/rest"}`, "A fault asked for: "+http.StatusText(f.Status))
			return nil
		}
	}
	return w
}
