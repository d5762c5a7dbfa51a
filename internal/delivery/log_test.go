package delivery

import (
	"context"
	"encoding/json"
	"iter"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/launchdarkly/go-server-sdk-evaluation/v3/ldbuilders"
	"github.com/launchdarkly/go-server-sdk-evaluation/v3/ldmodel"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
)

const env segment.EnvID = "65f000000000000000000001"

// memoryLog is a store of one environment that keeps everything in maps, and whose log can be
// made to fail, to be trimmed and to vanish.
type memoryLog struct {
	store.Store // nothing else is called

	mu          sync.Mutex
	changed     chan struct{}
	entries     []segment.Entry
	trimmed     segment.Revision
	definitions map[dependency]segment.Definition
	members     map[segment.Ref]map[segment.Hash]segment.Ops
	failing     error                 // of reading the log
	corrupt     map[segment.Ref]error // of reading members
}

func newMemoryLog() *memoryLog {
	return &memoryLog{
		changed: make(chan struct{}), definitions: map[dependency]segment.Definition{},
		members: map[segment.Ref]map[segment.Hash]segment.Ops{},
	}
}

// commit appends one entry.
func (l *memoryLog) commit(e segment.Entry, changes ...memberChange) segment.Revision {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.Revision, e.At = segment.Revision(len(l.entries)+1), time.Now()
	for _, d := range e.Definitions {
		l.definitions[dependency{d.Kind, d.Key}] = d
	}
	for _, ch := range changes {
		list := &segment.Changes{}
		for _, key := range ch.keys {
			list.Append([]byte(key), ch.ops)
			h := segment.HashOf(key)
			if l.members[ch.ref] == nil {
				l.members[ch.ref] = map[segment.Hash]segment.Ops{}
			}
			l.members[ch.ref][h] = ch.ops.Over(l.members[ch.ref][h]).Settled()
		}
		list.Compact()
		e.Members = append(e.Members, list.Delta(ch.ref))
	}
	l.entries = append(l.entries, e)
	l.wake()
	return e.Revision
}

func (l *memoryLog) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

type memberChange struct {
	ref  segment.Ref
	ops  segment.Ops
	keys []string
}

func include(ref segment.Ref, keys ...string) memberChange {
	return memberChange{ref, segment.Include, keys}
}

func uninclude(ref segment.Ref, keys ...string) memberChange {
	return memberChange{ref, segment.Uninclude, keys}
}

func (l *memoryLog) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failing = err
	l.wake()
}

// trim forgets the log up to now while nobody can read it.
func (l *memoryLog) trim() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trimmed = segment.Revision(len(l.entries))
}

func (l *memoryLog) Head(segment.EnvID) (segment.Revision, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return segment.Revision(len(l.entries)), l.failing
}

func (l *memoryLog) Epoch(segment.EnvID) (segment.Epoch, error) { return segment.Epoch{7}, nil }

func (l *memoryLog) Await(ctx context.Context, _ segment.EnvID, after segment.Revision) (segment.Revision, error) {
	for {
		l.mu.Lock()
		head, changed, err := segment.Revision(len(l.entries)), l.changed, l.failing
		l.mu.Unlock()
		if err != nil || head > after {
			return head, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return head, ctx.Err()
		}
	}
}

func (l *memoryLog) Entries(_ context.Context, _ segment.EnvID, after segment.Revision) iter.Seq2[*segment.Entry, error] {
	return func(yield func(*segment.Entry, error) bool) {
		l.mu.Lock()
		entries, trimmed, err := l.entries, l.trimmed, l.failing
		l.mu.Unlock()
		if err == nil && after < trimmed {
			err = store.ErrTrimmed
		}
		if err != nil {
			yield(nil, err)
			return
		}
		for i := int(after); i < len(entries); i++ {
			e := entries[i]
			for j := range e.Definitions { // an entry is only valid until the next one
				e.Definitions[j].JSON = append([]byte(nil), e.Definitions[j].JSON...)
				if len(e.Definitions[j].JSON) == 0 {
					e.Definitions[j].JSON = nil
				}
			}
			if !yield(&e, nil) {
				return
			}
		}
	}
}

func (l *memoryLog) Definitions(segment.EnvID) ([]segment.Definition, segment.Revision, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var live []segment.Definition
	for d := range maps.Values(l.definitions) {
		if d.JSON != nil {
			live = append(live, d)
		}
	}
	return live, segment.Revision(len(l.entries)), l.failing
}

func (l *memoryLog) View(segment.EnvID) (store.View, error) { return memoryView{l: l}, nil }

// memoryView shows the members as they are, which is never older than the view must be.
type memoryView struct {
	store.View
	l *memoryLog
}

