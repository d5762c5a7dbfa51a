package delivery

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"sync"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/segment"
)

var (
	// ErrNoFilter says that there is no payload filter with the key that an SDK names.
	ErrNoFilter = errors.New("no such payload filter")
	// ErrFilterGone says that the payload filter of a stream was deleted.
	ErrFilterGone = errors.New("payload filter is gone")
)

// filtered is what a payload filter leaves of an environment: a snapshot and a chain of changes of its
// own, both shared by all SDKs that name the filter. It follows the states of the environment's follower.
type filtered struct {
	f   *follower
	key catalog.FilterKey
	id  catalog.ID // of the filter that has the key

	mu          sync.Mutex // guards the rest
	filter      *catalog.PayloadFilter
	selection   *catalog.PayloadSelection
	base        *Snapshot // of everything, from which snapshot was taken
	snapshot    *Snapshot
	environment segment.Revision // of the newest change of settings that was passed on
	newest      *change          // everything up to here is in the snapshot
	window      window
	end         error
}

// filters is what SDKs of an environment asked for.
type filters struct {
	mu  sync.Mutex
	all map[catalog.FilterKey]*filtered
}

// filtered returns what a payload filter leaves, at the follower's newest state.
func (f *follower) filtered(key catalog.FilterKey) (*filtered, error) {
	filter := f.payloadFilter(key)
	if filter == nil {
		return nil, fault.NotFoundf("the project has no payload filter %.80q", key).Because(ErrNoFilter)
	}
	f.filters.mu.Lock()
	defer f.filters.mu.Unlock()
	v := f.filters.all[key]
	if v == nil || v.id != filter.ID {
		v = &filtered{
			f: f, key: key, id: filter.ID, filter: filter, selection: filter.Selection(),
			snapshot: emptySnapshot(), newest: &change{ready: make(chan struct{})},
		}
		v.window.oldest = v.newest
		v.start(f.state.Load())
		if f.filters.all == nil {
			f.filters.all = make(map[catalog.FilterKey]*filtered)
		}
		f.filters.all[key] = v
	}
	return v, nil
}

// payloadFilter returns a filter of the environment's project as it is now, nil if there is none.
func (f *follower) payloadFilter(key catalog.FilterKey) *catalog.PayloadFilter {
	env, ok := f.d.store.Environment(f.env)
	if !ok {
		return nil
	}
	p, ok := f.d.store.Project(env.Project)
	if !ok {
		return nil
	}
	filter, _ := p.PayloadFilter(key)
	return filter
}

// advanceFilters lets every payload filter that somebody asked for follow to a state.
func (f *follower) advanceFilters(st *state) {
	f.filters.mu.Lock()
	defer f.filters.mu.Unlock()
	for key, v := range f.filters.all {
		if v.follow(st) != nil {
			delete(f.filters.all, key)
		}
	}
}

// start takes the first snapshot.
func (v *filtered) start(st *state) {
	v.base, v.environment = st.snapshot, st.environment
	v.snapshot = v.choose(st.snapshot)
	if st.end != nil {
		_ = v.finish(st.end) // whoever subscribes is told
	}
}

// follow follows to a state, and returns why the filter is at its end if it is. A state that it has passed
// already changes nothing.
func (v *filtered) follow(st *state) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.end != nil {
		return v.end
	}
	if st.end != nil {
		return v.finish(st.end)
	}
	settings := st.environment > v.environment
	if st.snapshot == v.base && !settings || st.snapshot.Revision < v.base.Revision {
		return nil
	}
	if settings {
		filter := v.f.payloadFilter(v.key)
		if filter == nil || filter.ID != v.id {
			return v.finish(ErrFilterGone)
		}
		if filter != v.filter {
			v.filter, v.selection = filter, filter.Selection()
		}
	}
	old, anew := v.snapshot, st.snapshot.log != v.base.log
	v.base, v.environment, v.snapshot = st.snapshot, max(v.environment, st.environment), v.choose(st.snapshot)
	n := v.snapshot.newsSince(old)
	if anew {
		n = v.snapshot.everythingAnew()
	}
	n.environment = settings
	if n.size() > 0 || n.environment {
		tail := &chain{}
		tail.add(n, st.revision, st.at)
		v.newest.next = tail.first
		close(v.newest.ready)
		v.newest = tail.tail
		v.window.grow(tail, v.f.d.o)
	}
	return nil
}

func (v *filtered) finish(why error) error {
	v.end = why
	v.newest.end = why
	close(v.newest.ready)
	return why
}

// choose returns what the filter leaves of a snapshot: the flags that it selects and all that these need.
// It shares with the present one what did not change.
func (v *filtered) choose(base *Snapshot) *Snapshot {
	chosen := map[dependency]bool{}
	var open []dependency
	need := func(d dependency) {
		if !chosen[d] && base.wire(d) != nil {
			chosen[d] = true
			open = append(open, d)
		}
	}
	for _, f := range base.list {
		if v.selection.Selects(catalog.FlagKey(f.key), v.f.tags(f.key)) {
			need(f.dependency)
		}
	}
	for len(open) > 0 {
		last := open[len(open)-1]
		open = open[:len(open)-1]
		for _, d := range base.needs(last) {
			need(d)
		}
	}
	return v.snapshot.narrowed(base, chosen)
}

