package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"maps"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/roster"
)

// graves are who was removed from a ref since it began: those that the log no longer tells of, and
// more. Who is a member again may be among them or not. They never change.
type graves struct {
	files   []graveFile // newest first
	retired time.Time   // when the ref was found to have ended; zero while it lives
	broken  bool        // removals are missing, because what told of them can't be read
}

// graveFile is a file of graves.
type graveFile struct {
	id  store.FileID
	n   int64 // entries
	all bool  // it was a membership, and everybody in it left
}

// gravesAt are all graves of an environment at one revision. They never change.
type gravesAt struct {
	through segment.Revision // everything that the log removed up to here is in graves
	of      map[segment.Ref]*graves
}

func (g *graves) row(id refID) store.Row {
	row := store.Row{Table: tableGraves, Key: refKey(id)}
	if g == nil {
		return row
	}
	var retired int64
	if !g.retired.IsZero() {
		retired = g.retired.UnixNano()
	}
	b := binary.AppendVarint(nil, retired)
	b = append(b, boolByte(g.broken))
	b = binary.AppendUvarint(b, uint64(len(g.files)))
	for _, f := range g.files {
		b = append(b, f.id[:]...)
		b = append(b, boolByte(f.all))
		b = binary.AppendUvarint(b, uint64(f.n))
	}
	row.Value = b
	return row
}

func boolByte(v bool) byte {
	if v {
		return 1
	}
	return 0
}

func decodeGraves(b []byte) (*graves, error) {
	d := decoder{b: b}
	g := &graves{}
	if retired := d.varint(); retired != 0 {
		g.retired = time.Unix(0, retired)
	}
	g.broken = d.octet() != 0
	for range d.count(uint64(len(store.FileID{}))) {
		var f graveFile
		copy(f.id[:], d.take(uint64(len(f.id))))
		f.all = d.octet() != 0
		f.n = int64(d.uvarint())
		g.files = append(g.files, f)
	}
	if d.broken || len(d.b) > 0 {
		return nil, fmt.Errorf("row of graves %x: %w", b, store.ErrCorrupt)
	}
	return g, nil
}

// named returns the files that a row of graves names.
func (g *graves) named() []store.FileID {
	if g == nil {
		return nil
	}
	var ids []store.FileID
	for _, f := range g.files {
		ids = append(ids, f.id)
	}
	return ids
}

// removes returns the part of operations that removes.
func removes(ops segment.Ops) segment.Ops { return ops & (segment.Uninclude | segment.Unexclude) }

// onlyRemoves yields of changes what removes.
func onlyRemoves(changes iter.Seq2[segment.Change, error]) iter.Seq2[segment.Change, error] {
	return func(yield func(segment.Change, error) bool) {
		for c, err := range changes {
			if c.Ops = removes(c.Ops); (c.Ops != 0 || err != nil) && !yield(c, err) {
				return
			}
		}
	}
}

// openGraves is an open file of graves.
type openGraves struct {
	file *file
	all  bool
}

func (e *Engine) openGraves(ctx context.Context, f graveFile) (openGraves, error) {
	open, err := e.openFile(ctx, f.id)
	return openGraves{open, f.all}, err
}

// Range yields removes by the first byte of their hash.
func (g openGraves) Range(first, last byte) iter.Seq2[segment.Change, error] {
	changes := g.file.Range(first, last)
	if !g.all {
		return changes
	}
	return func(yield func(segment.Change, error) bool) {
		for c, err := range changes {
			c.Ops = sets(c.Ops) << 1
			if !yield(c, err) {
				return
			}
		}
	}
}

// removal is what a stretch of the log removes from one ref.
type removal struct {
	table  *pending    // of lists that stand in entries
	files  []*file     // lists that don't
	left   []graveFile // of a ref that ended
	broken bool        // something can't be read
}

// removals is what a stretch of the log removes.
type removals struct {
	through segment.Revision
	of      map[segment.Ref]*removal
	changes int // in tables
}

// mostRemovals is how many changes of small lists one round takes off the log.
const mostRemovals = 1 << 17