func (v memoryView) State(ref segment.Ref, h segment.Hash) (segment.Ops, error) {
	v.l.mu.Lock()
	defer v.l.mu.Unlock()
	if err := v.l.corrupt[ref]; err != nil {
		return 0, err
	}
	return v.l.members[ref][h], nil
}

func (v memoryView) Each(h segment.Hash, yield func(segment.Ref, segment.Ops) bool) error {
	v.l.mu.Lock()
	defer v.l.mu.Unlock()
	var unreadable error
	for ref, members := range v.l.members {
		if err := v.l.corrupt[ref]; err != nil {
			unreadable = err
		} else if ops := members[h]; ops != 0 && !yield(ref, ops) {
			break
		}
	}
	return unreadable
}

// damage makes the members of a ref unreadable, or readable again.
func (l *memoryLog) damage(ref segment.Ref, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.corrupt = map[segment.Ref]error{ref: err}
}

func (l *memoryLog) Damage(_ segment.EnvID, ref segment.Ref) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.corrupt[ref]
}

func (l *memoryLog) Segments(segment.EnvID) []*catalog.Segment {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []*catalog.Segment
	for ref := range l.members {
		all = append(all, &catalog.Segment{Env: env, Key: ref.Key, Generation: ref.Generation, Unbounded: true})
	}
	return all
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// patient is how long readers of tests wait for what they have written: longer than a busy machine needs.
const patient = time.Minute

// open returns a delivery over the log that is closed with the test.
func open(t testing.TB, l store.Store, o Options) *Delivery {
	t.Helper()
	if o.Log == nil {
		o.Log = quiet()
	}
	o.Patience = patient
	d := New(l, o)
	t.Cleanup(d.Close)
	return d
}

func flagDefinition(t testing.TB, f ldmodel.FeatureFlag) segment.Definition {
	t.Helper()
	raw, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return segment.Definition{Kind: segment.FlagDefinition, Key: f.Key, Version: f.Version, JSON: raw}
}

func segmentDefinition(t testing.TB, s ldmodel.Segment) segment.Definition {
	t.Helper()
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return segment.Definition{Kind: segment.SegmentDefinition, Key: s.Key, Version: s.Version, JSON: raw}
}

// boolFlag serves true or false to everybody.
func boolFlag(t testing.TB, key string, version int, on bool) segment.Definition {
	t.Helper()
	return flagDefinition(t, boolBuilder(key, version).On(on).Build())
}

func boolBuilder(key string, version int) *ldbuilders.FlagBuilder {
	return ldbuilders.NewFlagBuilder(key).Version(version).On(true).Variations(boolValues()...).
		OffVariation(1).FallthroughVariation(0).ClientSideUsingEnvironmentID(true).ClientSideUsingMobileKey(true)
}

// bigFlag serves true to the members of a segment.
func bigFlag(t testing.TB, key string, version int, segmentKey string) segment.Definition {
	t.Helper()
	b := boolBuilder(key, version).FallthroughVariation(1).
		AddRule(ldbuilders.NewRuleBuilder().ID("members").Variation(0).Clauses(ldbuilders.SegmentMatchClause(segmentKey)))
	return flagDefinition(t, b.Build())
}

// bigSegment is an unbounded segment in its first generation.
func bigSegment(t testing.TB, key string) segment.Definition {
	t.Helper()
	return segmentDefinition(t, ldbuilders.NewSegmentBuilder(key).Version(1).Unbounded(true).Generation(1).Build())
}

func deleted(kind segment.DefinitionKind, key string, version int) segment.Definition {
	return segment.Definition{Kind: kind, Key: key, Version: version}
}

func define(definitions ...segment.Definition) segment.Entry {
	return segment.Entry{Definitions: definitions}
}

var vip = segment.Ref{Key: "vip", Generation: 1}

// source is any kind of stream.
type source interface {
	Ready() <-chan struct{}
	Next() (Message, error)
}

// next waits for the next message with something in it.
func next(t testing.TB, s source) (Message, error) {
	t.Helper()
	timeout := time.After(time.Minute)
	for {
		m, err := s.Next()
		if err != nil || len(m.Bytes) > 0 || m.Environment {
			return m, err
		}
		select {
		case <-s.Ready():
		case <-timeout:
			t.Fatal("no message came")
		}
	}
}

// text waits for the next message and returns its bytes, those of all messages in which a snapshot comes.
func text(t testing.TB, s source) string {
	t.Helper()
	var got []byte
	for {
		m, err := next(t, s)
		if err != nil {
			t.Fatalf("stream ended: %v", err)
		}
		got = append(got, m.Bytes...)
		if all, ok := s.(*Subscription); !ok || len(all.opening) == 0 {
			return string(got)
		}
	}
}
