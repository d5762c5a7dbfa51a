package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/segment"
	"muster/internal/store"
)

// tx is one run of a write's function. It implements [store.Tx] over what the step that it belongs
// to has gathered so far.
type tx struct {
	reading
	step   *step
	scope  store.Scope
	over   *overlay
	deltas map[*membership]*delta
	runs   []segment.Run
	audit  []catalog.AuditEntry
	files  []*staged
	err    error // the first thing that was staged although it can't be
}

func (s *step) begin(scope store.Scope) *tx {
	own := &overlay{}
	return &tx{
		reading: reading{objects: s.e.reading.objects, overs: []*overlay{own, s.over}},
		step:    s, scope: scope, over: own,
	}
}

// fail remembers why the write can't be committed.
func (t *tx) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

// reaches reports whether the scope covers an environment of a project, or everything when both
// are empty. An environment alone is enough in a scope that is one.
func (t *tx) reaches(project catalog.ProjectKey, env segment.EnvID) bool {
	switch {
	case t.scope.Env != "":
		return env == t.scope.Env
	case t.scope.Project == "":
		return true
	case env != "" && project == "":
		v, ok := t.Environment(env)
		return ok && v.Project == t.scope.Project
	default:
		return project == t.scope.Project
	}
}

// check fails the write unless its scope covers what is named.
func (t *tx) check(project catalog.ProjectKey, env segment.EnvID, what string) bool {
	if t.reaches(project, env) {
		return true
	}
	t.fail(fmt.Errorf("change %s in scope %+v: %w", what, t.scope, store.ErrScope))
	return false
}

// checkWide is check for what a write of one environment never may change.
func (t *tx) checkWide(project catalog.ProjectKey, what string) bool {
	if t.scope.Env == "" && (t.scope.Project == "" || t.scope.Project == project) {
		return true
	}
	t.fail(fmt.Errorf("change %s in scope %+v: %w", what, t.scope, store.ErrScope))
	return false
}

func (t *tx) PutProject(p *catalog.Project) {
	if t.checkWide(p.Key, "project") {
		stage(&t.over.projects, p.Key, p)
	}
}

func (t *tx) DeleteProject(k catalog.ProjectKey) {
	if !t.checkWide(k, "project") {
		return
	}
	for _, env := range t.Environments(k) {
		t.DeleteEnvironment(env.ID)
	}
	for _, f := range t.Flags(k) {
		t.DeleteFlag(k, f.Key)
	}
	if _, ok := t.Project(k); ok {
		stage(&t.over.projects, k, nil)
	}
}

func (t *tx) PutEnvironment(v *catalog.Environment) {
	if !t.checkWide(v.Project, "environment") {
		return
	}
	if old, ok := t.over.environments[v.ID]; ok && old == nil {
		t.fail(fmt.Errorf("environment %s is deleted and created in one write", v.ID))
		return
	}
	if t.step.e.dropping(v.ID) {
		t.fail(fault.Unavailablef("the environment that had the client-side ID %s is still being deleted; try again", v.ID))
		return
	}
	stage(&t.over.environments, v.ID, v)
}

func (t *tx) DeleteEnvironment(id segment.EnvID) {
	v, ok := t.Environment(id)
	if !ok || !t.checkWide(v.Project, "environment") {
		return
	}
	for _, s := range t.Segments(id) {
		stage(&t.over.segments, segmentID{id, s.Key}, nil)
	}
	stage(&t.over.environments, id, nil)
}

func (t *tx) PutFlag(f *catalog.Flag) {
	if !t.checkWide(f.Project, "flag") {
		return
	}
	for _, env := range t.Environments(f.Project) {
		if c := f.Environments[env.Key]; c != nil {
			t.raise(flagVersion(env.ID, f.Key), c.Version)
		}
	}
	stage(&t.over.flags, flagID{f.Project, f.Key}, f)
}

func (t *tx) DeleteFlag(project catalog.ProjectKey, k catalog.FlagKey) {
	if _, ok := t.Flag(project, k); !ok || !t.checkWide(project, "flag") {
		return
	}
	for _, env := range t.Environments(project) {
		if last := t.lastVersion(flagVersion(env.ID, k)); last > 0 {
			t.raise(flagVersion(env.ID, k), last+1)
		}
	}
	stage(&t.over.flags, flagID{project, k}, nil)
}

func flagVersion(env segment.EnvID, k catalog.FlagKey) versionID {
	return versionID{env, definitionID{segment.FlagDefinition, string(k)}}
}

func segmentVersion(env segment.EnvID, k segment.Key) versionID {
	return versionID{env, definitionID{segment.SegmentDefinition, string(k)}}
}

// raise sets the last version of a definition unless it is higher already.
func (t *tx) raise(id versionID, n int) {
	if n > t.lastVersion(id) {
		stage(&t.over.versions, id, n)
	}
}

