package engine_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
)

// model is a membership as a plain map.
type model map[segment.Hash]segment.Ops

func (m model) apply(h segment.Hash, ops segment.Ops) {
	if now := ops.Over(m[h]).Settled(); now != 0 {
		m[h] = now
	} else {
		delete(m, h)
	}
}

func (m model) counts() (c segment.Counts) {
	for _, ops := range m {
		c = c.Add(ops)
	}
	return c
}

// TestMembershipIsTheReplayOfTheLog runs random changes, folds and restarts against a map, and the
// log of it all against the same map.
func TestMembershipIsTheReplayOfTheLog(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := &disk{fs: newDisk(t, engine.Options{}).fs, dir: "script", o: engine.Options{InlineChanges: 40, SegmentPending: 60, TotalPending: 100, FoldRoster: 50}}
		d.open(t)
		defer d.close(t)
		d.found(t)
		want := make(model)
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			switch rapid.IntRange(0, 9).Draw(rt, "step") {
			case 0:
				d.reopen(t)
			case 1, 2:
				if err := d.Fold(t.Context(), testEnv); err != nil {
					rt.Fatal(err)
				}
			default:
				applyRandom(rt, t, d, want)
			}
			wantModel(rt, d, want)
		}
		replayed := make(model)
		for en, err := range d.Entries(t.Context(), testEnv, 0) {
			if err != nil {
				rt.Fatal(err)
			}
			for _, m := range en.Members {
				if err := m.Each(nil, func(c segment.Change) bool { replayed.apply(c.Hash, c.Ops); return true }); err != nil {
					rt.Fatal(err)
				}
			}
		}
		if len(replayed) != len(want) {
			rt.Fatalf("the log replays to %d contexts, want %d", len(replayed), len(want))
		}
	})
}

func applyRandom(rt *rapid.T, t *testing.T, d *disk, want model) {
	before := want.counts()
	c := &segment.Changes{}
	for _, i := range rapid.SliceOfN(rapid.IntRange(0, 150), 1, 80).Draw(rt, "contexts") {
		ops := rapid.SampledFrom([]segment.Ops{
			segment.Include, segment.Include, segment.Uninclude, segment.Exclude, segment.Unexclude,
			segment.Include | segment.Unexclude, segment.Uninclude | segment.Exclude,
		}).Draw(rt, "ops")
		c.Append(userKey(i), ops)
		want.apply(segment.HashOf(userKey(i)), ops)
	}
	st, err := d.Stage(t.Context(), c)
	if err != nil {
		rt.Fatal(err)
	}
	var effect store.Effect
	rev := d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) (err error) {
		effect, err = tx.Apply(testEnv, "vip", st)
		return err
	})
	if effect.Added+effect.Removed+effect.Unchanged != st.Len() {
		rt.Fatalf("effect %+v of %d contexts", effect, st.Len())
	}
	if effect.Counts != want.counts() {
		rt.Fatalf("effect %+v after %+v, want %+v", effect, before, want.counts())
	}
	if (rev == 0) != (effect.Added+effect.Removed == 0) {
		rt.Fatalf("revision %d of effect %+v", rev, effect)
	}
}

func wantModel(rt *rapid.T, d *disk, want model) {
	rt.Helper()
	v, err := d.View(testEnv)
	if err != nil {
		rt.Fatal(err)
	}
	for i := range 160 {
		h := segment.HashOf(userKey(i))
		got, err := v.State(vip, h)
		if err != nil || got != want[h] {
			rt.Fatalf("user-%d is %04b, %v; want %04b", i, got, err, want[h])
		}
	}
	if c, ok := v.Counts(vip); !ok || c != want.counts() {
		rt.Fatalf("counts = %+v, %t, want %+v", c, ok, want.counts())
	}
}

