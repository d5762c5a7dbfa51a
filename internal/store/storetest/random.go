package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
)

// Small alphabets make operations meet each other.
var (
	contextKeys = []string{
		"ann", "bob", "cy", "dee", "eve", "fay",
		"gil", "hal", "ida", "joe", "kim", "lou", "mia", "ned", "ora", "pam", "quin", "roy", "sue", "tom", "uma",
	}
	fewContexts = contextKeys[:6]
	projectKeys = []catalog.ProjectKey{"p", "q"}
	envKeys     = []catalog.EnvKey{"production", "test"}
	segmentKeys = []segment.Key{"a", "b", "b.g1"}
	flagKeys    = []catalog.FlagKey{"f", "g"}
	allOps      = []segment.Ops{
		segment.Include, segment.Uninclude, segment.Exclude, segment.Unexclude,
		segment.Include | segment.Exclude, segment.Include | segment.Unexclude,
		segment.Uninclude | segment.Exclude, segment.Uninclude | segment.Unexclude,
	}
)

// step is a part of an update: it does the same to the engine and to the model, and says where
// the engine answers wrongly.
type step func(tx store.Tx, w *world) error

// random is a run of random operations on one machine.
type random struct {
	t         *testing.T
	m         Machine[store.Store]
	s         store.Store
	w         *world
	followers map[segment.EnvID]*follower
	// stale followers went to sleep at some revision and know nothing of what came after.
	stale   []*follower
	walkers []*walker
	sealed  map[segment.RunID]*sealedList
	held    []heldMembers
}

var errAbandoned = errors.New("caller changed its mind")

func testRandom(t *testing.T, m Machine[store.Store]) {
	r := &random{t: t, m: m, s: m.Start(t), w: newWorld(), followers: map[segment.EnvID]*follower{}, sealed: map[segment.RunID]*sealedList{}}
	rapid.Check(t, func(rt *rapid.T) {
		r.reset(rt)
		rt.Repeat(map[string]func(*rapid.T){
			"update environment":  r.updateEnvironment,
			"update members":      r.updateMembers,
			"update project":      r.updateProject,
			"update account":      r.updateAccount,
			"abandon an update":   r.abandon,
			"update many members": r.updateManyMembers,
			"open a session":      r.openSession,
			"keep a page":         r.keepPage,
			"seal a list":         r.seal,
			"keep a list":         r.keepList,
			"park":                r.park,
			"publish":             r.publish,
			"release":             r.release,
			"settle":              r.settle,
			"roll back":           r.rollBack,
			"keep a point":        r.keepPoint,
			"end a session":       r.endSession,
			"hold members":        r.hold,
			"turn":                r.turn,
			"restart": func(rt *rapid.T) {
				r.letGo(rt)
				m.Stop(t)
				r.s = m.Start(t)
			},
			"power cut": func(rt *rapid.T) {
				r.letGo(rt)
				m.Cut(t)
				r.s = m.Start(t)
			},
			"":                    func(rt *rapid.T) { r.check(rt) },
			"put a reader asleep": r.sleep,
			"wake the readers":    r.wake,
			"set out":             r.setOut,
			"wander":              r.wander,
			"arrive":              r.arrive,
		})
	})
	m.Stop(t)
}

// reset empties the store; only the audit log and the serial numbers stay.
func (r *random) reset(rt *rapid.T) {
	w := newWorld()
	w.serial, w.audit = r.w.serial+1000, r.w.audit
	_, err := r.s.Update(r.t.Context(), store.Account, func(tx store.Tx) error {
		for _, p := range tx.Projects() {
			tx.DeleteProject(p.Key)
		}
		for _, x := range tx.Tokens() {
			tx.DeleteToken(x.ID)
		}
		for _, x := range tx.Members() {
			tx.DeleteMember(x.ID)
		}
		for _, x := range tx.Roles() {
			tx.DeleteRole(x.ID)
		}
		for _, x := range tx.Webhooks() {
			tx.DeleteWebhook(x.ID)
		}
		for _, x := range tx.RelayConfigs() {
			tx.DeleteRelayConfig(x.ID)
		}
		return nil
	})
	if err != nil {
		rt.Fatalf("empty the store: %v", err)
	}
	r.w = w
	r.stale, r.walkers, r.held = nil, nil, nil
	clear(r.followers)
	r.discard()
}