func (t *tx) PutSegment(v *catalog.Segment) {
	if !t.check("", v.Env, "segment") {
		return
	}
	if _, ok := t.Environment(v.Env); !ok {
		t.fail(fmt.Errorf("put segment %s in environment %s: %w", v.Key, v.Env, store.ErrNoEnvironment))
		return
	}
	id := segmentID{v.Env, v.Key}
	old, _ := t.Segment(v.Env, v.Key)
	if v.Unbounded {
		t.openRef(old, v)
	}
	if old != nil && old.Unbounded && (!v.Unbounded || old.Generation != v.Generation) {
		stage(&t.over.memberships, refID{old.Env, old.Ref()}, nil)
	}
	if v.Generation > t.lastGeneration(id) {
		stage(&t.over.generations, id, v.Generation)
	}
	if v.Source != nil {
		stage(&t.over.sources, sourceOf(v), v.Key)
	}
	t.raise(segmentVersion(v.Env, v.Key), v.Version)
	stage(&t.over.segments, id, v)
}

// openRef starts the membership of a ref that is new, and refuses one that ever was.
func (t *tx) openRef(old, v *catalog.Segment) {
	id := refID{v.Env, v.Ref()}
	if t.membership(id) != nil {
		return
	}
	sameRef := old != nil && !old.Unbounded && old.Generation == v.Generation
	if v.Generation == 0 || v.Generation <= t.lastGeneration(segmentID{v.Env, v.Key}) && !sameRef {
		t.fail(fmt.Errorf("segment %s of environment %s can't begin at generation %d: generations start at 1 and are never reused", v.Key, v.Env, v.Generation))
		return
	}
	stage(&t.over.memberships, id, newMembership(v.Env, v.Ref()))
}

func (t *tx) DeleteSegment(env segment.EnvID, k segment.Key) {
	old, ok := t.Segment(env, k)
	if !ok || !t.check("", env, "segment") {
		return
	}
	if old.Unbounded {
		stage(&t.over.memberships, refID{env, old.Ref()}, nil)
	}
	t.raise(segmentVersion(env, k), t.lastVersion(segmentVersion(env, k))+1)
	stage(&t.over.segments, segmentID{env, k}, nil)
}

func (t *tx) PutToken(v *catalog.Token) {
	if t.checkWide("", "token") {
		stage(&t.over.tokens, v.ID, v)
	}
}

func (t *tx) DeleteToken(id catalog.ID) {
	if _, ok := t.Token(id); ok && t.checkWide("", "token") {
		stage(&t.over.tokens, id, nil)
	}
}

func (t *tx) PutMember(v *catalog.Member) {
	if t.checkWide("", "account member") {
		stage(&t.over.members, v.ID, v)
	}
}

func (t *tx) Record(r segment.Run) {
	if t.check("", r.Env, "run") {
		t.runs = append(t.runs, r)
	}
}

func (t *tx) Audit(a catalog.AuditEntry) { t.audit = append(t.audit, a) }

func (t *tx) LastVersion(env segment.EnvID, kind segment.DefinitionKind, k string) int {
	return t.lastVersion(versionID{env, definitionID{kind, k}})
}

func (t *tx) LastGeneration(env segment.EnvID, k segment.Key) segment.Generation {
	return t.lastGeneration(segmentID{env, k})
}

// membership returns the membership of a ref as this write sees it, nil if there is none.
func (t *tx) membership(id refID) *membership {
	if m, ok := lookUp(&t.reading, inMemberships, id); ok {
		return m
	}
	return t.step.e.membership(id)
}

// Apply changes the members of a segment.
func (t *tx) Apply(env segment.EnvID, k segment.Key, s store.Staged) (store.Effect, error) {
	if !t.check("", env, "members") {
		return store.Effect{}, t.err
	}
	st, ok := s.(*staged)
	if !ok || st.e != t.step.e {
		return store.Effect{}, errors.New("changes were staged by another store")
	}
	seg, ok := t.Segment(env, k)
	if !ok || !seg.Unbounded {
		return store.Effect{}, fmt.Errorf("apply changes to segment %s of environment %s: %w", k, env, store.ErrUnbounded)
	}
	m := t.membership(refID{env, seg.Ref()})
	if m == nil {
		return store.Effect{}, fmt.Errorf("apply changes to %s of environment %s: no membership", seg.Ref(), env)
	}
	if st.file != nil {
		return t.applyFile(m, st)
	}
	return t.applyChanges(m, st)
}

// now returns the settled state of a context as this write sees it.
func (t *tx) now(m *membership, own *delta, sd *standing, h *segment.Hash) (segment.Ops, error) {
	var ops segment.Ops
	if own != nil {
		ops = own.find(h)
	}
	if sd != nil {
		for i := range sd.layers {
			if l := &sd.layers[i]; l.table != nil {
				ops = ops.Over(l.table.find(h))
			} else if found, _, err := l.file.find(h); err != nil {
				return 0, err
			} else {
				ops = ops.Over(found)
			}
		}
	}
	below, err := m.state(h)
	return ops.Over(below).Settled(), err
}

func (d *delta) find(h *segment.Hash) segment.Ops {
	i, ok := slices.BinarySearchFunc(d.hashes, *h, compareHashes)
	if !ok {
		return 0
	}
	return d.ops[i]
}