func TestFilesAreExactlyThoseThatRowsName(t *testing.T) {
	d := newDisk(t, engine.Options{InlineChanges: 40})
	d.found(t)
	files := func() int {
		n := 0
		for _, err := range d.driver.List(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		return n
	}
	steps := []struct {
		name string
		do   func()
		want int
	}{
		{"a large list is a file of the log", func() { d.apply(t, "vip", segment.Include, 0, 100) }, 1},
		{"a fold of it alone adds nothing", func() { _ = d.Fold(t.Context(), testEnv) }, 1},
		{"a fold with a table writes a roster", func() {
			d.apply(t, "vip", segment.Include, 100, 130)
			d.apply(t, "vip", segment.Include, 130, 160)
			_ = d.Fold(t.Context(), testEnv)
		}, 2},
		{"the next fold replaces that", func() {
			d.apply(t, "vip", segment.Uninclude, 0, 40)
			d.apply(t, "vip", segment.Uninclude, 40, 80)
			_ = d.Fold(t.Context(), testEnv)
		}, 2},
		{"a list that nobody commits is discarded", func() { stageAndDiscard(t, d) }, 2},
		{"a restart sweeps nothing that is named", func() { d.reopen(t) }, 2},
		{"a deleted segment stays as a point", func() {
			d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error { tx.DeleteSegment(testEnv, "vip"); return nil })
		}, 2},
		{"a deleted environment leaves nothing", func() {
			d.update(t, store.Account, func(tx store.Tx) error { tx.DeleteEnvironment(testEnv); return nil })
		}, 0},
	}
	for _, s := range steps {
		s.do()
		if got := files(); got != s.want {
			t.Errorf("%s: %d files, want %d", s.name, got, s.want)
		}
	}
}