// removals reads what the log removes after a revision, up to the first publication that is not
// settled or as much as one round takes.
func (env *environment) removals(ctx context.Context, after segment.Revision) (*removals, error) {
	rs := &removals{through: after, of: make(map[segment.Ref]*removal)}
	head := segment.Revision(env.head.Load())
	if after >= head {
		return rs, nil
	}
	for r, err := range env.e.log.Read(ctx, env.id, after) {
		if err != nil {
			return nil, err
		}
		en, err := decodeEntry(r.Value)
		if err != nil {
			return nil, fmt.Errorf("revision %d: %w", r.Revision, err)
		}
		for _, d := range en.deltas {
			if d.publication == nil {
				continue
			}
			if settles, err := env.settles(ctx, publicationID{env.id, r.Revision, d.ref.Key}); err != nil || settles {
				return rs, err
			}
		}
		for _, d := range en.deltas {
			d.revision = r.Revision
			for _, ref := range d.refs() {
				if err := env.addRemoval(ctx, rs, ref, d); err != nil {
					return nil, fmt.Errorf("revision %d: %w", r.Revision, err)
				}
			}
		}
		rs.through = r.Revision
		if r.Revision == head || rs.changes >= mostRemovals {
			break
		}
	}
	return rs, nil
}

// settles reports whether the change that a publication made is still to be written into a file.
func (env *environment) settles(ctx context.Context, name publicationID) (bool, error) {
	env.commit.Lock() // one that has just become visible is not among the open ones yet
	open := env.e.publications.find(name) != nil
	env.commit.Unlock()
	if !open {
		return false, nil
	}
	row, _, err := env.e.readPublication(ctx, name)
	return !row.isSettled(), err
}

// addRemoval adds what a delta removes from a ref.
func (env *environment) addRemoval(ctx context.Context, rs *removals, ref segment.Ref, d *delta) error {
	r := rs.of[ref]
	if r == nil {
		r = &removal{}
		rs.of[ref] = r
	}
	var err error
	switch {
	case d.publication != nil:
		err = env.addPublished(ctx, r, d)
	case d.file != nil:
		err = env.addFile(ctx, r, d.file.id)
	default:
		before := 0
		if r.table != nil {
			before = r.table.n
		}
		r.add(d)
		if r.table != nil {
			rs.changes += r.table.n - before
		}
	}
	if errors.Is(err, store.ErrCorrupt) {
		env.e.o.Logger.Error("who left a segment can't be read", "environment", env.id, "ref", ref.String(), "revision", d.revision, "error", err)
		r.broken = true
		return nil
	}
	return err
}

// add lays a small list over the table. Who joins matters only if they have left before.
func (r *removal) add(d *delta) {
	for i := range d.hashes {
		if removes(d.ops[i]) == 0 && (r.table == nil || r.table.find(&d.hashes[i]) == 0) {
			continue
		}
		if r.table == nil {
			r.table = newPending()
		}
		r.table.put(&d.hashes[i], d.ops[i], 0, 0)
	}
}

func (env *environment) addFile(ctx context.Context, r *removal, id store.FileID) error {
	f, err := env.e.openFile(ctx, id)
	if err == nil {
		r.files = append(r.files, f)
	}
	return err
}

func (env *environment) addPublished(ctx context.Context, r *removal, d *delta) error {
	row, _, err := env.e.readPublication(ctx, publicationID{env.id, d.revision, d.ref.Key})
	switch {
	case err != nil:
		return err
	case row.Aside && !row.Ended:
		return nil // nobody left
	case row.File != nil:
		return env.addFile(ctx, r, *row.File)
	case len(row.Left) == 0: // it could not be settled
		return fmt.Errorf("change of a publication: %w", store.ErrCorrupt)
	}
	for _, id := range row.Left {
		f, err := env.e.openFile(ctx, id)
		if err != nil {
			return err
		}
		r.left = append(r.left, graveFile{id: id, n: f.roster.Len(), all: true})
	}
	return nil
}

