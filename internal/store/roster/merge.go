package roster

import (
	"bytes"
	"iter"

	"muster/internal/segment"
)

// Merge yields, in hash order, the changes that have the effect of all the given ones together.
// Each source must be in strictly ascending hash order; newer sources come first. A change has the
// key of the newest source that knows it. When full, the result is a whole membership: removes
// are left out. It ends with the first error of a source.
func Merge(full bool, newestFirst ...iter.Seq2[segment.Change, error]) iter.Seq2[segment.Change, error] {
	return func(yield func(segment.Change, error) bool) {
		if len(newestFirst) == 0 {
			return
		}
		m := merger{full: full, yield: yield}
		defer m.stop()
		// The oldest source is the largest as a rule: it is ranged over, which is several times
		// cheaper than pulling.
		last := len(newestFirst) - 1
		for _, source := range newestFirst[:last] {
			if !m.pull(source) {
				return
			}
		}
		for ch, err := range newestFirst[last] {
			if err != nil {
				yield(segment.Change{}, err)
				return
			}
			if !m.before(&ch.Hash) || !m.emit(&ch) {
				return
			}
		}
		m.before(nil)
	}
}

// merger merges pulled sources with the changes of the oldest one.
type merger struct {
	full    bool
	yield   func(segment.Change, error) bool
	sources []pulled // newest first
}

type pulled struct {
	next func() (segment.Change, error, bool)
	stop func()
	now  segment.Change
	more bool
}

func (m *merger) pull(source iter.Seq2[segment.Change, error]) bool {
	next, stop := iter.Pull2(source)
	m.sources = append(m.sources, pulled{next: next, stop: stop})
	return m.advance(len(m.sources) - 1)
}

func (m *merger) advance(i int) bool {
	s := &m.sources[i]
	var err error
	s.now, err, s.more = s.next()
	if err != nil {
		m.yield(segment.Change{}, err)
		return false
	}
	return true
}

func (m *merger) stop() {
	for i := range m.sources {
		m.sources[i].stop()
	}
}

// before emits all changes of contexts before h, or all that remain when h is nil.
func (m *merger) before(h *segment.Hash) bool {
	for {
		var least *segment.Hash
		for i := range m.sources {
			s := &m.sources[i]
			if s.more && (least == nil || less(&s.now.Hash, least)) {
				least = &s.now.Hash
			}
		}
		if least == nil || h != nil && !less(least, h) {
			return true
		}
		if !m.emit(&segment.Change{Hash: *least}) {
			return false
		}
	}
}

// emit yields the effect on one context, of which oldest is what the oldest source says.
func (m *merger) emit(oldest *segment.Change) bool {
	out := segment.Change{Hash: oldest.Hash}
	for i := range m.sources {
		if s := &m.sources[i]; s.more && s.now.Hash == out.Hash {
			fold(&out, &s.now)
		}
	}
	fold(&out, oldest)
	if m.full {
		out.Ops = out.Ops.Settled()
	}
	if out.Ops != 0 && !m.yield(out, nil) {
		return false
	}
	for i := range m.sources {
		if s := &m.sources[i]; s.more && s.now.Hash == out.Hash && !m.advance(i) {
			return false
		}
	}
	return true
}

// less reports whether a hash comes before another. Nearly all pairs differ in their first eight bytes.
func less(a, b *segment.Hash) bool {
	if x, y := position(a), position(b); x != y {
		return x < y
	}
	return bytes.Compare(a[:], b[:]) < 0
}

func fold(out, older *segment.Change) {
	out.Ops = out.Ops.Over(older.Ops)
	if len(out.Key) == 0 {
		out.Key = older.Key
	}
}
