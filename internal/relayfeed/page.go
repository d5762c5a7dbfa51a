package relayfeed

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/gzip"

	"muster/internal/segment"
	"muster/internal/store"
)

// Page is an answer to a relay: a JSON array of patches. It is shared and must not be changed.
type Page struct {
	JSON    []byte
	Changes int
	Patches int    // none: the relay is current
	Next    string // the cursor that the relay has once it has applied all of it

	at   version
	zip  sync.Once
	gzip []byte
}

// Gzip returns the page compressed, nil if that is not worth it.
func (p *Page) Gzip() []byte {
	p.zip.Do(func() {
		if len(p.JSON) < 1<<10 {
			return
		}
		var out bytes.Buffer
		// Hashes in base64 are random: all there is to gain is that a byte has six bits in it.
		w, _ := gzip.NewWriterLevel(&out, gzip.HuffmanOnly) // the level is a valid one
		_, _ = w.Write(p.JSON)                              // a buffer takes everything
		_ = w.Close()
		p.gzip = out.Bytes()
	})
	return p.gzip
}

// errTrimmed says that the log no longer has what comes next.
var errTrimmed = errors.New("log is trimmed")

// page returns what follows a cursor, as far as a state knows.
func (l *line) page(after string, st *state) (*Page, error) {
	if after == st.canonical.String() {
		return &Page{JSON: []byte("[]"), Next: after, at: st.canonical}, nil
	}
	return l.f.pages.get(pageKey{l.env, after, st.revision, st.canonical}, func() (*Page, error) {
		l.f.slots <- struct{}{}
		defer func() { <-l.f.slots }()
		return l.build(l.f.ctx, after, st)
	})
}

func (l *line) build(ctx context.Context, after string, st *state) (*Page, error) {
	v, ok := parseVersion(after)
	if !ok || v.resync != st.canonical.resync {
		v = version{} // nothing is known of what is there
	}
	b := &builder{env: l.env, resync: st.canonical.resync, buf: []byte("["), last: after, now: l.f.o.Now, deadline: l.f.o.Now().Add(l.f.o.Work)}
	p := &Page{}
	at, walked, err := l.fill(ctx, b, v.cursor, st)
	if err != nil {
		return nil, err
	}
	p.at = version{at, st.canonical.resync}
	b.moveTo(at)
	p.JSON, p.Changes, p.Patches, p.Next = bytes.Clone(append(b.buf, ']')), b.changes, b.patches, b.last
	l.f.changes.Add(uint64(p.Changes))
	if walked {
		l.f.walks.Add(1)
	}
	return p, nil
}

// fill adds what follows a cursor, and returns where that leads to.
func (l *line) fill(ctx context.Context, b *builder, from segment.Cursor, st *state) (at segment.Cursor, walked bool, err error) {
	for trimmed := false; ; {
		at, err = l.f.store.Resume(ctx, l.env, from)
		if err != nil {
			return at, walked, err
		}
		walked = walked || at.Walking && at != from
		done := true
		if at.Walking {
			if at, done, err = l.walk(ctx, b, at); err != nil || !done {
				return at, walked, err
			}
		}
		at, done, err = l.entries(ctx, b, at, st.revision)
		switch {
		case errors.Is(err, errTrimmed) && b.patches == 0:
			if from = at; trimmed { // what an entry names is gone, although the log is there
				from = segment.Cursor{}
			}
			trimmed = true
		case errors.Is(err, errTrimmed):
			return at, walked, nil
		case err != nil || !done:
			return at, walked, err
		default:
			// Everybody who knows all there is has one cursor, because streams tell all of them the same.
			return st.canonical.cursor, walked, nil
		}
	}
}

// walk adds the rest of a walk; done once it is at its end.
func (l *line) walk(ctx context.Context, b *builder, from segment.Cursor) (at segment.Cursor, done bool, err error) {
	at = from
	var ref segment.Ref
	var list []segment.Change
	flush := func() {
		if len(list) > 0 {
			at = from.At(ref, list[len(list)-1].Hash)
			b.patch(ref, list, b.text(at))
			list = list[:0]
		}
	}
	for c, err := range l.f.store.Walk(ctx, l.env, from) {
		if errors.Is(err, store.ErrCorrupt) {
			l.unreadable(c.Ref, err)
			continue
		}
		if err != nil {
			return at, false, err
		}
		if c.Ref != ref || len(list) == maxPatch {
			flush()
		}
		look := c.Ref != ref && b.patches > 0 || len(list)%lookEvery == lookEvery-1
		if b.full(c.Ref, len(list)) || look && b.late() {
			flush()
			return at, false, nil
		}
		ref, list = c.Ref, append(list, segment.Change{Hash: c.Hash, Ops: c.Ops})
	}
	flush()
	return from.Through(from.Revision), true, nil
}

// lookEvery is after how many changes the clock is looked at.
const lookEvery = 512

// entries adds what the log says after a cursor, up to a revision; done once that is reached.
func (l *line) entries(ctx context.Context, b *builder, at segment.Cursor, until segment.Revision) (_ segment.Cursor, done bool, err error) {
	var g group
	for e, readErr := range l.f.store.Entries(ctx, l.env, at.Revision) {
		switch {
		case errors.Is(readErr, store.ErrTrimmed):
			b.flush(&g, at)
			return at, false, errTrimmed
		case readErr != nil:
			return at, false, readErr
		case e.Revision > until:
			b.flush(&g, at)
			return at, true, nil
		case len(e.Members) == 0, at.Ref == (segment.Ref{}) && g.fits(b, e) && g.take(b, e) == nil:
			at = at.Through(e.Revision)
		default:
			b.flush(&g, at)
			if at, done, err = l.entry(ctx, b, at, e); err != nil || !done {
				return at, false, err
			}
		}
		if b.changes+g.n >= maxChanges || b.late() {
			b.flush(&g, at)
			return at, false, nil
		}
	}
	b.flush(&g, at)
	return at, true, nil
}

