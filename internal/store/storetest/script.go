package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
)

// Script is a fixed sequence of updates of every kind, and what its caller was told about them.
// Tests of faults play it on a failing disk, open what is left, and verify that.
type Script struct {
	// Fold, if set, is called now and then with an environment. Its failure is no news to a
	// caller, so it is not looked at.
	Fold func(context.Context, segment.EnvID) error

	mu       sync.Mutex
	told     *world // what was acknowledged
	inFlight *world // what an update may have changed that was not answered or failed; nil if none
	failure  error
	played   int
}

// scriptStep is an update of a script, with changes that are staged before or without.
type scriptStep struct {
	scope   store.Scope
	changes func() *segment.Changes
	key     segment.Key
	step    step
	fold    bool
}

// scriptEnv is the first environment that the script creates.
var scriptEnv = segment.EnvID(idOf(2))

func (sc *Script) steps() []scriptStep {
	env := store.Scope{Env: scriptEnv}
	account := func(s step) scriptStep { return scriptStep{scope: store.Account, step: s} }
	inEnv := func(s step) scriptStep { return scriptStep{scope: env, step: s} }
	apply := func(key segment.Key, ops segment.Ops, from, to int) scriptStep {
		return scriptStep{scope: env, key: key, changes: func() *segment.Changes { return numbered(ops, from, to) }}
	}
	folded := func(s scriptStep) scriptStep { s.fold = true; return s }
	return []scriptStep{
		account(func(tx store.Tx, w *world) error { return putEnvironment(tx, w, "p", "production") }),
		inEnv(putSegmentStep(scriptEnv, "a", 2)),
		apply("a", segment.Include, 0, 10),
		inEnv(putSegmentStep(scriptEnv, "b", 1)),
		account(func(tx store.Tx, w *world) error { return putEnvironment(tx, w, "p", "test") }),
		folded(apply("b", segment.Include, 0, 40)),
		inEnv(func(tx store.Tx, w *world) error {
			run := newRun(w.next(), scriptEnv, "b")
			tx.Record(run)
			w.envs[scriptEnv].runs = append(w.envs[scriptEnv].runs, run)
			return auditStep(tx, w)
		}),
		apply("a", segment.Uninclude, 5, 8),
		{scope: store.Scope{Project: "p"}, step: func(tx store.Tx, w *world) error {
			return putFlag(tx, w, newFlag(w.next(), "p", "f"), true)
		}},
		folded(apply("a", segment.Include, 0, scriptMany)),
		apply("a", segment.Uninclude, 3, 6),
		inEnv(func(tx store.Tx, w *world) error {
			tx.DeleteSegment(scriptEnv, "b")
			w.deleteSegment(scriptEnv, "b")
			return nil
		}),
		inEnv(putSegmentStep(scriptEnv, "b", 3)),
		folded(apply("a", segment.Uninclude|segment.Exclude, scriptMany/2, scriptMany)),
		apply("b", segment.Exclude, 0, 3),
		account(func(tx store.Tx, w *world) error {
			x := newToken(w.next())
			tx.PutToken(x)
			w.tokens[x.ID] = x
			role := newRole(w.next())
			tx.PutRole(role)
			w.roles[role.ID] = role
			return nil
		}),
		account(func(tx store.Tx, w *world) error {
			e := w.find("p", "test")
			tx.DeleteEnvironment(e.ID)
			delete(w.envs, e.ID)
			return putFlags(tx, w, "p")
		}),
		apply("a", segment.Include, 4, 5),
	}
}

// scriptMany contexts make a roster that is too large for a value of the database.
const scriptMany = 9000

// NewScript returns a script that has not begun.
func NewScript() *Script { return &Script{told: newWorld()} }

// PlayHalf plays the next half of the script until an update fails. It reports whether none did.
func (sc *Script) PlayHalf(t *testing.T, s store.Store) bool {
	t.Helper()
	steps := sc.steps()
	end := len(steps)
	if sc.played < end/2 {
		end /= 2
	}
	for ; sc.played < end; sc.played++ {
		st := steps[sc.played]
		if st.changes != nil {
			staged, err := s.Stage(t.Context(), st.changes())
			if err != nil {
				continue // nothing was changed, and the store may go on
			}
			st.step = applyStep(st, staged)
		}
		if !sc.update(t, s, st) {
			return false
		}
		if st.fold && sc.Fold != nil {
			_ = sc.Fold(t.Context(), scriptEnv)
		}
	}
	return true
}

