package storetest

import (
	"context"
	"errors"
	"maps"
	"slices"

	"pgregory.net/rapid"

	"muster/internal/segment"
	"muster/internal/store"
)

// sealedList is a list that waits to be published, applied or kept. It does not survive a restart.
type sealedList struct {
	staged store.Staged
	list   *list
}

// heldMembers are members that somebody reads for long, and what they must hold.
type heldMembers struct {
	members store.Members
	want    memberSet
}

// letGo checks the members that are held and forgets what ends with the store.
func (r *random) letGo(rt *rapid.T) {
	for _, h := range r.held {
		compareWhole(rt, "members that were held", h.want, h.members)
	}
	r.held = nil
	r.discard()
}

func (r *random) discard() {
	for id, l := range r.sealed {
		l.staged.Discard()
		delete(r.sealed, id)
	}
}

// hold takes a snapshot of a segment, or the members of a point, to be looked at later.
func (r *random) hold(rt *rapid.T) {
	env, key := r.drawLive(rt)
	e := r.w.envs[env]
	_, set, _ := e.live(key)
	ref := e.segments[key].Ref()
	m, err := r.s.Snapshot(env, ref)
	if err != nil || m.Ref() != ref || m.Revision() != r.head(rt, env) {
		rt.Fatalf("snapshot of %s at %d: %v", ref, r.head(rt, env), err)
	}
	r.held = append(r.held, heldMembers{m, maps.Clone(set)})
	for _, p := range e.points[key] {
		if m, err := r.s.PointMembers(r.t.Context(), env, key, p.id); err == nil && len(r.held) < 20 {
			r.held = append(r.held, heldMembers{m, p.set})
		}
	}
	for i, h := range r.held[1:] {
		compareDiff(r.t.Context(), rt, h, r.held[i])
	}
}

func compareDiff(ctx context.Context, f failer, to, from heldMembers) {
	f.Helper()
	d, err := to.members.Diff(ctx, from.members)
	added, removed := differ(from.want, to.want)
	if err != nil || d.Added != added || d.Removed != removed {
		f.Fatalf("difference %+v, %v; want %d added, %d removed", d, err, added, removed)
	}
	for c, err := range to.members.Changes(ctx, from.members) {
		was, is := from.want[c.Hash], to.want[c.Hash]
		if err != nil || c.Ops == 0 || c.Ops != is&^was|(was&^is)<<1 || len(c.Key) > 0 && segment.HashOf(string(c.Key)) != c.Hash {
			f.Fatalf("change %04b of %q, %v; it is %04b and was %04b", c.Ops, c.Key, err, is, was)
		}
		if c.Ops.Settled() != 0 {
			added--
		} else {
			removed--
		}
	}
	if added != 0 || removed != 0 {
		f.Fatalf("of the changes %d are missing that add, %d that remove", added, removed)
	}
	for i, keys := range [][]string{d.AddedKeys, d.RemovedKeys} {
		if len(keys) > segment.MaxDiffSamples {
			f.Fatalf("%d samples", len(keys))
		}
		for _, key := range keys {
			h := segment.HashOf(key)
			if was, is := from.want[h], to.want[h]; was == is || i == 0 && is&^was == 0 {
				f.Fatalf("%q is a sample of what changed from %04b to %04b", key, was, is)
			}
		}
	}
}

// drawLive returns an unbounded segment.
func (r *random) drawLive(rt *rapid.T) (segment.EnvID, segment.Key) {
	type place struct {
		env segment.EnvID
		key segment.Key
	}
	var all []place
	for _, env := range slices.Sorted(maps.Keys(r.w.envs)) {
		for _, key := range segmentKeys {
			if _, _, ok := r.w.envs[env].live(key); ok {
				all = append(all, place{env, key})
			}
		}
	}
	if len(all) == 0 {
		rt.Skip("no unbounded segment yet")
	}
	p := rapid.SampledFrom(all).Draw(rt, "segment")
	return p.env, p.key
}

// drawSession returns an open session that fits.
func (r *random) drawSession(rt *rapid.T, fits func(*collecting) bool) (segment.EnvID, *collecting) {
	var envs []segment.EnvID
	var all []segment.RunID
	for _, env := range slices.Sorted(maps.Keys(r.w.envs)) {
		for _, id := range slices.Sorted(maps.Keys(r.w.envs[env].sessions)) {
			if fits(r.w.envs[env].sessions[id]) {
				envs, all = append(envs, env), append(all, id)
			}
		}
	}
	if len(all) == 0 {
		rt.Skip("no such session")
	}
	i := rapid.IntRange(0, len(all)-1).Draw(rt, "session")
	return envs[i], r.w.envs[envs[i]].sessions[all[i]]
}

