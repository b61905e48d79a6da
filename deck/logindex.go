package deck

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
)

// opener opens a log at a byte offset.
type opener func(ctx context.Context, offset int64) (io.ReadCloser, error)

// logIndex knows where in a log lines begin: not each of them, but one in every
// block, so that a log of 200 MB has an index of some kilobytes, made in one
// quick pass, and any part of it is read from nearby. It grows with its log.
type logIndex struct {
	mu    sync.Mutex
	marks []mark
	lines int   // complete ones
	size  int64 // bytes seen
	tail  bool  // there are bytes after the last newline
	whole bool  // the log does not grow any more
}

// mark says that line begins at offset. Lines count from 0 here.
type mark struct {
	line   int
	offset int64
}

// extent is how long a log is.
type extent struct {
	lines int // with the unfinished last one
	size  int64
}

const indexBlock = 256 << 10

// extend looks at what the log has got since the last time.
func (x *logIndex) extend(ctx context.Context, open opener, whole bool) (extent, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.whole {
		return x.extent(), nil
	}
	f, err := open(ctx, x.size)
	if err != nil {
		return x.extent(), err
	}
	defer f.Close()
	block := make([]byte, indexBlock)
	for {
		n, err := io.ReadFull(f, block)
		x.add(block[:n])
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			x.whole = whole
			return x.extent(), nil
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return x.extent(), err
		}
	}
}

func (x *logIndex) add(b []byte) {
	if len(b) == 0 {
		return
	}
	if last := bytes.LastIndexByte(b, '\n'); last >= 0 {
		x.lines += bytes.Count(b, []byte{'\n'})
		x.marks = append(x.marks, mark{x.lines, x.size + int64(last) + 1})
		x.tail = last < len(b)-1
	} else {
		x.tail = true
	}
	x.size += int64(len(b))
}

func (x *logIndex) extent() extent {
	e := extent{x.lines, x.size}
	if x.tail {
		e.lines++
	}
	return e
}

// near returns the last mark at or before line.
func (x *logIndex) near(line int) mark {
	x.mu.Lock()
	defer x.mu.Unlock()
	lo, hi := 0, len(x.marks)
	for lo < hi {
		if mid := (lo + hi) / 2; x.marks[mid].line <= line {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == 0 {
		return mark{}
	}
	return x.marks[lo-1]
}

// logLine is a line of a log as far as it is shown: of a very long one only the
// beginning.
type logLine struct {
	Number int    `json:"number"` // from 1
	Text   string `json:"text"`
	Cut    int64  `json:"cut,omitempty"` // bytes of it that are left out
}

// Bounds of one answer.
const (
	maxLine   = 4 << 10
	maxAnswer = 512 << 10
)

// read returns count lines from the line from on, counted from 0, or fewer if
// they are long.
func (x *logIndex) read(ctx context.Context, open opener, from, count int) ([]logLine, error) {
	at := x.near(from)
	f, err := open(ctx, at.offset)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []logLine
	in, total := bufio.NewReaderSize(f, 64<<10), 0
	for n := at.line; len(out) < count && total < maxAnswer; n++ {
		keep := maxLine
		if n < from {
			keep = 0
		}
		text, cut, err := readLine(in, keep)
		if n >= from && (err == nil || len(text) > 0) {
			out = append(out, logLine{n + 1, string(text), cut})
			total += len(text)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return out, err
		}
	}
	return out, nil
}

// readLine reads to the next newline, keeps the first bytes, and counts those it
// drops.
func readLine(in *bufio.Reader, keep int) (text []byte, cut int64, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if err == nil {
			part = part[:len(part)-1]
		}
		take := min(keep-len(text), len(part))
		text = append(text, part[:take]...)
		cut += int64(len(part) - take)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return text, cut, err
		}
	}
}

// logIndexes remembers the indexes of the logs that were looked at last.
type logIndexes struct {
	mu   sync.Mutex
	of   map[string]*logIndex
	used []string // oldest first
}

const maxIndexes = 64

func (l *logIndexes) get(name string) *logIndex {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of == nil {
		l.of = map[string]*logIndex{}
	}
	for i, n := range l.used {
		if n == name {
			l.used = append(l.used[:i], l.used[i+1:]...)
			break
		}
	}
	l.used = append(l.used, name)
	if len(l.used) > maxIndexes {
		delete(l.of, l.used[0])
		l.used = l.used[1:]
	}
	x := l.of[name]
	if x == nil {
		x = &logIndex{}
		l.of[name] = x
	}
	return x
}
