package sink

import (
	"bytes"
	"context"
	"fmt"

	"muster/internal/segment"
	"muster/internal/store"
)

// refill writes what a walk tells to a store that takes contexts whole: everything that a context is in
// at once, instead of one ref after the other.
//
// What is written of a context is what the view says of it, which is never behind the tail. All that changes later
// the log tells, so whoever was written whole once in a walk needs nothing more of it.
type refill struct {
	*loop
	to      Replacer
	from    segment.Cursor   // after which the walk goes on
	noticed segment.Revision // up to which dirty names everything that was touched since the walk goes on
	patchy  bool             // somebody could not be read whole
}

// writing returns what turns batches of a walk into writes. A store that readers trust is told change by change: a
// whole context that is late would undo more.
func (l *loop) writing() (func(context.Context, []store.RefChange) (write, error), error) {
	to, ok := l.target.(Replacer)
	if !ok || l.m.complete {
		return func(context.Context, []store.RefChange) (write, error) { return l.target.Apply, nil }, nil
	}
	view, err := l.store.View(l.env)
	if err != nil {
		return nil, err
	}
	r := &refill{loop: l, to: to, from: l.m.walk, noticed: view.Revision()}
	return r.write, nil
}

// write returns what writes the contexts of a batch whole, as they are now.
func (r *refill) write(ctx context.Context, batch []store.RefChange) (write, error) {
	view, err := r.store.View(r.env)
	if err != nil {
		return nil, err
	}
	seen := make(map[segment.Hash][]holding, len(batch))
	var unread []store.RefChange
	for i := range batch {
		c := &batch[i]
		if _, ok := seen[c.Hash]; ok {
			continue
		}
		var all []holding
		err := view.Each(c.Hash, func(ref segment.Ref, ops segment.Ops) bool { all = append(all, holding{ref, ops}); return true })
		if err != nil {
			unread, r.patchy = append(unread, *c), true
			continue
		}
		seen[c.Hash] = all
	}
	if err := r.notice(ctx); err != nil { // of everything that was in what the view said
		return nil, err
	}
	whole := make([]Held, 0, len(seen))
	for i := range batch {
		c := &batch[i]
		all, ok := seen[c.Hash]
		if !ok {
			continue
		}
		delete(seen, c.Hash)
		if !r.written(c, all) {
			whole = append(whole, heldOf(c.Hash, all))
		}
	}
	marked := r.marked
	return func(ctx context.Context, _ []store.RefChange) error {
		if err := r.unmoved(ctx, marked); err != nil {
			return err
		}
		if err := r.to.Replace(ctx, whole); err != nil {
			return err
		}
		return r.to.Apply(ctx, unread)
	}, nil
}

// holding is what a ref says of a context.
type holding struct {
	ref segment.Ref
	ops segment.Ops
}

func heldOf(h segment.Hash, all []holding) Held {
	held := Held{Hash: h}
	for _, one := range all {
		if one.ops&segment.Include != 0 {
			held.Included = append(held.Included, one.ref)
		}
		if one.ops&segment.Exclude != 0 {
			held.Excluded = append(held.Excluded, one.ref)
		}
	}
	return held
}

// written reports whether this walk wrote a context whole when it came to it before, in another ref.
//
// In a ref that nothing has touched since the walk goes on, who is in it now was in it when the walk came past, and was
// written then, or for the same reason earlier.
func (r *refill) written(c *store.RefChange, all []holding) bool {
	if r.patchy {
		return false
	}
	for _, one := range all {
		if compareRefs(one.ref, c.Ref) >= 0 || r.dirty[one.ref] {
			continue
		}
		order := compareRefs(one.ref, r.from.Ref)
		if order > 0 || order == 0 && bytes.Compare(c.Hash[:], r.from.Hash[:]) > 0 {
			return true
		}
	}
	return false
}

// notice finds out which refs were touched by what views have shown and the tail has not come to.
func (r *refill) notice(ctx context.Context) error {
	shown, err := r.store.Shown(r.env)
	if err != nil {
		return err
	}
	if shown <= r.noticed {
		return nil
	}
	for e, err := range r.store.Entries(ctx, r.env, r.noticed) {
		if err != nil {
			return fmt.Errorf("read the log of environment %s: %w", r.env, err)
		}
		for i := range e.Members {
			r.touched(e.Members[i].Ref)
		}
		r.noticed = e.Revision
	}
	return nil
}

// unmoved makes sure that nobody else has come to write the store: what is written whole asks nobody.
func (r *refill) unmoved(ctx context.Context, marked string) error {
	seen, err := r.target.Look(ctx)
	if err != nil {
		return err
	}
	if seen.Marker != marked {
		return moved(seen.Marker)
	}
	return nil
}
