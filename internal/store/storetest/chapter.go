package storetest

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"testing"

	"muster/internal/segment"
	"muster/internal/store"
)

// chapter is a script that is played on what its preparation leaves.
type chapter struct {
	name          string
	before, steps []scriptStep
	trims         bool // entries of the log may be gone
}

// scriptStep does one thing and reports whether the script can go on. Without do it is a restart.
type scriptStep struct {
	name string
	do   func(*player) bool
}

// player plays a script on a store.
type player struct {
	sc *Script
	t  *testing.T
	s  store.Store
}

var restart = scriptStep{name: "restart"}

// update runs a step in one write.
func (p *player) update(scope store.Scope, st step) (segment.Revision, bool) {
	p.t.Helper()
	sc := p.sc
	var wrong error
	rev, err := p.s.Update(p.t.Context(), scope, func(tx store.Tx) error {
		after := sc.told.clone()
		wrong = st(tx, after)
		sc.mu.Lock()
		defer sc.mu.Unlock()
		sc.inFlight = after
		return wrong
	})
	if wrong != nil && sc.Injected != nil && sc.Injected(wrong) {
		sc.mu.Lock()
		defer sc.mu.Unlock()
		sc.inFlight = nil
		return 0, true // nothing was changed, and the store may go on
	}
	if wrong != nil {
		p.t.Errorf("%s, %q: %v", sc.chapter.name, sc.Step(), wrong)
	}
	if err != nil {
		p.end(err)
		return 0, false
	}
	p.acknowledge(scope.Env, rev)
	return rev, true
}

// acknowledge takes what is in flight as told.
func (p *player) acknowledge(env segment.EnvID, rev segment.Revision) {
	sc := p.sc
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.told, sc.inFlight = sc.inFlight, nil
	if e := sc.told.envs[env]; e != nil {
		head, err := p.s.Head(env)
		if err != nil {
			p.t.Errorf("head: %v", err)
		}
		e.known(head, rev)
	}
}

// end ends the script with the write that is in flight.
func (p *player) end(err error) {
	p.sc.mu.Lock()
	defer p.sc.mu.Unlock()
	p.sc.failure = fmt.Errorf("step %d: %w", p.sc.played, err)
}

// stage stages changes; false if that failed, so that nothing was changed and the store may go on.
func (p *player) stage(ops segment.Ops, from, to int) (store.Staged, []segment.Change, bool) {
	var changes segment.Changes
	var plain []segment.Change
	for i := from; i < to; i++ {
		changes.Append([]byte(scriptKey(i)), ops)
		plain = append(plain, segment.Change{Hash: segment.HashOf(scriptKey(i)), Ops: ops})
	}
	staged, err := p.s.Stage(p.t.Context(), &changes)
	return staged, plain, err == nil
}

// seal loads and seals a list for a session.
func (p *player) seal(id segment.RunID, mode store.LoadMode, from, to int) (store.Staged, *list, bool) {
	e := p.sc.told.envs[scriptEnv]
	ref, _, _ := e.live(scriptSegment)
	l := &list{mode: mode, listed: map[segment.Hash]bool{}, appended: to - from, exchanges: e.exchanges[ref]}
	load, err := p.s.Load(p.t.Context(), mode)
	if err != nil {
		return nil, nil, false
	}
	defer load.Discard()
	w := load.Writer()
	for i := from; i < to; i++ {
		if w.Append([]byte(scriptKey(i))) != nil {
			return nil, nil, false
		}
		l.listed[segment.HashOf(scriptKey(i))] = true
	}
	if w.Close() != nil {
		return nil, nil, false
	}
	staged, _, err := load.Seal(p.t.Context(), scriptEnv, scriptSegment, id)
	return staged, l, err == nil
}

// session returns the newest open session as told, "" if there is none.
func (p *player) session() (id segment.RunID) {
	newest := 0
	for _, c := range p.sc.told.envs[scriptEnv].sessions {
		if c.key == scriptSegment && c.began > newest {
			id, newest = c.id, c.began
		}
	}
	return id
}