// check compares everything.
func (r *random) check(rt *rapid.T) {
	compare(rt, r.t, r.s, r.w)
	for id := range r.w.envs {
		if r.followers[id] == nil {
			r.followers[id] = newFollower(id)
		}
		r.followers[id].follow(rt, r.t, r.s)
		r.followers[id].compare(rt, r.w)
	}
}

func (r *random) sleep(*rapid.T) {
	for id, fo := range r.followers {
		if r.w.envs[id] != nil && len(r.stale) < 10 {
			r.stale = append(r.stale, fo.clone())
		}
	}
}

func (r *random) wake(rt *rapid.T) {
	for _, fo := range r.stale {
		if r.w.envs[fo.env] == nil {
			continue
		}
		fo.follow(rt, r.t, r.s)
		fo.compare(rt, r.w)
	}
	r.stale = nil
}

// update runs the steps in one update and demands the right revision.
func (r *random) update(rt *rapid.T, scope store.Scope, steps []step, end error) segment.Revision {
	rt.Helper()
	var after *world
	var wrong error
	before := r.w.definitionsOf(scope.Env)
	head := r.head(rt, scope.Env)
	rev, err := r.s.Update(r.t.Context(), scope, func(tx store.Tx) error {
		after, wrong = r.w.clone(), nil
		for _, s := range steps {
			wrong = errors.Join(wrong, s(tx, after))
		}
		return end
	})
	if wrong != nil {
		rt.Fatalf("inside the update: %v", wrong)
	}
	if !errors.Is(err, end) || (err == nil) != (end == nil) {
		rt.Fatalf("update returned %v, want %v", err, end)
	}
	r.w.serial = after.serial
	if end != nil {
		return 0
	}
	changed := !sameDefinitions(before, after.definitionsOf(scope.Env)) || !after.sameMembers(r.w, scope.Env)
	now := r.head(rt, scope.Env)
	switch {
	case rev != 0 && rev != now || rev == 0 && now != head:
		rt.Fatalf("update returned revision %d, the head went from %d to %d", rev, head, now)
	case changed && rev == 0:
		rt.Fatalf("update changed what readers of the log must know, and has no revision")
	}
	r.w = after
	if e := after.envs[scope.Env]; e != nil {
		e.known(now, rev)
	}
	return rev
}

func (r *random) head(rt *rapid.T, env segment.EnvID) segment.Revision {
	if r.w.envs[env] == nil {
		return 0
	}
	head, err := r.s.Head(env)
	if err != nil {
		rt.Fatalf("head: %v", err)
	}
	return head
}

func (w *world) definitionsOf(env segment.EnvID) map[definitionKey]segment.Definition {
	if w.envs[env] == nil {
		return nil
	}
	return w.definitions(env)
}

func (w *world) sameMembers(o *world, env segment.EnvID) bool {
	if w.envs[env] == nil {
		return true
	}
	a, b := w.envs[env].members, o.envs[env].members
	for ref, set := range a {
		if len(set) != len(b[ref]) {
			return false
		}
		for h, ops := range set {
			if b[ref][h] != ops {
				return false
			}
		}
	}
	return true
}

// drawEnvironment returns one of the environments there are.
func (r *random) drawEnvironment(rt *rapid.T) segment.EnvID {
	ids := make([]segment.EnvID, 0, len(r.w.envs))
	for id := range r.w.envs {
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		rt.Skip("no environment yet")
	}
	slices.Sort(ids)
	return rapid.SampledFrom(ids).Draw(rt, "environment")
}

func (r *random) updateEnvironment(rt *rapid.T) {
	env := r.drawEnvironment(rt)
	r.update(rt, store.Scope{Env: env}, r.drawSteps(rt, env), nil)
}

func (r *random) abandon(rt *rapid.T) {
	env := r.drawEnvironment(rt)
	r.update(rt, store.Scope{Env: env}, r.drawSteps(rt, env), errAbandoned)
}