func stageAndDiscard(t *testing.T, d *disk) {
	t.Helper()
	c := &segment.Changes{}
	for i := range 100 {
		c.Append(userKey(i), segment.Include)
	}
	st, err := d.Stage(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	st.Discard()
}

func TestConcurrentUpdatesAllLand(t *testing.T) {
	const callers, updates = 32, 20
	d := newDisk(t, engine.Options{SegmentPending: 100})
	d.found(t)
	revisions := make(map[segment.Revision]bool)
	var mu sync.Mutex
	var work sync.WaitGroup
	for caller := range callers {
		work.Go(func() {
			for i := range updates {
				c := &segment.Changes{}
				c.Append(userKey(caller*updates+i), segment.Include)
				st, err := d.Stage(t.Context(), c)
				if err != nil {
					t.Error(err)
					return
				}
				var effect store.Effect
				rev, err := d.Update(t.Context(), store.Scope{Env: testEnv}, func(tx store.Tx) (err error) {
					effect, err = tx.Apply(testEnv, "vip", st)
					return err
				})
				if err != nil || effect.Added != 1 {
					t.Errorf("update = %+v, %v", effect, err)
				}
				v, _ := d.View(testEnv)
				if ops, err := v.State(vip, segment.HashOf(userKey(caller*updates+i))); ops != segment.Include || err != nil || v.Revision() < rev {
					t.Errorf("the change of revision %d is not visible at %d: %v, %v", rev, v.Revision(), ops, err)
				}
				mu.Lock()
				revisions[rev] = true
				mu.Unlock()
			}
		})
	}
	work.Wait()
	if len(revisions) != callers*updates {
		t.Errorf("%d revisions, want %d", len(revisions), callers*updates)
	}
	d.wantMembers(t, vip, callers*updates, func(int) bool { return true })
	d.reopen(t)
	d.wantMembers(t, vip, callers*updates, func(int) bool { return true })
}

func TestUpdatesOfAProjectAndItsEnvironmentsMix(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	var work sync.WaitGroup
	for i := range 8 {
		work.Go(func() {
			for range 10 {
				if _, err := d.Update(t.Context(), store.Scope{Project: "web"}, func(tx store.Tx) error {
					p, _ := tx.Project("web")
					next := *p
					next.Tags = append(append([]string{}, p.Tags...), "x")
					tx.PutProject(&next)
					return nil
				}); err != nil {
					t.Error(err)
				}
				d.apply(t, "vip", segment.Include, i*10, i*10+10)
			}
		})
	}
	work.Wait()
	if p, _ := d.Project("web"); len(p.Tags) != 80 {
		t.Errorf("%d of 80 updates of the project are there", len(p.Tags))
	}
}

func TestAwaitWakesWithANewRevision(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	head, err := d.Head(testEnv)
	if err != nil {
		t.Fatal(err)
	}
	woke := make(chan segment.Revision)
	go func() {
		rev, _ := d.Await(t.Context(), testEnv, head)
		woke <- rev
	}()
	d.apply(t, "vip", segment.Include, 0, 1)
	if rev := <-woke; rev != head+1 {
		t.Errorf("Await = %d, want %d", rev, head+1)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := d.Await(ctx, testEnv, head+1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Await without news = %v", err)
	}
}

func TestClosedEnginesRefuse(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	v, err := d.View(testEnv)
	if err != nil {
		t.Fatal(err)
	}
	waited := make(chan error)
	go func() {
		_, err := d.Await(t.Context(), testEnv, 1000)
		waited <- err
	}()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; !errors.Is(err, store.ErrClosed) {
		t.Errorf("Await = %v", err)
	}
	if _, err := d.Update(t.Context(), store.Scope{Env: testEnv}, func(store.Tx) error { return nil }); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Update = %v", err)
	}
	if _, err := v.State(vip, segment.Hash{}); err != nil {
		t.Errorf("a view that is held gives %v", err)
	}
}

func TestDefinitionsAreLoggedWhenSDKsSeeADifference(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	project := store.Scope{Project: "web"}
	put := func(version int, name string) func(store.Tx) error {
		return func(tx store.Tx) error {
			tx.PutFlag(&catalog.Flag{Project: "web", Key: "f", Name: name, Environments: map[catalog.EnvKey]*catalog.FlagConfig{"test": {Version: version}}})
			return nil
		}
	}
	steps := []struct {
		name    string
		fn      func(store.Tx) error
		version int // that is logged, 0 for nothing
		gone    bool
	}{
		{"a new flag", put(1, "a"), 1, false},
		{"a name, which SDKs don't see", put(1, "b"), 0, false},
		{"a change of its configuration", put(2, "b"), 2, false},
		{"its deletion", func(tx store.Tx) error { tx.DeleteFlag("web", "f"); return nil }, 3, true},
		{"its return", func(tx store.Tx) error {
			return put(tx.LastVersion(testEnv, segment.FlagDefinition, "f")+1, "c")(tx)
		}, 4, false},
	}
	for _, s := range steps {
		head, _ := d.Head(testEnv)
		d.update(t, project, s.fn)
		var logged []segment.Definition
		for en, err := range d.Entries(t.Context(), testEnv, head) {
			if err != nil {
				t.Fatal(err)
			}
			logged = append(logged, en.Definitions...)
		}
		switch {
		case s.version == 0 && len(logged) == 0:
		case len(logged) != 1 || logged[0].Version != s.version || (logged[0].JSON == nil) != s.gone:
			t.Errorf("%s logs %+v, want version %d", s.name, logged, s.version)
		}
	}
}

func TestAuditEntriesAreFoundByTime(t *testing.T) {
	d := newDisk(t, engine.Options{})
	d.found(t)
	base := time.Unix(1_700_000_000, 0)
	var times []time.Time
	for _, after := range []time.Duration{0, 1, time.Millisecond, 50 * time.Millisecond, time.Second, time.Minute, time.Hour, 1000 * time.Hour, 100_000 * time.Hour} {
		times = append(times, base.Add(after))
	}
	d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error {
		for _, at := range times {
			tx.Audit(catalog.AuditEntry{At: at})
		}
		return nil
	})
	for i := range len(times) + 1 {
		before := time.Time{}
		if i < len(times) {
			before = times[i]
		}
		next := i
		for a, err := range d.AuditEntries(t.Context(), before) {
			if err != nil {
				t.Fatal(err)
			}
			if next--; next < 0 || !a.At.Equal(times[next]) {
				t.Fatalf("before %s comes %s", before, a.At)
			}
		}
		if next != 0 {
			t.Errorf("%d entries before %s are missing", next, before)
		}
	}
}
