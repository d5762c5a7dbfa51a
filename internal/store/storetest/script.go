package storetest

import (
	"context"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"testing"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
)

// Script is a fixed sequence of work on a store, and what its caller was told about it. Tests of faults
// play it on a failing disk, open what is left, verify that and let it go on.
type Script struct {
	// Fold, Spill and Trim, if set, fold an environment, write journals into files and delete old
	// entries of logs. Their failure is no news to a caller, so it is not looked at.
	Fold  func(context.Context, segment.EnvID) error
	Spill func(context.Context) error
	Trim  func()
	// After, if set, is called after each step that was answered.
	After func(step string)
	// Injected, if set, says whether a write found nothing wrong but the disk.
	Injected func(error) bool
	// Uninterrupted says that restarts are left out.
	Uninterrupted bool

	chapter chapter

	mu       sync.Mutex
	told     *world // what was acknowledged
	inFlight *world // what a write may have changed that was not answered or failed; nil if none
	failure  error
	played   int
	counts   counting // the newest publication
}

// counting is a publication whose effect may not be counted yet.
type counting struct {
	ref segment.Ref
	rev segment.Revision
}

// scriptEnv is the first environment that a script creates.
var scriptEnv = segment.EnvID(idOf(2))

// scriptSegment is the segment of a script that takes lists and has sessions and points. The other, b, takes
// changes alone.
const scriptSegment segment.Key = "a"

// scriptMany contexts make a roster that is too large for a value of the database, because most of
// them have long keys.
const scriptMany = 1500

func scriptKey(i int) string { return scriptKeys()[i] }

// scriptKeys are made once: every end of a process has them written, and compared, anew.
var scriptKeys = sync.OnceValue(func() []string {
	keys := make([]string, scriptMany+100)
	for i := range keys {
		keys[i] = fmt.Sprint("context-", i)
		if i < 100 {
			continue
		}
		sum := sha512.Sum512([]byte(keys[i])) // nothing that could be compressed
		for range 4 {
			keys[i] += hex.EncodeToString(sum[:])
			sum = sha512.Sum512(sum[:])
		}
	}
	return keys
})

// NewScript returns a chapter that has not begun.
func NewScript(name string) *Script {
	for _, c := range chapters() {
		if c.name == name {
			return &Script{told: newWorld(), chapter: c}
		}
	}
	panic("no chapter " + name)
}

// Chapters returns the names of all scripts.
func Chapters() []string {
	var names []string
	for _, c := range chapters() {
		names = append(names, c.name)
	}
	return names
}

// Prepare plays what a chapter begins with, without faults.
func (sc *Script) Prepare(t *testing.T, s store.Store) {
	t.Helper()
	for _, step := range sc.chapter.before {
		if !step.do(&player{sc, t, s}) {
			t.Fatalf("%s, before %q: %v", sc.chapter.name, step.name, sc.failure)
		}
	}
}

// Play goes on until the script wants a restart, or ends, or a write fails. It reports whether there
// is more to play on a store that was started again.
func (sc *Script) Play(t *testing.T, s store.Store) (more bool) {
	t.Helper()
	for {
		sc.mu.Lock()
		played := sc.played
		sc.mu.Unlock()
		if played == len(sc.chapter.steps) {
			return false
		}
		step := sc.chapter.steps[played]
		if step.do != nil && !step.do(&player{sc, t, s}) {
			return false
		}
		sc.mu.Lock()
		sc.played++
		sc.mu.Unlock()
		if step.do == nil && !sc.Uninterrupted {
			return true
		}
		if sc.After != nil {
			sc.After(step.name)
		}
	}
}

// RequireEnd demands that all of the script was played: without a fault nothing may fail.
func (sc *Script) RequireEnd(t *testing.T) {
	t.Helper()
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if n := len(sc.chapter.steps); sc.failure != nil || sc.played != n {
		t.Errorf("%s ended after %d of %d steps: %v", sc.chapter.name, sc.played, n, sc.failure)
	}
}

// Snapshot returns what the caller has been told so far, while meanwhile runs. It may be called at any
// moment: at most the one write that is not answered is ahead of it.
func (sc *Script) Snapshot(meanwhile func()) *Script {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	meanwhile()
	c := &Script{chapter: sc.chapter, told: sc.told.detached(), played: sc.played, counts: sc.counts}
	if sc.inFlight != nil {
		c.inFlight = sc.inFlight.detached()
	}
	return c
}

// Step names the step that is being played.
func (sc *Script) Step() string {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if sc.played == len(sc.chapter.steps) {
		return "the end"
	}
	return sc.chapter.steps[sc.played].name
}

// Verify demands that a store holds all that was acknowledged, and a write without an answer whole or
// not at all, and that its log says the same. It reports whether the write without an answer is there:
// the script goes on behind it then.
func (sc *Script) Verify(t *testing.T, s store.Store) (ahead bool) {
	t.Helper()
	problem := sc.differs(t, s, sc.told)
	if problem != "" && sc.inFlight != nil {
		if other := sc.differs(t, s, sc.inFlight); other != "" {
			problem += "\nand with the write that was not answered:\n" + other
		} else {
			problem, ahead = "", true
			sc.told = sc.inFlight
			sc.played++
		}
	}
	sc.inFlight, sc.failure = nil, nil
	if problem != "" {
		t.Errorf("the store is not as acknowledged: %s", problem)
	}
	return ahead
}

// GoOn demands that a store that was verified takes further writes of everything.
func (sc *Script) GoOn(t *testing.T, s store.Store) {
	t.Helper()
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
	for id, e := range w.envs {
		compareDocuments(&p, t, s, e)
		if err := lastError(s.Entries(t.Context(), id, 0)); sc.chapter.trims && errors.Is(err, store.ErrTrimmed) {
			continue
		}
		compareTraces(&p, t, s, e)
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