func (r *random) updateMembers(rt *rapid.T) {
	env := r.drawEnvironment(rt)
	r.update(rt, store.Scope{Env: env}, []step{r.drawApply(rt, env)}, nil)
}

func (r *random) drawSteps(rt *rapid.T, env segment.EnvID) []step {
	var steps []step
	for range rapid.IntRange(1, 5).Draw(rt, "steps") {
		key := rapid.SampledFrom(segmentKeys).Draw(rt, "segment")
		switch rapid.SampledFrom([]string{"put", "put", "apply", "apply", "apply", "delete", "run", "audit", "move"}).Draw(rt, "step") {
		case "put":
			steps = append(steps, putSegmentStep(env, key, rapid.IntRange(0, 5).Draw(rt, "variant")))
		case "move":
			steps = append(steps, moveStep(env, key))
		case "apply":
			steps = append(steps, r.drawApply(rt, env))
		case "delete":
			steps = append(steps, func(tx store.Tx, w *world) error {
				tx.DeleteSegment(env, key)
				w.deleteSegment(env, key)
				if s, ok := tx.Segment(env, key); ok {
					return fmt.Errorf("deleted segment %s is still there: %v", key, s)
				}
				return nil
			})
		case "run":
			steps = append(steps, func(tx store.Tx, w *world) error {
				run := newRun(w.next(), env, key)
				tx.Record(run)
				w.envs[env].runs = append(w.envs[env].runs, run)
				return nil
			})
		case "audit":
			steps = append(steps, auditStep)
		}
	}
	return steps
}

func auditStep(tx store.Tx, w *world) error {
	entry := newAuditEntry(w.next())
	tx.Audit(entry)
	w.audit = append(w.audit, entry)
	return nil
}

// lastVersion asks for the highest version of a definition. A deletion may have taken one.
func lastVersion(tx store.Tx, w *world, env segment.EnvID, kind segment.DefinitionKind, key string) (int, error) {
	got := tx.LastVersion(env, kind, key)
	want := w.envs[env].version[definitionKey{kind, key}]
	if got != want && (got != want+1 || want == 0) {
		return got, fmt.Errorf("last version of %s is %d, want %d", key, got, want)
	}
	return got, nil
}

// putSegmentStep creates or changes a segment. Variant 0 is one that lists its members itself, 1
// one that a tool owns.
func putSegmentStep(env segment.EnvID, key segment.Key, variant int) step {
	return func(tx store.Tx, w *world) error {
		last, err := lastVersion(tx, w, env, segment.SegmentDefinition, string(key))
		generation := tx.LastGeneration(env, key)
		if want := w.envs[env].generation[key]; generation != want {
			err = errors.Join(err, fmt.Errorf("last generation of %s is %d, want %d", key, generation, want))
		}
		s := w.envs[env].segments[key]
		if s == nil {
			s = newSegment(w.next(), env, key)
			s.Generation = generation + 1
			switch variant {
			case 0:
				s.Unbounded, s.Generation, s.Kind, s.Included = false, 0, "", []string{"ann"}
			case 1:
				s.Source = &catalog.Source{Tool: "tool", ExternalID: fmt.Sprint("x", w.next())}
			}
		} else {
			s = s.Clone()
			s.Name = fmt.Sprint("Name ", variant)
		}
		s.Version = last + 1
		tx.PutSegment(s)
		w.putSegment(s)
		if got, ok := tx.Segment(env, key); !ok || got.Version != s.Version {
			err = errors.Join(err, fmt.Errorf("the update does not see segment %s as it put it: %v", key, got))
		}
		return err
	}
}

// moveStep gives an unbounded segment its next generation, which begins empty.
func moveStep(env segment.EnvID, key segment.Key) step {
	return func(tx store.Tx, w *world) error {
		s := w.envs[env].segments[key]
		if s == nil || !s.Unbounded {
			return nil
		}
		last, err := lastVersion(tx, w, env, segment.SegmentDefinition, string(key))
		s = s.Clone()
		s.Version, s.Generation = last+1, tx.LastGeneration(env, key)+1
		s.Origin, s.Turn = 0, nil
		tx.PutSegment(s)
		w.putSegment(s)
		return err
	}
}

