package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
)

// slice is how long a walk goes on before the log is looked at again.
const slice = 500 * time.Millisecond

// walk tells the store of everybody who is a member and everybody who left, and of what happens
// meanwhile.
//
// A walk yields what was true when it came to a ref. The log is written beside it, so that it may be
// ahead; what a walk says of a ref that the log has touched since is therefore asked of the view, which is
// never behind the tail.
//
// The log comes first: nearly all that it holds at the beginning the walk tells too, so that nobody is written
// twice, see spares.
func (l *loop) walk(ctx context.Context) error {
	l.dirty = make(map[segment.Ref]bool)
	l.walkBegan(l.m.walk)
	from := l.m.walk
	if err := l.attend(ctx); err != nil || l.m.walk != from {
		return err
	}
	began, damaged := l.now(), error(nil)
	writing, err := l.writing()
	if err != nil {
		return err
	}
	b := l.flight.buffer()
	defer func() { l.flight.giveBack(b) }()
	send := func() error {
		write, err := writing(ctx, b)
		if err == nil {
			err = l.flight.sendBy(ctx, b, write)
			b = l.flight.buffer()
		}
		return err
	}
	at := l.m.walk
	pass := func() error { // what was sent is there; what happened meanwhile comes next
		if err := errors.Join(send(), l.flight.land()); err != nil {
			return err
		}
		l.works()
		l.m.walk = at
		return l.attend(ctx)
	}
	for c, err := range l.store.Walk(ctx, l.env, l.m.walk) {
		if errors.Is(err, store.ErrCorrupt) {
			damaged = err
			l.touched(c.Ref) // who is behind what can't be read was not come to
			l.tellAll()
			continue
		}
		if err != nil {
			return errors.Join(fmt.Errorf("walk through environment %s: %w", l.env, err), l.flight.land())
		}
		at = at.At(c.Ref, c.Hash)
		if l.dirty[c.Ref] {
			c.Ops = l.present(c)
		}
		if b = append(b, c); len(b) < l.flight.size() {
			continue
		}
		if err := send(); err != nil {
			return errors.Join(err, l.flight.land())
		}
		if now := l.now(); now.Sub(began) >= slice {
			began = now
			if err := pass(); err != nil {
				return err
			}
			if !l.m.walking() || l.m.walk != at {
				return nil // it has to begin anew
			}
		}
	}
	if err := pass(); err != nil || !l.m.walking() || l.m.walk != at {
		return err
	}
	l.m.walk = segment.Cursor{}
	l.m.complete = damaged == nil
	l.walkEnded(damaged)
	if damaged != nil {
		l.hurt(damaged, l.now().Add(lookAgain))
	}
	return l.keepMarker(ctx, true)
}

// lookAgain is how long a walk that could not be whole waits to be repeated.
const lookAgain = time.Hour

// hurt notes that something can't be read of which the store should be told, and when to walk through all
// members because of it.
func (l *loop) hurt(why error, walkAt time.Time) {
	l.note(func(s *state) { s.damage = why.Error() })
	l.walkAt = walkAt
}

// present returns the operations of a change as they are now.
func (l *loop) present(c store.RefChange) segment.Ops {
	view, err := l.store.View(l.env)
	if err != nil {
		return c.Ops
	}
	now, err := view.State(c.Ref, c.Hash)
	if err != nil {
		return c.Ops
	}
	return toward(now, c.Ops)
}

// toward returns operations on the sets that ops is about which lead to a state.
func toward(now, ops segment.Ops) (o segment.Ops) {
	if ops&(segment.Include|segment.Uninclude) != 0 {
		if o = segment.Uninclude; now&segment.Include != 0 {
			o = segment.Include
		}
	}
	if ops&(segment.Exclude|segment.Unexclude) != 0 {
		if now&segment.Exclude != 0 {
			return o | segment.Exclude
		}
		o |= segment.Unexclude
	}
	return o
}

// spares reports whether who joined a ref by an entry needn't be written, because a walk that is under way has still
// to come to him and tells what has become of him since. Readers don't trust the store until then. Who left is written: the
// walk needn't know of him.
func (l *loop) spares(rev segment.Revision, ref segment.Ref, h *segment.Hash) bool {
	if rev > l.spared || l.m.complete || !l.m.walking() {
		return false
	}
	order := compareRefs(ref, l.m.walk.Ref)
	return order > 0 || order == 0 && bytes.Compare(h[:], l.m.walk.Hash[:]) > 0
}

// tellAll has the log since the beginning of a walk written once more, whole: the walk could not tell of everybody
// whom it was to tell of.
func (l *loop) tellAll() {
	if l.spared > 0 && !l.m.complete {
		l.spared, l.m.tail = 0, l.m.walk.Through(l.m.walk.Revision)
	}
}

// touched notes that the log is written of a ref.
func (l *loop) touched(ref segment.Ref) {
	if l.dirty != nil {
		l.dirty[ref] = true
	}
}