func applyStep(st scriptStep, staged store.Staged) step {
	return func(tx store.Tx, w *world) error {
		got, err := tx.Apply(scriptEnv, st.key, staged)
		if err != nil {
			return err
		}
		var plain []segment.Change
		sent := st.changes()
		sent.Compact()
		for c := range sent.All() {
			plain = append(plain, c)
		}
		e := w.envs[scriptEnv]
		set := e.members[segment.Ref{Key: st.key, Generation: e.generation[st.key]}]
		e.sent(st.key, plain)
		return set.apply(plain).matches(got, set.counts())
	}
}

func (sc *Script) update(t *testing.T, s store.Store, st scriptStep) bool {
	t.Helper()
	var wrong error
	_, err := s.Update(t.Context(), st.scope, func(tx store.Tx) error {
		after := sc.told.clone()
		wrong = st.step(tx, after)
		sc.mu.Lock()
		defer sc.mu.Unlock()
		sc.inFlight = after
		return wrong
	})
	if wrong != nil {
		t.Errorf("step %d: %v", sc.played, wrong)
	}
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if err != nil {
		sc.failure = fmt.Errorf("step %d: %w", sc.played, err)
		return false
	}
	sc.told, sc.inFlight = sc.inFlight, nil
	return true
}

// RequireEnd demands that all of the script was played: without a fault nothing may fail.
func (sc *Script) RequireEnd(t *testing.T) {
	t.Helper()
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if n := len(sc.steps()); sc.failure != nil || sc.played != n {
		t.Errorf("the script ended after %d of %d steps: %v", sc.played, n, sc.failure)
	}
}

// Snapshot returns what the caller has been told so far. It may be called at any moment.
func (sc *Script) Snapshot() *Script {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	return &Script{told: sc.told, inFlight: sc.inFlight, played: sc.played}
}

// Verify demands that a store holds all that was acknowledged, and an update without an answer
// whole or not at all, that its log says the same, and that it goes on.
func (sc *Script) Verify(t *testing.T, s store.Store) {
	t.Helper()
	problem := sc.differs(t, s, sc.told)
	if problem != "" && sc.inFlight != nil {
		if other := sc.differs(t, s, sc.inFlight); other != "" {
			problem += "\nand with the update that was not answered:\n" + other
		} else {
			problem = ""
		}
	}
	if problem != "" {
		t.Errorf("the store is not as acknowledged: %s", problem)
		return
	}
	mustUpdate(t, s, store.Account, func(tx store.Tx) error {
		tx.PutMember(&catalog.Member{ID: catalog.ID(idOf(9999))})
		return nil
	})
	if _, ok := s.Environment(scriptEnv); ok {
		mustUpdate(t, s, store.Scope{Env: scriptEnv}, func(tx store.Tx) error {
			last := tx.LastGeneration(scriptEnv, "fresh")
			x := newSegment(9998, scriptEnv, "fresh")
			x.Generation = last + 1
			tx.PutSegment(x)
			return nil
		})
	}
}

// differs returns how a store differs from a world, "" if it does not.
func (sc *Script) differs(t *testing.T, s store.Store, w *world) (problem string) {
	var p probe
	defer func() {
		if r := recover(); r != nil && r != any(stopProbe) {
			panic(r)
		}
		problem = string(p)
	}()
	if len(s.Projects()) != len(w.projects) {
		p.Fatalf("%d projects, want %d", len(s.Projects()), len(w.projects))
	}
	compare(&p, t, s, w)
	for id := range w.envs {
		fo := newFollower(id)
		fo.follow(&p, t, s)
		fo.compare(&p, w)
	}
	return string(p)
}

// probe collects failures instead of failing a test.
type probe string

type probeStop struct{}

var stopProbe = probeStop{}

func (p *probe) Helper() {}

func (p *probe) Errorf(format string, args ...any) {
	if len(*p) < 4000 {
		*p += probe(fmt.Sprintf(format, args...) + "\n")
	}
}

func (p *probe) Fatalf(format string, args ...any) {
	p.Errorf(format, args...)
	panic(stopProbe)
}
