package engine

import (
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
	inline int   // changes that were applied from memory
	err    error // the first thing that was staged although it can't be

	opened     []*session
	points     []*point
	kept       map[pointID]*point // that somebody keeps or lets go of
	left       map[refID]*point   // what refs that end leave; absent when nobody was there
	records    []record           // for journals
	rows       []store.Row        // that need nothing of the rest
	named      []store.FileID     // by these
	unnamed    []store.FileID
	remembered map[string][]segment.RunID // by idempotency key
	touched    map[segmentID]bool         // segments whose members or sessions it changes
	last       bool                       // no other update may follow in the step
	postponed  bool                       // it has to be the first of a step
}

func (s *step) begin(scope store.Scope) *tx {
	own := &overlay{}
	return &tx{
		reading: reading{objects: s.e.objects, overs: []*overlay{own, s.over}},
		step:    s, scope: scope, over: own,
	}
}

// fail remembers why the write can't be committed.
func (t *tx) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

// reaches reports whether the scope covers an environment.
func (t *tx) reaches(env segment.EnvID) bool {
	switch {
	case t.scope.Env != "":
		return env == t.scope.Env
	case t.scope.Project == "":
		return true
	default:
		v, ok := t.Environment(env)
		return ok && v.Project == t.scope.Project
	}
}

// check fails the write unless its scope covers what is named.
func (t *tx) check(env segment.EnvID, what string) bool {
	if t.reaches(env) {
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
	for _, s := range t.Sinks() {
		if s.Env == id {
			stage(&t.over.sinks, s.ID, nil)
		}
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
	if !t.check(v.Env, "segment") {
		return
	}
	if _, ok := t.Environment(v.Env); !ok {
		t.fail(fmt.Errorf("put segment %s in environment %s: %w", v.Key, v.Env, store.ErrNoEnvironment))
		return
	}
	id := segmentID{v.Env, v.Key}
	old, _ := t.Segment(v.Env, v.Key)
	stays := old != nil && old.InEngine() && v.InEngine() && old.Home() == v.Home()
	if stays {
		t.turn(old, v)
	} else if v.InEngine() {
		t.openRef(old, v)
	}
	if !stays && old != nil && old.InEngine() {
		t.retire(id, old.Home())
	}
	if newest := slices.MaxFunc(v.Refs(), compareRefs).Generation; newest > t.lastGeneration(id) {
		stage(&t.over.generations, id, newest)
	}
	if v.Source != nil {
		stage(&t.over.sources, sourceOf(v), v.Key)
	}
	t.raise(segmentVersion(v.Env, v.Key), v.Version)
	stage(&t.over.segments, id, v)
}

// openRef starts the membership of a ref that is new, and refuses one that ever was.
func (t *tx) openRef(old, v *catalog.Segment) {
	id := refID{v.Env, v.Home()}
	if t.membership(id) != nil {
		return
	}
	sameRef := old != nil && !old.InEngine() && old.Generation == v.Generation
	if v.Home() != v.Ref() || v.Turn != nil || v.Generation == 0 || v.Generation <= t.lastGeneration(segmentID{v.Env, v.Key}) && !sameRef {
		t.fail(fmt.Errorf("segment %s of environment %s can't begin at generation %d: generations start at 1 and are never reused", v.Key, v.Env, v.Generation))
		return
	}
	stage(&t.over.memberships, id, newMembership(v.Env, v.Home()))
}

func (t *tx) DeleteSegment(env segment.EnvID, k segment.Key) {
	old, ok := t.Segment(env, k)
	if !ok || !t.check(env, "segment") {
		return
	}
	if old.InEngine() {
		t.retire(segmentID{env, k}, old.Home())
	}
	t.letGo(segmentID{env, k})
	t.raise(segmentVersion(env, k), t.lastVersion(segmentVersion(env, k))+1)
	stage(&t.over.segments, segmentID{env, k}, nil)
}

// retire ends the membership of a ref. It stays as a point, and readers of the log are told that
// everybody left.
func (t *tx) retire(id segmentID, ref segment.Ref) {
	if t.step.touched[id] { // what earlier updates of the step did is in no point yet
		_ = t.postpone()
		return
	}
	m := t.step.e.membership(refID{id.env, ref})
	if m != nil && m == t.membership(refID{id.env, ref}) {
		p, err := t.retired(m, store.Publication{Reason: segment.PointDelete})
		if err != nil {
			t.fail(err)
			return
		}
		if p != nil {
			t.points = append(t.points, p)
			stage(&t.left, refID{id.env, ref}, p)
		}
	}
	t.endSessions(id)
	t.concern(id)
	t.last = true
	stage(&t.over.memberships, refID{id.env, ref}, nil)
}

// endSessions closes the sessions of a membership that ends.
func (t *tx) endSessions(id segmentID) {
	for _, s := range t.sessionsOf(id) {
		t.CloseSession(id.env, id.key, s.ID)
	}
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

func (t *tx) DeleteMember(id catalog.ID) {
	if _, ok := t.Member(id); ok && t.checkWide("", "account member") {
		stage(&t.over.members, id, nil)
	}
}

func (t *tx) PutRole(v *catalog.Role) {
	if t.checkWide("", "custom role") {
		stage(&t.over.roles, v.ID, v)
	}
}

func (t *tx) DeleteRole(id catalog.ID) {
	if _, ok := t.Role(id); ok && t.checkWide("", "custom role") {
		stage(&t.over.roles, id, nil)
	}
}

func (t *tx) PutRelayConfig(v *catalog.RelayConfig) {
	if t.checkWide("", "relay configuration") {
		stage(&t.over.relayConfigs, v.ID, v)
	}
}

func (t *tx) DeleteRelayConfig(id catalog.ID) {
	if _, ok := t.RelayConfig(id); ok && t.checkWide("", "relay configuration") {
		stage(&t.over.relayConfigs, id, nil)
	}
}

func (t *tx) PutSink(v *catalog.Sink) {
	if !t.checkWide("", "sink") {
		return
	}
	if _, ok := t.Environment(v.Env); !ok {
		t.fail(fmt.Errorf("put sink %s in environment %s: %w", v.ID, v.Env, store.ErrNoEnvironment))
		return
	}
	stage(&t.over.sinks, v.ID, v)
}

func (t *tx) DeleteSink(id catalog.ID) {
	if _, ok := t.Sink(id); ok && t.checkWide("", "sink") {
		stage(&t.over.sinks, id, nil)
	}
}

func (t *tx) Record(r segment.Run) {
	if t.check(r.Env, "run") {
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