// take adds all changes of an entry, or none if they can't be read.
func (g *group) take(b *builder, e *segment.Entry) error {
	lists := make([][]segment.Change, len(e.Members))
	for i, m := range e.Members {
		if err := m.Each(nil, func(c segment.Change) bool {
			lists[i] = append(lists[i], segment.Change{Hash: c.Hash, Ops: c.Ops})
			return true
		}); err != nil {
			return err
		}
	}
	for i, m := range e.Members {
		g.add(b, m.Ref, lists[i])
	}
	return nil
}

// entry adds the rest of one entry, patch by patch; done once it is at its end.
func (l *line) entry(ctx context.Context, b *builder, from segment.Cursor, e *segment.Entry) (at segment.Cursor, done bool, err error) {
	at = from
	before := from.Through(e.Revision - 1)
	if from.Revision != before.Revision {
		from = before // a place is one in the next entry
	}
	var list []segment.Change
	for _, m := range e.Members {
		var after *segment.Hash
		switch order := compareRefs(m.Ref, from.Ref); {
		case from.Ref != (segment.Ref{}) && order < 0:
			continue
		case from.Ref != (segment.Ref{}) && order == 0:
			after = &from.Hash
		}
		flush := func() {
			if len(list) > 0 {
				at = before.At(m.Ref, list[len(list)-1].Hash)
				b.patch(m.Ref, list, b.text(at))
				list = list[:0]
			}
		}
		stopped := false
		err := l.changes(ctx, m, after, func(c segment.Change) bool {
			if len(list) == maxPatch {
				flush()
			}
			if stopped = b.full(m.Ref, len(list)) || len(list)%lookEvery == lookEvery-1 && b.late(); stopped {
				return false
			}
			list = append(list, segment.Change{Hash: c.Hash, Ops: c.Ops})
			return true
		})
		flush()
		if err != nil {
			if errors.Is(err, store.ErrTrimmed) {
				err = errTrimmed
			}
			return at, false, err
		}
		if stopped {
			return at, false, nil
		}
	}
	at = from.Through(e.Revision)
	if b.patches > 0 {
		b.moveTo(at)
	}
	return at, true, nil
}

// changes yields what an entry says of a ref after a hash. Where that can't be read, it yields how it is
// now: what came after the entry is told again.
func (l *line) changes(ctx context.Context, m segment.MemberDelta, after *segment.Hash, yield func(segment.Change) bool) error {
	var last segment.Hash
	if after != nil {
		last = *after
	}
	more := true
	err := m.Each(after, func(c segment.Change) bool {
		last, more = c.Hash, yield(c)
		return more
	})
	if !errors.Is(err, store.ErrCorrupt) || !more {
		return err
	}
	l.unreadable(m.Ref, err)
	for c, err := range l.f.store.Walk(ctx, l.env, segment.Cursor{Walking: true, Ref: m.Ref, Hash: last}) {
		switch {
		case c.Ref != m.Ref:
			return nil
		case errors.Is(err, store.ErrCorrupt):
			l.unreadable(c.Ref, err)
			return nil
		case err != nil:
			return fmt.Errorf("tell %s as it is now: %w", m.Ref, err)
		case !yield(segment.Change{Hash: c.Hash, Ops: c.Ops}):
			return nil
		}
	}
	return nil
}

func compareRefs(a, b segment.Ref) int {
	return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Generation, b.Generation))
}

// pageKey is what decides what stands in a page.
type pageKey struct {
	env       segment.EnvID
	after     string
	revision  segment.Revision
	canonical version
}

// maxCached bounds the bytes of pages, before compression, that are kept for relays that stand at the same
// place.
const maxCached = 32 << 20

// pages are those that were made last.
type pages struct {
	mu    sync.Mutex
	of    map[pageKey]*cached
	order []pageKey // oldest first, of those that are made
	bytes int
}

type cached struct {
	once sync.Once
	page *Page
	err  error
}

// get returns a page, made by the first who asks for it.
func (ps *pages) get(k pageKey, build func() (*Page, error)) (*Page, error) {
	ps.mu.Lock()
	if ps.of == nil {
		ps.of = map[pageKey]*cached{}
	}
	c := ps.of[k]
	if c == nil {
		c = &cached{}
		ps.of[k] = c
	}
	ps.mu.Unlock()
	c.once.Do(func() {
		c.page, c.err = build()
		ps.made(k, c)
	})
	return c.page, c.err
}

// made keeps a page instead of the oldest ones.
func (ps *pages) made(k pageKey, c *cached) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if c.err != nil {
		delete(ps.of, k)
		return
	}
	ps.order = append(ps.order, k)
	ps.bytes += len(c.page.JSON)
	for ps.bytes > maxCached {
		oldest := ps.order[0]
		ps.order = ps.order[1:]
		ps.bytes -= len(ps.of[oldest].page.JSON)
		delete(ps.of, oldest)
	}
}