// drawMany stages up to two dozen changes.
func (r *random) drawMany(rt *rapid.T) (store.Staged, []segment.Change) {
	var changes segment.Changes
	var plain []segment.Change
	from := rapid.IntRange(0, len(contextKeys)-1).Draw(rt, "from")
	ops := rapid.SampledFrom(allOps).Draw(rt, "ops")
	for i := range rapid.IntRange(1, len(contextKeys)).Draw(rt, "changes") {
		key := contextKeys[(from+i)%len(contextKeys)]
		changes.Append([]byte(key), ops)
		plain = append(plain, segment.Change{Hash: segment.HashOf(key), Ops: ops})
	}
	staged, err := r.s.Stage(r.t.Context(), &changes)
	if err != nil {
		rt.Fatalf("stage: %v", err)
	}
	rt.Cleanup(staged.Discard)
	return staged, plain
}

func (r *random) updateManyMembers(rt *rapid.T) {
	env, key := r.drawLive(rt)
	staged, plain := r.drawMany(rt)
	r.update(rt, store.Scope{Env: env}, []step{func(tx store.Tx, w *world) error {
		e := w.envs[env]
		_, set, _ := e.live(key)
		got, err := tx.Apply(env, key, staged)
		if err != nil {
			return err
		}
		e.sent(key, plain)
		return set.apply(plain).matches(got, set.counts())
	}}, nil)
}

func (r *random) openSession(rt *rapid.T) {
	env, key := r.drawLive(rt)
	if len(r.w.envs[env].sessions) > 3 {
		rt.Skip("enough sessions")
	}
	steps := []step{openStep(env, key)}
	if rapid.Bool().Draw(rt, "beside changes") {
		steps = append(steps, r.drawApply(rt, env))
	}
	r.update(rt, store.Scope{Env: env}, steps, nil)
}

func (r *random) keepPage(rt *rapid.T) {
	env, c := r.drawSession(rt, func(*collecting) bool { return true })
	staged, plain := r.drawMany(rt)
	page := rapid.IntRange(0, 2).Draw(rt, "page")
	r.update(rt, store.Scope{Env: env}, []step{detailStep(env, c.id), pageStep(env, c.id, page, staged, plain)}, nil)
}

func (r *random) park(rt *rapid.T) {
	env, c := r.drawSession(rt, func(*collecting) bool { return true })
	staged, plain := r.drawMany(rt)
	r.update(rt, store.Scope{Env: env}, []step{parkStep(env, c.id, staged, plain)}, nil)
}

// seal sorts a list for a session, and demands that it is compared exactly.
func (r *random) seal(rt *rapid.T) {
	env, c := r.drawSession(rt, func(c *collecting) bool { return r.sealed[c.id] == nil })
	e := r.w.envs[env]
	ref, now, _ := e.live(c.key)
	l := &list{
		mode:      rapid.SampledFrom([]store.LoadMode{store.LoadReplace, store.LoadReplace, store.LoadInclude, store.LoadRemove}).Draw(rt, "mode"),
		listed:    map[segment.Hash]bool{},
		exchanges: e.exchanges[ref],
	}
	load, err := r.s.Load(r.t.Context(), l.mode)
	if err != nil {
		rt.Fatalf("load: %v", err)
	}
	defer load.Discard()
	writers := []store.LoadWriter{load.Writer(), load.Writer()}
	for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(contextKeys)-1), 0, 30).Draw(rt, "list") {
		if err := writers[i%2].Append([]byte(contextKeys[i])); err != nil {
			rt.Fatalf("append: %v", err)
		}
		l.listed[segment.HashOf(contextKeys[i])] = true
		l.appended++
	}
	for _, w := range writers {
		if err := w.Close(); err != nil {
			rt.Fatalf("close writer: %v", err)
		}
	}
	m, err := r.s.Snapshot(env, e.segments[c.key].Ref())
	if err != nil {
		rt.Fatalf("snapshot: %v", err)
	}
	compared, err := load.Compare(r.t.Context(), m)
	if err != nil {
		rt.Fatalf("compare: %v", err)
	}
	r.checkOver(rt, load, m, l, now)
	staged, diff, err := load.Seal(r.t.Context(), env, c.key, c.id)
	if err != nil {
		rt.Fatalf("seal: %v", err)
	}
	want := l.diff(now)
	for _, got := range []segment.Diff{compared, diff} {
		if got.Added != want.Added || got.Removed != want.Removed || got.Unchanged != want.Unchanged {
			rt.Fatalf("the list differs by %+v, want %+v", got, want)
		}
	}
	r.sealed[c.id] = &sealedList{staged, l}
}

