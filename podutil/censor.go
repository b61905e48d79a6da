package podutil

import (
	"bytes"
	"io"
)

// Mark stands where a secret was. It is the same for all, so that not even the
// length is told.
const Mark = "XXXXXXXX"

// censor replaces secrets in what is written through it. It holds back no more
// than what may be the beginning of one; Close writes that too.
type censor struct {
	w       io.Writer
	secrets [][]byte
	first   [256]bool // bytes that begin a secret
	longest int
	held    []byte
	found   bool // there was a secret
	err     error
}

// newCensor returns a writer to w without any of the texts.
func newCensor(w io.Writer, texts []string) *censor {
	c := &censor{w: w}
	for _, s := range texts {
		if s == "" {
			continue
		}
		c.secrets = append(c.secrets, []byte(s))
		c.first[s[0]] = true
		c.longest = max(c.longest, len(s))
	}
	return c
}

// Write never keeps p.
func (c *censor) Write(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	b := p
	if len(c.held) > 0 {
		c.held = append(c.held, p...)
		b = c.held
	}
	rest := c.pass(b, c.hold(b))
	c.held = append(c.held[:0], rest...)
	if c.err != nil {
		return 0, c.err
	}
	return len(p), nil
}

// Close writes what was held back. It does not close the writer below.
func (c *censor) Close() error {
	if c.err == nil {
		c.pass(c.held, len(c.held))
		c.held = nil
	}
	return c.err
}

// hold returns where the end of b begins that may be the beginning of a secret.
func (c *censor) hold(b []byte) int {
	for i := max(0, len(b)-c.longest+1); i < len(b); i++ {
		if !c.first[b[i]] {
			continue
		}
		for _, s := range c.secrets {
			if len(s) > len(b)-i && bytes.HasPrefix(s, b[i:]) {
				return i
			}
		}
	}
	return len(b)
}

// pass writes b without its secrets and returns the end that has to wait: from
// hold on, or from the secret that reaches into it.
func (c *censor) pass(b []byte, hold int) (rest []byte) {
	next := make([]int, len(c.secrets)) // where each secret is found next; -1: nowhere
	for i := range next {
		next[i] = bytes.Index(b, c.secrets[i])
	}
	for at := 0; ; {
		from, to := c.match(b, next, at)
		if from < 0 || from >= hold {
			c.write(b[at:max(at, hold)])
			return b[max(at, hold):]
		}
		c.write(b[at:from])
		if to > hold {
			return b[from:] // what follows may make it longer
		}
		c.found = true
		c.write([]byte(Mark))
		at = to
	}
}

// match returns the next stretch of b from at on that secrets cover; where they
// overlap, it is all of them.
func (c *censor) match(b []byte, next []int, at int) (from, to int) {
	from = -1
	for i := range next {
		c.advance(b, next, i, at)
		if next[i] >= 0 && (from < 0 || next[i] < from) {
			from = next[i]
		}
	}
	if from < 0 {
		return -1, -1
	}
	to = from
	for grown := true; grown; {
		grown = false
		for i := range next {
			for next[i] >= 0 && (next[i] < to || next[i] == from) {
				if end := next[i] + len(c.secrets[i]); end > to {
					to, grown = end, true
				}
				c.advance(b, next, i, next[i]+1)
			}
		}
	}
	return from, to
}

// advance finds the next place of a secret from at on.
func (c *censor) advance(b []byte, next []int, i, at int) {
	if next[i] < 0 || next[i] >= at {
		return
	}
	next[i] = bytes.Index(b[at:], c.secrets[i])
	if next[i] >= 0 {
		next[i] += at
	}
}

func (c *censor) write(p []byte) {
	if c.err == nil && len(p) > 0 {
		_, c.err = c.w.Write(p)
	}
}