// unbroken passes changes on until they can't be read any more, which it notes.
func unbroken(changes iter.Seq2[segment.Change, error], broken *bool) iter.Seq2[segment.Change, error] {
	return func(yield func(segment.Change, error) bool) {
		for c, err := range changes {
			if errors.Is(err, store.ErrCorrupt) {
				*broken = true
				return
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

// notMembers yields of removes those that concern nobody who is a member again. Whoever leaves after
// this look does so in an entry that is in no graves yet.
func notMembers(changes iter.Seq2[segment.Change, error], l *layers) iter.Seq2[segment.Change, error] {
	return func(yield func(segment.Change, error) bool) {
		for c, err := range changes {
			if err == nil {
				// Of members that can't be read nobody is one: the remove stays.
				if now, err := l.state(&c.Hash); err == nil {
					c.Ops &^= now << 1
				}
			}
			if (c.Ops != 0 || err != nil) && !yield(c, err) {
				return
			}
		}
	}
}

// merged returns the graves of a ref with a removal added, and the file that was made for it, if any.
// Graves are merged by size, as rosters are, so that large files are rewritten seldom.
func (env *environment) merged(ctx context.Context, ref segment.Ref, old *graves, r *removal) (*graves, *file, error) {
	if old == nil {
		old = &graves{}
	}
	next := &graves{broken: old.broken || r.broken, files: r.left, retired: old.retired}
	var sources []iter.Seq2[segment.Change, error]
	var sizes []int64
	if r.table != nil {
		sources = append(sources, onlyRemoves(r.table.sorted()))
		sizes = append(sizes, int64(r.table.n))
	}
	for _, f := range r.files {
		sources = append(sources, onlyRemoves(unbroken(f.Range(0, 255), &next.broken)))
		sizes = append(sizes, f.roster.Len())
	}
	if len(sources) == 0 {
		next.files = append(next.files, old.files...)
		return next, nil, nil
	}
	fresh := len(sources)
	for _, f := range old.files {
		sizes = append(sizes, f.n)
	}
	merge := mergeable(sizes, fresh)
	for _, f := range old.files[:merge-fresh] {
		open, err := env.e.openGraves(ctx, f)
		switch {
		case errors.Is(err, store.ErrCorrupt):
			next.broken = true
		case err != nil:
			return nil, nil, err
		default:
			sources = append(sources, unbroken(open.Range(0, 255), &next.broken))
		}
	}
	all := roster.Merge(false, sources...)
	if m := env.view.Load().refs.known(ref); m != nil && merge == len(sizes) {
		all = notMembers(all, m.layers.Load())
	}
	f, err := env.e.putFile(ctx, roster.Partial, until(ctx, all))
	if err != nil {
		return nil, nil, err
	}
	if n := f.roster.Len(); n > 0 {
		next.files = append(next.files, graveFile{id: f.id, n: n})
	} else {
		env.e.deleteFile(env.e.writing, f.id)
		f = nil
	}
	next.files = append(next.files, old.files[merge-fresh:]...)
	return next, f, nil
}

// Bury adds what the log of an environment removed to the graves of the refs concerned, as far as it
// is known in full.
func (e *Engine) Bury(ctx context.Context, id segment.EnvID) error {
	env := e.environment(id)
	if env == nil {
		return fmt.Errorf("bury in environment %s: %w", id, store.ErrNoEnvironment)
	}
	env.tending.Lock()
	defer env.tending.Unlock()
	return env.bury(ctx)
}

func (env *environment) bury(ctx context.Context) error {
	for {
		more, err := env.buryOnce(ctx)
		if err != nil || !more {
			return err
		}
	}
}

// buryOnce takes one stretch of the log, and reports whether there may be more.
func (env *environment) buryOnce(ctx context.Context) (more bool, err error) {
	e, before := env.e, env.graves.Load()
	rs, err := env.removals(ctx, before.through)
	if err != nil {
		return false, err
	}
	changed := make(map[segment.Ref]*graves)
	var made []store.FileID
	defer func() {
		e.burying.Add(-int64(len(made)))
		if err != nil && !e.failed() {
			for _, id := range made {
				e.deleteFile(e.writing, id)
			}
		}
	}()
	for ref, r := range rs.of {
		old := before.of[ref]
		e.burying.Add(1)
		next, f, err := env.merged(ctx, ref, old, r)
		if f != nil {
			made = append(made, f.id)
		} else {
			e.burying.Add(-1)
		}
		if err != nil {
			return false, fmt.Errorf("bury who left %s: %w", ref, err)
		}
		if old != nil || len(next.files) > 0 || next.broken {
			changed[ref] = next
		}
	}
	env.retireGraves(before, changed)
	if rs.through == before.through && len(changed) == 0 {
		return false, nil
	}
	return rs.changes >= mostRemovals, env.replaceGraves(before, rs.through, changed)
}

// retireGraves notes which refs have ended, and lets go of the graves of those that ended long ago:
// nobody asks for a ref that is not the newest of its segment.
func (env *environment) retireGraves(before *gravesAt, changed map[segment.Ref]*graves) {
	var all map[segment.Ref]*graves
	layOver(&all, before.of)
	layOver(&all, changed)
	now, live := env.e.o.Now(), env.view.Load().refs
	for ref, g := range all {
		switch lives := live.known(ref) != nil; {
		case lives == g.retired.IsZero() && (lives || now.Sub(g.retired) <= env.e.o.PointAge):
		case !lives && !g.retired.IsZero():
			changed[ref] = nil
		default:
			next := *g
			next.retired = time.Time{}
			if !lives {
				next.retired = now
			}
			changed[ref] = &next
		}
	}
}

// replaceGraves makes changed graves durable and then known.
func (env *environment) replaceGraves(before *gravesAt, through segment.Revision, changed map[segment.Ref]*graves) error {
	e := env.e
	next := &gravesAt{through: through, of: maps.Clone(before.of)}
	rows := []store.Row{{Table: tableFollower, Key: followerKey(env.id, gravesFollower), Value: number(through)}}
	var named, unnamed []store.FileID
	for ref, g := range changed {
		rows = append(rows, g.row(refID{env.id, ref}))
		named = append(named, g.named()...)
		unnamed = append(unnamed, before.of[ref].named()...)
		if g == nil {
			delete(next.of, ref)
		} else {
			stage(&next.of, ref, g)
		}
	}
	env.commit.Lock()
	defer env.commit.Unlock()
	if e.environment(env.id) != env {
		return fmt.Errorf("bury in environment %s: %w", env.id, store.ErrNoEnvironment)
	}
	if err := e.usable(); err != nil {
		return err
	}
	if err := e.log.Write(e.writing, nil, rows); err != nil {
		return e.fail(err)
	}
	e.retain(named...)
	env.graves.Store(next)
	e.release(unnamed...)
	return nil
}

// gravesFollower is the follower of a log that keeps graves.
const gravesFollower = "graves"

// followerKey is the key of the row that says up to where a follower has come.
func followerKey(env segment.EnvID, name string) []byte { return key(string(env), name) }

// loadGraves reads the graves of all environments.
func (e *Engine) loadGraves(ctx context.Context) error {
	all := make(map[segment.EnvID]*gravesAt)
	for id := range *e.environments.Load() {
		b, ok, err := e.log.Row(ctx, tableFollower, followerKey(id, gravesFollower))
		if err != nil {
			return err
		}
		all[id] = &gravesAt{}
		if ok {
			n, err := parseNumber(b)
			if err != nil {
				return err
			}
			all[id].through = segment.Revision(n)
		}
	}
	for row, err := range e.log.Rows(ctx, tableGraves, nil, false) {
		if err != nil {
			return err
		}
		id, err := parseRefKey(row.Key)
		if err != nil {
			return err
		}
		g, err := decodeGraves(row.Value)
		if err != nil {
			if err := e.omit("graves of "+id.ref.String(), err); err != nil {
				return err
			}
			g = &graves{broken: true}
		}
		e.retain(g.named()...)
		if at := all[id.env]; at != nil {
			stage(&at.of, id.ref, g)
		}
	}
	for id, at := range all {
		e.environment(id).graves.Store(at)
	}
	return nil
}