// learn fills in the names of points.
func (p *player) learn() {
	got, err := p.s.Points(scriptEnv, scriptSegment)
	if err != nil {
		return
	}
	p.sc.mu.Lock()
	defer p.sc.mu.Unlock()
	all := p.sc.told.envs[scriptEnv].points[scriptSegment]
	for i, g := range got {
		if n := len(all) - 1 - i; n >= 0 && all[n].id == "" {
			all[n].id = g.ID
		}
	}
}

// The steps.

func inEnv(name string, s step) scriptStep {
	return scriptStep{name, func(p *player) bool { _, ok := p.update(store.Scope{Env: scriptEnv}, s); return ok }}
}

func inAccount(name string, s step) scriptStep {
	return scriptStep{name, func(p *player) bool { _, ok := p.update(store.Account, s); return ok }}
}

func apply(key segment.Key, ops segment.Ops, from, to int) scriptStep {
	return scriptStep{fmt.Sprintf("apply %04b of %d to %s", ops, to-from, key), func(p *player) bool {
		staged, plain, ok := p.stage(ops, from, to)
		if !ok {
			return true
		}
		_, ok = p.update(store.Scope{Env: scriptEnv}, func(tx store.Tx, w *world) error {
			got, err := tx.Apply(scriptEnv, key, staged)
			if err != nil {
				return err
			}
			e := w.envs[scriptEnv]
			_, set, _ := e.live(key)
			e.sent(key, plain)
			return set.apply(plain).matches(got, set.counts())
		})
		return ok
	}}
}

var open = inEnv("open a session", openStep(scriptEnv, scriptSegment))

// ofSession is a step about the newest session, which begins with work outside the write.
func ofSession(name string, do func(*player, segment.RunID) (step, bool)) scriptStep {
	return scriptStep{name, func(p *player) bool {
		id := p.session()
		if id == "" {
			return true
		}
		st, ok := do(p, id)
		if !ok {
			return true
		}
		_, ok = p.update(store.Scope{Env: scriptEnv}, st)
		return ok
	}}
}

func page(n, from, to int) scriptStep {
	return ofSession(fmt.Sprint("keep page ", n), func(p *player, id segment.RunID) (step, bool) {
		staged, plain, ok := p.stage(segment.Include, from, to)
		return both(detailStep(scriptEnv, id), pageStep(scriptEnv, id, n, staged, plain)), ok
	})
}

func park(ops segment.Ops, from, to int) scriptStep {
	return ofSession("park", func(p *player, id segment.RunID) (step, bool) {
		staged, plain, ok := p.stage(ops, from, to)
		return parkStep(scriptEnv, id, staged, plain), ok
	})
}

func keep(mode store.LoadMode, from, to int) scriptStep {
	return ofSession("keep a list", func(p *player, id segment.RunID) (step, bool) {
		staged, l, ok := p.seal(id, mode, from, to)
		return keepStep(scriptEnv, id, staged, l), ok
	})
}

var discard = ofSession("discard the session", func(_ *player, id segment.RunID) (step, bool) {
	return closeStep(scriptEnv, id), true
})

func both(a, b step) step {
	return func(tx store.Tx, w *world) error { return errors.Join(a(tx, w), b(tx, w)) }
}

// exchanges is a step that exchanges the members.
func exchanges(name string, do func(*player, *exchanged) (step, bool)) scriptStep {
	return scriptStep{name, func(p *player) bool {
		var out exchanged
		st, ok := do(p, &out)
		if !ok {
			return true
		}
		rev, ok := p.update(store.Scope{Env: scriptEnv}, both(st, runStep(scriptSegment)))
		if ok && out.done {
			p.sc.mu.Lock()
			p.sc.counts = counting{out.ref, rev}
			p.sc.mu.Unlock()
		}
		return ok
	}}
}

func runStep(key segment.Key) step {
	return func(tx store.Tx, w *world) error {
		run := newRun(w.next(), scriptEnv, key)
		tx.Record(run)
		w.envs[scriptEnv].runs = append(w.envs[scriptEnv].runs, run)
		return nil
	}
}

func publish(from, to int) scriptStep {
	return exchanges("publish", func(p *player, out *exchanged) (step, bool) {
		id := p.session()
		if id == "" {
			return nil, false
		}
		staged, l, ok := p.seal(id, store.LoadReplace, from, to)
		return publishStep(scriptEnv, id, staged, l, segment.PointReplace, out), ok
	})
}

