package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"muster/internal/segment"
	"muster/internal/store"
)

// replay lays the entries that are not in rosters over them. One goroutine reads them, several lay them
// over, each over memberships of its own: what changes one of these stays in order.
func (env *environment) replay(ctx context.Context) error {
	e := env.e
	head, err := e.log.Head(ctx, env.id)
	if err != nil {
		return err
	}
	if b, ok, err := e.log.Row(ctx, tableFloor, []byte(env.id)); err != nil {
		return err
	} else if ok {
		n, err := parseNumber(b)
		if err != nil {
			return err
		}
		env.floor = segment.Revision(n)
	}
	env.head.Store(uint64(head))
	e.objects.revisions[env.id] = head
	refs := env.view.Load().refs
	lanes := newLanes(e.o.Workers, func(d *delta) error { return e.replayDelta(ctx, d) })
	next := env.floor + 1
	for r, err := range e.log.Read(ctx, env.id, env.floor) {
		var deltas []*delta
		if err == nil {
			deltas, err = decodeDeltas(r.Value, func(ref segment.Ref) bool {
				m := refs.find(ref)
				return m != nil && r.Revision > m.row.cut
			})
		}
		if err != nil {
			if err := lanes.wait(); err != nil {
				return err
			}
			return env.lose(next, err)
		}
		next = r.Revision + 1
		for _, d := range deltas {
			d.m, d.revision = refs.find(d.ref), r.Revision
			lanes.put(d)
		}
	}
	if err := lanes.wait(); err != nil {
		return err
	}
	env.view.Store(&view{revision: head, refs: refs.renewed(slices.Collect(maps.Keys(lanes.of))...)})
	return nil
}

// lanes take deltas to goroutines, all of one membership to the same.
type lanes struct {
	of      map[*membership]chan<- *delta
	all     []chan *delta
	running errgroup.Group
}

func newLanes(n int, lay func(*delta) error) *lanes {
	l := &lanes{of: make(map[*membership]chan<- *delta)}
	for range n {
		lane := make(chan *delta, 4)
		l.all = append(l.all, lane)
		l.running.Go(func() (err error) {
			for d := range lane {
				if err != nil {
					continue // so that nobody waits for room
				}
				if err = lay(d); err != nil {
					err = fmt.Errorf("revision %d: %w", d.revision, err)
				}
			}
			return err
		})
	}
	return l
}

func (l *lanes) put(d *delta) {
	lane, ok := l.of[d.m]
	if !ok {
		lane = l.all[len(l.of)%len(l.all)]
		l.of[d.m] = lane
	}
	lane <- d
}

// wait ends the lanes and returns the first error.
func (l *lanes) wait() error {
	for _, lane := range l.all {
		close(lane)
	}
	return l.running.Wait()
}

func (e *Engine) replayDelta(ctx context.Context, d *delta) error {
	d.counts = plus(*d.m.counts.Load(), d.change)
	if d.file != nil {
		f, err := e.openFile(ctx, d.file.id)
		if err != nil {
			l := *d.m.layers.Load()
			l.err = fmt.Errorf("%w: %w", store.ErrCorrupt, err)
			d.m.layers.Store(&l)
			if d.m.from == 0 { // the next start must find the entry again
				d.m.from = d.revision
			}
			e.o.Logger.Error("segment can't be read", "environment", d.m.env, "ref", d.ref.String(), "error", err)
			return nil
		}
		d.file.open = f
		d.install()
		return nil
	}
	d.offs = make([]uint32, len(d.hashes))
	keys, ok, err := e.log.Row(ctx, tableKeys, keysKey(refID{d.m.env, d.ref}, d.revision))
	if err == nil && ok {
		err = d.placeKeys(keys)
	}
	if err != nil { // who is a member is known all the same, by hash
		if err := e.omit("keys of "+d.ref.String(), err); err != nil {
			return err
		}
		d.m.hurt(fmt.Errorf("keys of revision %d: %w", d.revision, err))
		clear(d.offs)
	}
	e.pendingChanges.Add(d.install())
	return nil
}

// placeKeys takes the keys of a delta apart.
func (d *delta) placeKeys(keys []byte) error {
	dec := decoder{b: keys}
	for i := range d.offs {
		d.offs[i] = uint32(len(keys) - len(dec.b))
		dec.take(dec.uvarint())
	}
	if dec.broken || len(dec.b) > 0 {
		return fmt.Errorf("keys of %s: %w", d.ref, store.ErrCorrupt)
	}
	d.keys = keys
	return nil
}