// tags returns the tags of a flag as they are now.
func (f *follower) tags(key string) []string {
	env, ok := f.d.store.Environment(f.env)
	if !ok {
		return nil
	}
	flag, ok := f.d.store.Flag(env.Project, catalog.FlagKey(key))
	if !ok {
		return nil
	}
	return flag.Tags
}

// wire returns a flag or segment of the snapshot, nil if it has none.
func (s *Snapshot) wire(d dependency) *wire {
	if d.kind == segment.FlagDefinition {
		if f := s.flags[d.key]; f != nil {
			return f.wire
		}
	} else if p := s.segments[d.key]; p != nil {
		return p.wire
	}
	return nil
}

// needs returns what a flag or segment of the snapshot refers to.
func (s *Snapshot) needs(d dependency) []dependency {
	if d.kind == segment.FlagDefinition {
		return s.flags[d.key].needs
	}
	return s.segments[d.key].needs
}

// narrowed returns what was chosen of a snapshot, for SDKs that evaluate by themselves. It shares the sheets
// of s in which nothing changed. Its log is named after what was chosen, so that an SDK with a state in
// which something else was is sent everything.
func (s *Snapshot) narrowed(base *Snapshot, chosen map[dependency]bool) *Snapshot {
	n := &Snapshot{Revision: base.Revision, flags: map[string]*flag{}, segments: map[string]*part{}, recent: base.recent, narrow: true}
	names := sha256.New()
	for _, f := range base.list {
		if chosen[f.dependency] {
			n.flags[f.key] = f
			n.list = append(n.list, f)
			names.Write(append([]byte{'f'}, f.name...))
		}
	}
	for _, sh := range base.segmentSheets {
		for _, w := range sh.wires {
			if chosen[w.dependency] {
				n.segments[w.key] = base.segments[w.key]
				names.Write(append([]byte{'s'}, w.name...))
			}
		}
	}
	n.log = base.log + ":" + hex.EncodeToString(names.Sum(nil)[:8])
	moved := n.differences(s)
	n.flagSheets = revised(s.flagSheets, keysOf(moved, segment.FlagDefinition), func(key string) *wire { return n.wire(dependency{segment.FlagDefinition, key}) })
	n.segmentSheets = revised(s.segmentSheets, keysOf(moved, segment.SegmentDefinition), func(key string) *wire { return n.wire(dependency{segment.SegmentDefinition, key}) })
	n.encodeLater()
	return n
}

// differences returns what is otherwise than in an older narrowed snapshot, or not there any more, by key.
func (s *Snapshot) differences(old *Snapshot) []dependency {
	var moved []dependency
	for _, sheets := range [][]*sheet{old.flagSheets, old.segmentSheets} {
		for _, sh := range sheets {
			for _, w := range sh.wires {
				if s.wire(w.dependency) != w {
					moved = append(moved, w.dependency)
				}
			}
		}
	}
	for _, f := range s.flags {
		if old.wire(f.dependency) == nil {
			moved = append(moved, f.dependency)
		}
	}
	for _, p := range s.segments {
		if old.wire(p.dependency) == nil {
			moved = append(moved, p.dependency)
		}
	}
	slices.SortFunc(moved, func(a, b dependency) int { return strings.Compare(a.key, b.key) })
	return moved
}

func keysOf(list []dependency, kind segment.DefinitionKind) []string {
	var keys []string
	for _, d := range list {
		if d.kind == kind {
			keys = append(keys, d.key)
		}
	}
	return keys
}

// newsSince returns what streams that have an older narrowed snapshot have to write. What left the snapshot
// still has its version in the environment, so that a deletion would hide it from an SDK when it comes back as
// it was: then everything is sent, which SDKs take whatever its versions are.
func (s *Snapshot) newsSince(old *Snapshot) *news {
	n := &news{}
	moves := s.differences(old)
	for _, kind := range []segment.DefinitionKind{segment.SegmentDefinition, segment.FlagDefinition} { // flags refer to segments
		for _, d := range moves {
			w := s.wire(d)
			if w == nil {
				return s.everythingAnew()
			}
			if d.kind == kind {
				n.first = appendPatch(n.first, w)
				n.second = appendPut(n.second, streamFrame, w)
			}
		}
	}
	if len(n.second) > 0 {
		n.second = s.appendTransferred(n.second, streamFrame)
	}
	return n
}

// everythingAnew returns what opens a stream, for those that are open.
func (s *Snapshot) everythingAnew() *news {
	return &news{first: bytes.Join(s.opening(), nil), second: bytes.Join(s.whole(), nil), anew: s}
}

// present returns the snapshot at the follower's newest state, and the place in the chain from which to go on.
func (v *filtered) present() (*Snapshot, *change) {
	_ = v.follow(v.f.state.Load()) // an end is what the chain then says
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.snapshot, v.newest
}