var release = exchanges("release", func(p *player, out *exchanged) (step, bool) {
	id := p.session()
	return publishStep(scriptEnv, id, nil, nil, segment.PointRelease, out), id != ""
})

var settle = exchanges("settle", func(p *player, out *exchanged) (step, bool) {
	id := p.session()
	return settleStep(scriptEnv, id, out), id != ""
})

// rollBack publishes the newest point.
var rollBack = exchanges("roll back", func(p *player, out *exchanged) (step, bool) {
	p.learn()
	return func(tx store.Tx, w *world) error {
		points := w.envs[scriptEnv].points[scriptSegment]
		if len(points) == 0 {
			return nil
		}
		return rollbackStep(scriptEnv, scriptSegment, points[len(points)-1], "", out)(tx, w)
	}, true
})

// keepPoint keeps a point, of which 0 is the newest, or lets go of it.
func keepPoint(n int, kept bool) scriptStep {
	return scriptStep{fmt.Sprintf("keep point %d: %t", n, kept), func(p *player) bool {
		p.learn()
		_, ok := p.update(store.Scope{Env: scriptEnv}, func(tx store.Tx, w *world) error {
			points := w.envs[scriptEnv].points[scriptSegment]
			if n >= len(points) {
				return nil
			}
			return keepPointStep(scriptEnv, scriptSegment, points[len(points)-1-n], kept)(tx, w)
		})
		return ok
	}}
}

// counted waits until the newest publication is counted.
var countedStep = scriptStep{"wait for the count", func(p *player) bool {
	if c := p.sc.counts; c.rev > 0 {
		_, _ = p.s.Counted(p.t.Context(), scriptEnv, c.ref, c.rev)
	}
	return true
}}

var fold = scriptStep{"fold", func(p *player) bool {
	if p.sc.Fold != nil {
		_ = p.sc.Fold(p.t.Context(), scriptEnv)
	}
	return true
}}

var spill = scriptStep{"write journals into files", func(p *player) bool {
	if p.sc.Spill != nil {
		_ = p.sc.Spill(p.t.Context())
	}
	return true
}}

var trim = scriptStep{"trim", func(p *player) bool {
	if p.sc.Trim != nil {
		p.sc.Trim()
	}
	return true
}}

func deleteSegment(key segment.Key) scriptStep {
	return inEnv("delete "+string(key), func(tx store.Tx, w *world) error {
		tx.DeleteSegment(scriptEnv, key)
		w.deleteSegment(scriptEnv, key)
		return nil
	})
}

// outside is a step that is no update.
func outside(name string, model func(*envWorld), do func(*player) error) scriptStep {
	return scriptStep{name, func(p *player) bool {
		after := p.sc.told.clone()
		model(after.envs[scriptEnv])
		p.sc.mu.Lock()
		p.sc.inFlight = after
		p.sc.mu.Unlock()
		if err := do(p); err != nil {
			p.end(err)
			return false
		}
		p.acknowledge("", 0)
		return true
	}}
}

func putDoc(id store.DocumentID, size int) scriptStep {
	return outside(fmt.Sprint("put document ", id), func(e *envWorld) { e.documents[id] = size }, func(p *player) error {
		return p.s.PutDocument(p.t.Context(), scriptEnv, id, func(w io.Writer) error {
			_, err := w.Write(text(id, size))
			return err
		})
	})
}

func deleteDoc(id store.DocumentID) scriptStep {
	return outside(fmt.Sprint("delete document ", id), func(e *envWorld) { delete(e.documents, id) }, func(p *player) error {
		return p.s.DeleteDocument(p.t.Context(), scriptEnv, id)
	})
}

// furnished are the steps that every chapter but the first begins with.
func furnished(more ...scriptStep) []scriptStep {
	return append([]scriptStep{
		inAccount("create the environment", func(tx store.Tx, w *world) error { return putEnvironment(tx, w, "p", "production") }),
		inEnv("create a", putSegmentStep(scriptEnv, "a", 2)),
		inEnv("create b", putSegmentStep(scriptEnv, "b", 1)),
		apply("a", segment.Include, 0, 10),
	}, more...)
}

const (
	in  = segment.Include
	out = segment.Uninclude
)