// counts returns the size of a membership as this write sees it.
func (t *tx) counts(m *membership, sd *standing) segment.Counts {
	if d := t.deltas[m]; d != nil {
		return d.counts
	}
	if sd != nil {
		return sd.counts
	}
	return *m.counts.Load()
}

// count adds the effective change of one context to an effect.
func count(e *store.Effect, effective segment.Ops) {
	switch {
	case effective&(segment.Include|segment.Exclude) != 0:
		e.Added++
	case effective != 0:
		e.Removed++
	default:
		e.Unchanged++
	}
	e.Counts = e.Counts.Add(effective)
}

func (t *tx) applyChanges(m *membership, st *staged) (store.Effect, error) {
	sd := t.step.settled(m)
	own := t.deltas[m]
	if own != nil && own.file != nil {
		return store.Effect{}, fmt.Errorf("apply changes to %s: a staged file must be the only change of its segment in a write", m.ref)
	}
	if limit := t.step.e.o.MaxPending; t.step.e.pendingChanges.Load() > int64(limit) {
		return store.Effect{}, fault.Unavailablef("more than %d changes wait to be written into files; try again later", limit)
	}
	before := t.counts(m, sd)
	effect := store.Effect{Counts: before}
	d := &delta{ref: m.ref, m: m}
	for c, err := range st.all() {
		if err != nil {
			return store.Effect{}, err
		}
		now, err := t.now(m, own, sd, &c.Hash)
		if err != nil {
			return store.Effect{}, err
		}
		effective := c.Ops.Effective(now)
		count(&effect, effective)
		if effective != 0 {
			d.add(c.Hash, effective, c.Key)
		}
	}
	effect.Unchanged += st.n - effect.Added - effect.Removed - effect.Unchanged
	d.change = minus(effect.Counts, before)
	d.counts = effect.Counts
	d.keys = bytes.Clone(d.keys) // kept for long, so without room to grow
	if own != nil {
		d = merge(d, own)
	}
	if len(d.hashes) > 0 {
		stage(&t.deltas, m, d)
	}
	return effect, nil
}

func minus(a, b segment.Counts) segment.Counts {
	return segment.Counts{Included: a.Included - b.Included, Excluded: a.Excluded - b.Excluded}
}

func plus(a, b segment.Counts) segment.Counts {
	return segment.Counts{Included: a.Included + b.Included, Excluded: a.Excluded + b.Excluded}
}

// add appends a change, which must be greater than those before.
func (d *delta) add(h segment.Hash, ops segment.Ops, k []byte) {
	d.hashes = append(d.hashes, h)
	d.ops = append(d.ops, ops)
	d.offs = append(d.offs, uint32(len(d.keys)))
	d.keys = binary.AppendUvarint(d.keys, uint64(len(k)))
	d.keys = append(d.keys, k...)
}

// merge lays a delta over an older one of the same write.
func merge(newer, older *delta) *delta {
	d := &delta{ref: newer.ref, m: newer.m, change: plus(older.change, newer.change), counts: newer.counts}
	i, j := 0, 0
	for i < len(newer.hashes) || j < len(older.hashes) {
		order := 0
		switch {
		case i == len(newer.hashes):
			order = 1
		case j == len(older.hashes):
			order = -1
		default:
			order = compareHashes(newer.hashes[i], older.hashes[j])
		}
		switch {
		case order < 0:
			d.add(newer.hashes[i], newer.ops[i], keyAt(newer.keys, newer.offs[i]))
			i++
		case order > 0:
			d.add(older.hashes[j], older.ops[j], keyAt(older.keys, older.offs[j]))
			j++
		default:
			k := keyAt(newer.keys, newer.offs[i])
			if len(k) == 0 {
				k = keyAt(older.keys, older.offs[j])
			}
			d.add(newer.hashes[i], newer.ops[i].Over(older.ops[j]), k)
			i++
			j++
		}
	}
	return d
}

func (t *tx) applyFile(m *membership, st *staged) (store.Effect, error) {
	if st.state.Load() != stagedFree {
		return store.Effect{}, errors.New("staged changes were used before")
	}
	if t.deltas[m] != nil {
		return store.Effect{}, fmt.Errorf("apply changes to %s: a staged file must be the only change of its segment in a write", m.ref)
	}
	sd := t.step.settled(m)
	before := t.counts(m, sd)
	effect := store.Effect{Counts: before}
	for c, err := range st.file.all() {
		if err != nil {
			return store.Effect{}, err
		}
		now, err := t.now(m, nil, sd, &c.Hash)
		if err != nil {
			return store.Effect{}, err
		}
		count(&effect, c.Ops.Effective(now))
	}
	effect.Unchanged += st.n - effect.Added - effect.Removed - effect.Unchanged
	if effect.Added+effect.Removed == 0 {
		return effect, nil
	}
	t.files = append(t.files, st)
	stage(&t.deltas, m, &delta{
		ref: m.ref, m: m, change: minus(effect.Counts, before), counts: effect.Counts,
		file: &fileDelta{id: st.file.id, n: st.file.roster.Len(), open: st.file},
	})
	return effect, nil
}
