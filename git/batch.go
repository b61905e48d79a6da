package git

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	maxReaders = 4                // of one mirror at a time
	readerIdle = 30 * time.Second // then it is ended
	maxObject  = 256 << 20        // bytes held in memory
)

// object is what `cat-file` says of one.
type object struct {
	id, kind string
	size     int64
	data     []byte // if asked for
}

// reader is one `git cat-file --batch-command`.
type reader struct {
	cmd  *exec.Cmd
	stop context.CancelFunc
	in   io.WriteCloser
	out  *bufio.Reader
	idle *time.Timer
}

func startReader(dir string) (*reader, error) {
	ctx, stop := context.WithCancel(context.Background()) // it outlives the one who asked first
	cmd := command(ctx, "cat-file", "--batch-command")
	cmd.Env = append(cmd.Env, "GIT_DIR="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		stop()
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		stop()
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		stop()
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	return &reader{cmd, stop, in, bufio.NewReaderSize(out, 64<<10), nil}, nil
}

func (r *reader) close() {
	r.stop()
	_ = r.in.Close()
	_ = r.cmd.Wait() // it was killed
}

// ask sends one question and reads the answer. name must not hold a newline.
func (r *reader) ask(ctx context.Context, verb, name string) (object, error) {
	defer context.AfterFunc(ctx, r.stop)()
	o, err := r.exchange(verb, name)
	if ctx.Err() != nil {
		return o, context.Cause(ctx)
	}
	return o, err
}

func (r *reader) exchange(verb, name string) (object, error) {
	if _, err := io.WriteString(r.in, verb+" "+name+"\n"); err != nil {
		return object{}, fmt.Errorf("git cat-file: %w", err)
	}
	line, err := r.out.ReadString('\n')
	if err != nil {
		return object{}, fmt.Errorf("git cat-file: %w", err)
	}
	o, err := parseHeader(strings.TrimSuffix(line, "\n"))
	if err != nil || verb == "info" {
		return o, err
	}
	if o.size > maxObject {
		return o, fmt.Errorf("git cat-file: %s is %d bytes; at most %d can be read", o.id, o.size, maxObject)
	}
	o.data = make([]byte, o.size+1) // and a newline
	if _, err := io.ReadFull(r.out, o.data); err != nil {
		return o, fmt.Errorf("git cat-file: %w", err)
	}
	o.data = o.data[:o.size]
	return o, nil
}

// parseHeader reads "<id> <kind> <size>", or "<name> missing".
func parseHeader(line string) (object, error) {
	f := strings.Split(line, " ")
	if n := len(f); n >= 2 && (f[n-1] == "missing" || f[n-1] == "ambiguous") {
		return object{}, errMissing
	}
	if len(f) != 3 || !isID(f[0]) {
		return object{}, fmt.Errorf("git cat-file: answer %q, want id, type and size", line)
	}
	size, err := strconv.ParseInt(f[2], 10, 64)
	if err != nil || size < 0 {
		return object{}, fmt.Errorf("git cat-file: size %q", f[2])
	}
	return object{id: f[0], kind: f[1], size: size}, nil
}

// errMissing leaves the reader in good order, unlike other errors.
var errMissing = fmt.Errorf("object: %w", fs.ErrNotExist)

// readers is a small pool, so that many can read and none stays for nothing.
type readers struct {
	start func() (*reader, error)

	mu     sync.Mutex
	room   *sync.Cond
	free   []*reader
	out    int
	closed bool
}

func (p *readers) take() (*reader, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.room == nil {
		p.room = sync.NewCond(&p.mu)
	}
	for len(p.free) == 0 && p.out >= maxReaders && !p.closed {
		p.room.Wait() // an answer is a matter of milliseconds
	}
	if p.closed {
		return nil, fs.ErrClosed
	}
	p.out++
	if n := len(p.free); n > 0 {
		r := p.free[n-1]
		p.free = p.free[:n-1]
		r.idle.Stop()
		return r, nil
	}
	r, err := p.start()
	if err != nil {
		p.out--
		p.room.Signal()
	}
	return r, err
}

func (p *readers) put(r *reader, good bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out--
	p.room.Signal()
	if !good || p.closed {
		go r.close()
		return
	}
	p.free = append(p.free, r)
	r.idle = time.AfterFunc(readerIdle, func() { p.drop(r) })
}

// drop ends r if it is still idle.
func (p *readers) drop(r *reader) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, x := range p.free {
		if x == r {
			p.free = append(p.free[:i], p.free[i+1:]...)
			go r.close()
			return
		}
	}
}

func (p *readers) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, r := range p.free {
		r.idle.Stop()
		r.close()
	}
	p.free = nil
	if p.room != nil {
		p.room.Broadcast()
	}
}

// ask asks one of the readers: verb is "info" or "contents". Absent objects are
// fs.ErrNotExist.
func (p *readers) ask(ctx context.Context, verb, name string) (object, error) {
	if err := ctx.Err(); err != nil {
		return object{}, err
	}
	r, err := p.take()
	if err != nil {
		return object{}, err
	}
	o, err := r.ask(ctx, verb, name)
	p.put(r, err == nil || errors.Is(err, errMissing))
	return o, err
}

// isID reports whether s is the whole id of an object.
func isID(s string) bool {
	if len(s) != 40 && len(s) != 64 {
		return false
	}
	return len(bytes.Trim([]byte(s), "0123456789abcdef")) == 0
}