// chapters are all scripts. Each is short, because a fault comes at every operation of the disk.
func chapters() []chapter {
	return []chapter{
		{name: "members", steps: membersChapter()},
		{name: "pages", before: furnished(), steps: []scriptStep{
			open, page(0, 0, 8), page(1, 10, 20+scriptMany), apply("a", in, 2, 4), apply("a", out, 30, 32), restart,
			page(2, 40, 60), page(1, 10, 30), publish(0, 60), countedStep,
		}},
		{name: "publishing", before: furnished(apply("a", in, 10, 40), fold), steps: []scriptStep{
			open, apply("a", out, 0, 2), publish(5, 5+scriptMany), countedStep, apply("a", in, 1, 3), fold,
			open, publish(0, 30), restart, countedStep, apply("a", out, 0, 1), fold,
		}},
		{name: "rolling back", before: furnished(open, publish(5, 50), countedStep, apply("a", in, 1, 3)), steps: []scriptStep{
			open, rollBack, keepPoint(1, true), publish(0, 9), countedStep, fold, apply("a", out, 0, 1), restart, rollBack, countedStep, keepPoint(3, false), discard,
		}},
		{name: "holding changes", before: furnished(), steps: []scriptStep{
			open, park(out, 0, 8), apply("a", in, 3, 5), park(out, 10, 30), restart, settle, countedStep,
			open, park(out, 3, 4), settle, open, park(in, 50, 80), discard,
		}},
		{name: "holding lists", before: furnished(), steps: []scriptStep{
			open, keep(store.LoadReplace, 0, 1), apply("a", in, 20, 22), apply("a", out, 4, 6), keep(store.LoadReplace, 0, scriptMany), restart,
			release, countedStep, open, keep(store.LoadRemove, 0, 30), settle, countedStep, open, keep(store.LoadReplace, 1, 2), discard,
		}},
		{name: "journals", before: furnished(open), steps: []scriptStep{
			apply("a", in, 0, 10), apply("a", out, 100, 110), spill, apply("a", in, 20, 30), restart, apply("a", out, 20, 22), apply("a", out, 40, 50), spill, publish(0, 1), countedStep,
		}},
		{name: "deleting", before: furnished(open, publish(5, 50), countedStep, open, page(0, 0, 20)), steps: []scriptStep{
			apply("a", in, 60, 80), keepPoint(0, true), deleteSegment("a"), inEnv("create a again", putSegmentStep(scriptEnv, "a", 2)), apply("a", in, 0, 3),
			rollBack, countedStep, restart, deleteSegment("b"), deleteSegment("a"),
			inAccount("delete the project", func(tx store.Tx, w *world) error { tx.DeleteProject("p"); w.deleteProject("p"); return nil }),
		}},
		{name: "moving", before: furnished(apply("a", in, 10, 20), fold, apply("a", out, 0, 2)), steps: []scriptStep{
			turn("a"), apply("a", in, 30, 33), apply("a", out, 3, 5), open, publish(5, 40), countedStep, restart, turn("a"), fold, apply("a", out, 39, 41), turn("a"), restart,
			apply("a", in, 0, 3), fold, turn("a"), rollBack, deleteSegment("a"), inEnv("create a again", putSegmentStep(scriptEnv, "a", 2)), apply("a", in, 0, 3),
		}},
		{name: "moving and trimming", before: furnished(apply("a", in, 10, 40), fold), trims: true, steps: []scriptStep{
			turn("a"), apply("a", out, 5, 8), turn("b"), trim, turn("a"), restart, turn("b"), trim, turn("a"), turn("b"), apply("a", out, 8, 9), fold, trim,
		}},
		{name: "trimming", before: furnished(apply("a", in, 10, 40)), trims: true, steps: []scriptStep{
			fold, trim, open, publish(5, 50), countedStep, apply("a", in, 50, 60), fold, trim, restart, apply("a", out, 50, 60), fold, trim,
		}},
		{name: "documents", before: furnished(), steps: []scriptStep{
			putDoc("import/small", 100), putDoc("import/large", 300<<10), restart, deleteDoc("import/small"), deleteDoc("import/large"),
		}},
	}
}

