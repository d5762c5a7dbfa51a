package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// meter counts what is read through it.
type meter struct {
	r     io.Reader
	n     atomic.Int64
	total int64 // 0: not known
	whole atomic.Bool
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if m.n.Add(int64(n)) == m.total && n > 0 || errors.Is(err, io.EOF) {
		m.whole.Store(true)
	}
	return n, err
}

// bar shows how far something is: on a terminal as one line that changes, elsewhere as a line now and
// then.
type bar struct {
	out   io.Writer
	tty   bool
	what  string
	began time.Time
	state func() progress
}

// progress is how far something is. What is 0 is not shown; nothing at all: only that time passes.
type progress struct {
	done, total int64 // bytes
	rows        int64
}

// lineEvery is how often a bar that is not on a terminal says how far it is.
const lineEvery = 5 * time.Second

// showProgress draws a bar until the returned function is called.
func showProgress(out *os.File, what string, state func() progress) (stop func()) {
	info, err := out.Stat()
	b := &bar{out: out, tty: err == nil && info.Mode()&os.ModeCharDevice != 0, what: what, began: time.Now(), state: state}
	quit, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		b.run(quit)
	}()
	return func() { close(quit); <-gone }
}

func (b *bar) run(quit <-chan struct{}) {
	every := 100 * time.Millisecond
	if !b.tty {
		every = lineEvery
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	drawn := false
	for {
		select {
		case <-tick.C:
			b.draw()
			drawn = true
		case <-quit:
			if b.tty && (drawn || b.state().done > 0) {
				b.draw()
				_, _ = fmt.Fprintln(b.out) // what can't be drawn is missed by nobody
			}
			return
		}
	}
}

func (b *bar) draw() {
	line := b.line(b.state(), time.Since(b.began))
	if b.tty {
		line = "\r" + line + "\x1b[K"
	} else {
		line += "\n"
	}
	_, _ = io.WriteString(b.out, line) // what can't be drawn is missed by nobody
}

func (b *bar) line(p progress, elapsed time.Duration) string {
	const width = 30
	rate := float64(p.done) / max(elapsed.Seconds(), 0.001)
	var s strings.Builder
	s.WriteString(b.what)
	if p == (progress{}) {
		fmt.Fprintf(&s, ", %v", elapsed.Round(time.Second))
		return s.String()
	}
	if p.total > 0 {
		done := min(p.done, p.total)
		if full := int(done * width / p.total); b.tty {
			fmt.Fprintf(&s, " [%s%s]", strings.Repeat("=", full), strings.Repeat(" ", width-full))
		}
		fmt.Fprintf(&s, " %d %%, %s of %s", done*100/p.total, sizeOf(p.done), sizeOf(p.total))
	} else {
		s.WriteString(" " + sizeOf(p.done))
	}
	if p.rows > 0 {
		fmt.Fprintf(&s, ", %s rows", grouped(p.rows))
	}
	fmt.Fprintf(&s, ", %s/s", sizeOf(int64(rate)))
	if left := p.total - p.done; left > 0 && rate > 0 {
		fmt.Fprintf(&s, ", %v left", time.Duration(float64(left)/rate*float64(time.Second)).Round(time.Second))
	}
	return s.String()
}

// sizeOf writes a number of bytes for people.
func sizeOf(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	size, unit := float64(n)/1000, "kB"
	for _, larger := range []string{"MB", "GB", "TB"} {
		if size < 999.95 {
			break
		}
		size, unit = size/1000, larger
	}
	return strconv.FormatFloat(size, 'f', 1, 64) + " " + unit
}

// grouped writes a number with its thousands apart.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