// checkOver compares what a list would make of members, and each change that this is, with the map model.
func (r *random) checkOver(rt *rapid.T, load store.Load, m store.Members, l *list, now memberSet) {
	over, err := load.Over(r.t.Context(), m)
	if err != nil {
		rt.Fatalf("lay the list over the members: %v", err)
	}
	after := maps.Clone(now)
	if l.mode == store.LoadReplace {
		after = l.over(now, nil)
	} else {
		after.apply(l.changes())
	}
	if got := over.Counts(); got != after.counts() {
		rt.Fatalf("the list over the members counts %+v, want %+v", got, after.counts())
	}
	turned := maps.Clone(now)
	for ch, err := range over.Changes(r.t.Context(), m) {
		if err != nil {
			rt.Fatalf("changes of the list: %v", err)
		}
		turned.apply([]segment.Change{ch})
		if ch.Ops.Settled() != 0 && len(ch.Key) == 0 {
			rt.Fatalf("who would join has no key: %+v", ch)
		}
	}
	if !maps.Equal(turned, after) {
		rt.Fatalf("the changes of the list make %v of %v, want %v", turned, now, after)
	}
}

func (r *random) keepList(rt *rapid.T) {
	env, c := r.drawSession(rt, func(c *collecting) bool { return r.sealed[c.id] != nil })
	l := r.sealed[c.id]
	r.update(rt, store.Scope{Env: env}, []step{keepStep(env, c.id, l.staged, l.list)}, nil)
	delete(r.sealed, c.id)
}

// publish publishes a sealed list of everybody, or applies another one, and ends its session.
func (r *random) publish(rt *rapid.T) {
	env, c := r.drawSession(rt, func(c *collecting) bool { return r.sealed[c.id] != nil })
	l := r.sealed[c.id]
	if l.list.mode != store.LoadReplace {
		r.update(rt, store.Scope{Env: env}, []step{applyListStep(env, c, l), closeStep(env, c.id)}, nil)
	} else {
		var out exchanged
		rev := r.update(rt, store.Scope{Env: env}, []step{publishStep(env, c.id, l.staged, l.list, segment.PointReplace, &out), auditStep}, nil)
		r.counted(rt, env, rev, out)
	}
	l.staged.Discard()
	delete(r.sealed, c.id)
}

func applyListStep(env segment.EnvID, c *collecting, l *sealedList) step {
	return func(tx store.Tx, w *world) error {
		e := w.envs[env]
		_, set, _ := e.live(c.key)
		got, err := tx.Apply(env, c.key, l.staged)
		if err != nil {
			return err
		}
		e.sent(c.key, l.list.changes())
		did := set.apply(l.list.changes())
		did.noops += l.list.appended - len(l.list.listed)
		return did.matches(got, set.counts())
	}
}

// release publishes the kept list of a session.
func (r *random) release(rt *rapid.T) {
	env, c := r.drawSession(rt, func(c *collecting) bool { return c.kept != nil })
	var out exchanged
	rev := r.update(rt, store.Scope{Env: env}, []step{publishStep(env, c.id, nil, nil, segment.PointRelease, &out)}, nil)
	r.counted(rt, env, rev, out)
}

func (r *random) settle(rt *rapid.T) {
	env, c := r.drawSession(rt, func(c *collecting) bool { return c.kept == nil || c.kept.mode != store.LoadReplace })
	var out exchanged
	rev := r.update(rt, store.Scope{Env: env}, []step{settleStep(env, c.id, &out)}, nil)
	r.counted(rt, env, rev, out)
}

func (r *random) rollBack(rt *rapid.T) {
	env, key := r.drawLive(rt)
	points := r.w.envs[env].points[key]
	if len(points) == 0 {
		rt.Skip("no point yet")
	}
	var out exchanged
	p := rapid.SampledFrom(points).Draw(rt, "point")
	rev := r.update(rt, store.Scope{Env: env}, []step{rollbackStep(env, key, p, "", &out)}, nil)
	r.counted(rt, env, rev, out)
}

func (r *random) keepPoint(rt *rapid.T) {
	env, key := r.drawLive(rt)
	points := r.w.envs[env].points[key]
	if len(points) == 0 {
		rt.Skip("no point yet")
	}
	p := rapid.SampledFrom(points).Draw(rt, "point")
	r.update(rt, store.Scope{Env: env}, []step{keepPointStep(env, key, p, rapid.Bool().Draw(rt, "kept"))}, nil)
}

// counted demands the exact count of an exchange of members.
func (r *random) counted(rt *rapid.T, env segment.EnvID, rev segment.Revision, out exchanged) {
	if !out.done {
		return
	}
	d, err := r.s.Counted(r.t.Context(), env, out.ref, rev)
	if errors.Is(err, store.ErrTrimmed) {
		return // the log of this test is trimmed all the time
	}
	if added, removed := differ(out.before, out.after); err != nil || d.Added != added || d.Removed != removed {
		rt.Fatalf("counted %+v, %v; want %d added, %d removed", d, err, added, removed)
	}
}

func (r *random) endSession(rt *rapid.T) {
	env, c := r.drawSession(rt, func(*collecting) bool { return true })
	r.update(rt, store.Scope{Env: env}, []step{closeStep(env, c.id)}, nil)
}