// membersChapter holds updates of every kind, from an empty store on.
func membersChapter() []scriptStep {
	return []scriptStep{
		inAccount("create the first environment", func(tx store.Tx, w *world) error { return putEnvironment(tx, w, "p", "production") }),
		inEnv("create a", putSegmentStep(scriptEnv, "a", 2)),
		apply("a", in, 0, 10),
		inEnv("create b", putSegmentStep(scriptEnv, "b", 1)),
		inAccount("create the second environment", func(tx store.Tx, w *world) error { return putEnvironment(tx, w, "p", "test") }),
		apply("b", in, 0, 40), fold,
		inEnv("record and audit", both(runStep("b"), auditStep)),
		apply("a", out, 5, 8),
		{"put a flag", func(p *player) bool {
			_, ok := p.update(store.Scope{Project: "p"}, func(tx store.Tx, w *world) error { return putFlag(tx, w, newFlag(w.next(), "p", "f"), true) })
			return ok
		}},
		restart,
		apply("a", in, 0, scriptMany), fold,
		apply("a", out, 3, 6),
		deleteSegment("b"),
		inEnv("create b again", putSegmentStep(scriptEnv, "b", 3)),
		apply("a", out|segment.Exclude, scriptMany/2, scriptMany), fold,
		apply("b", segment.Exclude, 0, 3),
		inAccount("put a token, a role, a webhook, a relay configuration and a sink", func(tx store.Tx, w *world) error {
			x := newToken(w.next())
			tx.PutToken(x)
			w.tokens[x.ID] = x
			role := newRole(w.next())
			tx.PutRole(role)
			w.roles[role.ID] = role
			hook := newWebhook(w.next())
			tx.PutWebhook(hook)
			w.hooks[hook.ID] = hook
			w.putRelayConfig(tx)
			w.putSink(tx, w.find("p", "test"))
			return nil
		}),
		inAccount("delete the second environment", func(tx store.Tx, w *world) error {
			e := w.find("p", "test")
			tx.DeleteEnvironment(e.ID)
			w.deleteEnvironment(e.ID)
			return putFlags(tx, w, "p")
		}),
		apply("a", in, 4, 5),
	}
}

// compareDocuments demands the documents of an environment.
func compareDocuments(f failer, t testing.TB, s store.Documents, e *envWorld) {
	f.Helper()
	got := map[store.DocumentID]int{}
	for d, err := range s.DocumentList(t.Context(), e.env.ID, "") {
		if err != nil {
			f.Fatalf("documents of %s: %v", e.env.ID, err)
		}
		got[d.ID] = int(d.Size)
		doc, err := s.OpenDocument(t.Context(), e.env.ID, d.ID)
		if err != nil {
			f.Fatalf("open document %s: %v", d.ID, err)
		}
		content, err := io.ReadAll(io.NewSectionReader(doc, 0, doc.Size()))
		if err = errors.Join(err, doc.Close()); err != nil || string(content) != string(text(d.ID, int(d.Size))) {
			f.Fatalf("document %s holds %d bytes, not what was put: %v", d.ID, len(content), err)
		}
	}
	diff(f, "documents", e.documents, got)
}

// compareTraces demands that what a trace tells of a context leads to what it is now.
func compareTraces(f failer, t testing.TB, s store.Membership, e *envWorld) {
	f.Helper()
	for key := range e.segments {
		_, set, ok := e.live(key)
		if !ok {
			continue
		}
		for _, i := range []int{0, 1, 3, 5, 12, 25, 45} {
			h := segment.HashOf(scriptKey(i))
			state, err := traced(s.Trace(t.Context(), e.env.ID, func(k segment.Key) bool { return k == key }, h))
			if err != nil {
				f.Fatalf("trace of %s in %s: %v", scriptKey(i), key, err)
			}
			if state != set[h] {
				f.Fatalf("trace of %s in %s ends at %04b, want %04b", scriptKey(i), key, state, set[h])
			}
		}
	}
}

// traced replays a trace.
func traced(steps iter.Seq2[store.Step, error]) (state segment.Ops, err error) {
	var all []segment.Ops // newest first
	for st, err := range steps {
		if err != nil {
			return 0, err
		}
		all = append(all, st.Ops)
	}
	for _, ops := range slices.Backward(all) {
		state = ops.Over(state).Settled()
	}
	return state, nil
}