// drawApply stages random changes, repeated contexts included, and applies them.
func (r *random) drawApply(rt *rapid.T, env segment.EnvID) step {
	key := rapid.SampledFrom(segmentKeys).Draw(rt, "segment")
	var changes segment.Changes
	var plain []segment.Change
	for range rapid.IntRange(1, 8).Draw(rt, "changes") {
		context := rapid.SampledFrom(fewContexts).Draw(rt, "context")
		ops := rapid.SampledFrom(allOps).Draw(rt, "ops")
		if rapid.Bool().Draw(rt, "keyless") {
			changes.AppendHash(segment.HashOf(context), ops)
		} else {
			changes.Append([]byte(context), ops)
		}
		plain = append(plain, segment.Change{Hash: segment.HashOf(context), Ops: ops})
	}
	staged, err := r.s.Stage(r.t.Context(), &changes)
	if err != nil {
		rt.Fatalf("stage: %v", err)
	}
	rt.Cleanup(staged.Discard)
	return func(tx store.Tx, w *world) error {
		got, err := tx.Apply(env, key, staged)
		s := w.envs[env].segments[key]
		if s == nil || !s.Unbounded {
			if err == nil || s != nil && !errors.Is(err, store.ErrUnbounded) {
				return fmt.Errorf("apply to %s, which keeps no members here: %w", key, errors.Join(err, errors.New("want ErrUnbounded")))
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("apply to %s: %w", key, err)
		}
		set := w.envs[env].members[s.Ref()]
		w.envs[env].sent(key, plain)
		return set.apply(plain).matches(got, set.counts())
	}
}

// matches compares an effect with what the store says. A context that is added to one set and
// removed from the other counts once, as either.
func (e effect) matches(got store.Effect, counts segment.Counts) error {
	if got.Added+got.Removed != e.adds+e.drops+e.mixed || got.Added < e.adds || got.Removed < e.drops ||
		got.Unchanged != e.noops || got.Counts != counts {
		return fmt.Errorf("effect %+v, want %+v and counts %+v", got, e, counts)
	}
	return nil
}

// updateProject changes flags in the scope of a project.
func (r *random) updateProject(rt *rapid.T) {
	project := rapid.SampledFrom(projectKeys).Draw(rt, "project")
	if r.w.projects[project] == nil {
		rt.Skip("no such project yet")
	}
	key := rapid.SampledFrom(flagKeys).Draw(rt, "flag")
	on := rapid.Bool().Draw(rt, "on")
	change := rapid.SampledFrom([]string{"put", "put", "put", "archive", "delete"}).Draw(rt, "change")
	r.update(rt, store.Scope{Project: project}, []step{auditStep, func(tx store.Tx, w *world) error {
		if change == "delete" {
			tx.DeleteFlag(project, key)
			delete(w.flags[project], key)
			return nil
		}
		f := w.flags[project][key]
		if f == nil {
			f = newFlag(w.next(), project, key)
		} else {
			f = f.Clone()
			f.Version++
		}
		f.Archived = change == "archive"
		return putFlag(tx, w, f, on)
	}}, nil)
}

// putFlag puts a flag with new configurations in all environments of its project.
func putFlag(tx store.Tx, w *world, f *catalog.Flag, on bool) error {
	var err error
	clear(f.Environments)
	for id, e := range w.envs {
		if e.env.Project == f.Project {
			last, versionErr := lastVersion(tx, w, id, segment.FlagDefinition, string(f.Key))
			err = errors.Join(err, versionErr)
			f.Environments[e.env.Key] = newFlagConfig(last+1, on)
		}
	}
	tx.PutFlag(f)
	w.putFlag(f)
	if got, ok := tx.Flag(f.Project, f.Key); !ok || got.Version != f.Version {
		err = errors.Join(err, fmt.Errorf("the update does not see flag %s as it put it", f.Key))
	}
	return err
}

// updateAccount creates and deletes projects, environments, tokens, account members, roles,
// webhooks, configurations of relays and sinks.
func (r *random) updateAccount(rt *rapid.T) {
	project := rapid.SampledFrom(projectKeys).Draw(rt, "project")
	key := rapid.SampledFrom(envKeys).Draw(rt, "environment")
	change := rapid.SampledFrom([]string{"environment", "environment", "delete environment", "delete project", "token", "reset token", "member", "role", "webhook", "relay", "sink", "delete people"}).Draw(rt, "change")
	r.update(rt, store.Account, []step{func(tx store.Tx, w *world) error {
		switch change {
		case "environment":
			return putEnvironment(tx, w, project, key)
		case "delete environment":
			if e := w.find(project, key); e != nil {
				tx.DeleteEnvironment(e.ID)
				w.deleteEnvironment(e.ID)
				return putFlags(tx, w, project)
			}
		case "delete project":
			tx.DeleteProject(project)
			w.deleteProject(project)
		case "token":
			x := newToken(w.next())
			tx.PutToken(x)
			w.tokens[x.ID] = x
		case "reset token":
			for _, x := range w.tokens {
				x = x.Clone()
				x.ExpiringSecrets = []catalog.ExpiringSecret{{Hash: x.Hash, Expiry: at(w.next())}}
				x.Hash = catalog.HashSecret(fmt.Sprint("api-", w.next()))
				tx.PutToken(x)
				w.tokens[x.ID] = x
			}
		case "member":
			x := newMember(w.next())
			tx.PutMember(x)
			w.people[x.ID] = x
		case "role":
			x := newRole(w.next())
			tx.PutRole(x)
			w.roles[x.ID] = x
		case "webhook":
			x := newWebhook(w.next())
			tx.PutWebhook(x)
			w.hooks[x.ID] = x
		case "relay":
			w.putRelayConfig(tx)
		case "sink":
			if e := w.find(project, key); e != nil {
				w.putSink(tx, e)
			}
		case "delete people":
			for id := range w.people {
				tx.DeleteMember(id)
			}
			for id := range w.roles {
				tx.DeleteRole(id)
			}
			for id := range w.hooks {
				tx.DeleteWebhook(id)
			}
			for id := range w.relays {
				tx.DeleteRelayConfig(id)
			}
			for id := range w.sinks {
				tx.DeleteSink(id)
			}
			clear(w.people)
			clear(w.roles)
			clear(w.hooks)
			clear(w.relays)
			clear(w.sinks)
		}
		return nil
	}}, nil)
	for id := range r.followers {
		if r.w.envs[id] == nil {
			gone(rt, r.t, r.s, id)
			delete(r.followers, id)
		}
	}
}

func (w *world) find(project catalog.ProjectKey, key catalog.EnvKey) *catalog.Environment {
	for _, e := range w.envs {
		if e.env.Project == project && e.env.Key == key {
			return e.env
		}
	}
	return nil
}

// putEnvironment creates an environment, if need be with its project, or changes its settings.
func putEnvironment(tx store.Tx, w *world, project catalog.ProjectKey, key catalog.EnvKey) error {
	if w.projects[project] == nil {
		p := newProject(w.next(), project)
		tx.PutProject(p)
		w.projects[project] = p
	}
	e := w.find(project, key)
	if e == nil {
		e = newEnvironment(w.next(), project, key)
	} else {
		e = e.Clone()
		e.Version++
		e.SDKKey = fmt.Sprint("sdk-", w.next())
	}
	tx.PutEnvironment(e)
	w.putEnvironment(e)
	return putFlags(tx, w, project)
}

// putFlags gives all flags of a project configurations for the environments that there are now.
func putFlags(tx store.Tx, w *world, project catalog.ProjectKey) error {
	var err error
	for _, f := range w.flags[project] {
		f = f.Clone()
		f.Version++
		err = errors.Join(err, putFlag(tx, w, f, true))
	}
	return err
}

// mustUpdate runs an update that has to succeed.
func mustUpdate(t testing.TB, s store.Store, scope store.Scope, fn func(store.Tx) error) segment.Revision {
	t.Helper()
	rev, err := s.Update(t.Context(), scope, fn)
	if err != nil {
		t.Fatalf("update: %v", err)
	}
	return rev
}
