package sink

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
)

// Verification is what came of comparing a store with the truth.
type Verification struct {
	// Full says that everybody is compared, not a sample.
	Full bool
	// Repair says that what is wrong is put right.
	Repair  bool
	Began   time.Time
	Ended   time.Time // zero while it is at work
	Checked int64     // contexts, those counted twice that were looked up from both sides
	// Missing and Extra count refs that contexts should have in the store and don't, or have and shouldn't.
	Missing, Extra int64
	// Foreign counts texts in the store that are no refs.
	Foreign int64
	// Samples are the first differences, at most [MaxSamples].
	Samples []Difference
	Error   string // why it ended early
}

// MaxSamples bounds [Verification.Samples].
const MaxSamples = 20

// Difference is a ref of a context in which store and truth differ.
type Difference struct {
	Ref  segment.Ref
	Hash segment.Hash
	// Missing is true if it should be in the store, false if it should not.
	Missing  bool
	Excluded bool // in the set of excluded contexts
}

const (
	// settle is how long what may still be under way to a store is waited for.
	settle = 10 * time.Second
	// maxSuspects is how many contexts are remembered that have to be looked at once more.
	maxSuspects = 64 << 10
	// sampled is how many contexts a sample has about.
	sampled = 2000
	// sampledRefs is of how many refs a sample is taken.
	sampledRefs = 50
)

// suspects are contexts of which something older may have been written after something newer: after a
// connection broke, what was under way in it may still arrive.
type suspects struct {
	until  time.Time // what is written before is suspect
	hashes map[segment.Hash]struct{}
	all    bool // there were too many
}

func (s *suspects) watch(now time.Time) { s.until = now.Add(settle) }

// due returns when to look, false if there is no need.
func (s *suspects) due() (time.Time, bool) {
	return s.until.Add(settle), len(s.hashes) > 0 || s.all
}

// suspect remembers who is written about.
func (l *loop) suspect(changes []store.RefChange) {
	s := &l.suspects
	if s.all || !l.now().Before(s.until) {
		return
	}
	if s.hashes == nil {
		s.hashes = make(map[segment.Hash]struct{})
	}
	for i := range changes {
		s.hashes[changes[i].Hash] = struct{}{}
	}
	if len(s.hashes) > maxSuspects {
		s.hashes, s.all = nil, true
	}
}

// inspect compares a part of the store with the truth, if there is reason to; busy says that there is more.
func (l *loop) inspect(ctx context.Context) (busy bool, err error) {
	if due, ok := l.suspects.due(); ok && !l.now().Before(due) {
		return true, l.clearSuspects(ctx)
	}
	if l.job == nil && l.m.sweep {
		l.job = &inspection{sweep: true, stage: scanning, report: Verification{Full: true, Repair: true, Began: l.now()}}
	}
	if l.job == nil {
		return false, nil
	}
	done, err := l.job.advance(ctx, l)
	if !l.job.sweep {
		report := l.job.report
		report.Samples = slices.Clone(report.Samples)
		switch {
		case err != nil:
			report.Ended, report.Error = l.now(), words(err)
		case done:
			report.Ended = l.now()
		}
		l.note(func(s *state) { s.verification = &report })
	}
	if done || err != nil {
		l.m.sweep = l.m.sweep && (!done || !l.job.sweep)
		l.job = nil
	}
	return true, err
}

// clearSuspects puts right what is wrong of suspects.
func (l *loop) clearSuspects(ctx context.Context) error {
	if l.suspects.all {
		l.suspects = suspects{}
		return l.beginAnew(ctx, true)
	}
	batch := make([]segment.Hash, 0, min(len(l.suspects.hashes), l.flight.size()))
	for h := range l.suspects.hashes {
		if batch = append(batch, h); len(batch) == cap(batch) {
			break
		}
	}
	report := Verification{Repair: true}
	if err := l.compare(ctx, batch, anything, &report); err != nil {
		return err
	}
	for _, h := range batch {
		delete(l.suspects.hashes, h)
	}
	return nil
}

// stage is what an inspection looks at.
type stage uint8

const (
	reading  stage = iota // who should be in the store
	scanning              // who is in it
)

// inspection is a comparison that is under way.
type inspection struct {
	report Verification
	sweep  bool // it only removes what doesn't belong there
	stage  stage

	refs    []segment.Ref // still to be read
	members store.Members // of the first of them; nil: not opened
	after   *segment.Hash
	most    int // of a sample of a ref; 0: all
	from    string
	parts   int
}

// newInspection begins a comparison.
func (l *loop) newInspection(full, repair bool) *inspection {
	in := &inspection{report: Verification{Full: full, Repair: repair, Began: l.now()}}
	for _, s := range l.store.Segments(l.env) {
		if s.Unbounded {
			in.refs = append(in.refs, s.Refs()...)
		}
	}
	if !full {
		in.refs = in.refs[:min(len(in.refs), sampledRefs)]
		in.most = max(1, sampled/max(1, len(in.refs)))
	}
	return in
}

// advance compares a batch; done says that it was the last.
func (in *inspection) advance(ctx context.Context, l *loop) (done bool, err error) {
	if in.stage == reading && len(in.refs) > 0 {
		ref := in.refs[0]
		hashes, err := in.read(l)
		if err != nil {
			return false, err
		}
		in.report.Checked += int64(len(hashes))
		return false, l.compare(ctx, hashes, missingOf(ref), &in.report)
	}
	in.stage = scanning
	part, next, err := l.target.Scan(ctx, in.from)
	if err != nil {
		return false, err
	}
	in.report.Checked += int64(len(part))
	for _, h := range part {
		in.report.Foreign += int64(h.Foreign)
	}
	if err := l.compareHeld(ctx, part, extra, &in.report); err != nil {
		return false, err
	}
	in.from = next
	in.parts++
	return next == "" || !in.report.Full && in.parts >= 2, nil
}

// read returns the next contexts that should be in the store.
func (in *inspection) read(l *loop) ([]segment.Hash, error) {
	ref := in.refs[0]
	if in.members == nil {
		members, err := l.store.Snapshot(l.env, ref)
		if err != nil {
			in.refs = in.refs[1:] // it can't be read, or is gone, which the log tells
			return nil, nil       //nolint:nilerr // another segment is no worse for it
		}
		in.members = members
		if counts := members.Counts(); in.most > 0 && counts.Included+counts.Excluded > int64(in.most) {
			in.after = new(segment.Hash)
			_, _ = rand.Read(in.after[:]) // never fails
		}
	}
	size := l.flight.size()
	if in.most > 0 {
		size = min(size, in.most)
	}
	hashes := make([]segment.Hash, 0, min(size, 1024))
	for c, err := range in.members.All(in.after) {
		if err != nil {
			in.members, in.after, in.refs = nil, nil, in.refs[1:]
			return hashes, fmt.Errorf("read the members of %s: %w", ref, err)
		}
		if hashes = append(hashes, c.Hash); len(hashes) == size {
			break
		}
	}
	if len(hashes) < size || in.most > 0 {
		in.members, in.after, in.refs = nil, nil, in.refs[1:]
	} else {
		in.after = new(hashes[len(hashes)-1])
	}
	return hashes, nil
}

// which says what part of a difference is of interest, so that one that is come upon twice is counted once.
type which func(place, segment.Ops) segment.Ops

func anything(_ place, ops segment.Ops) segment.Ops { return ops }

// extra selects what should not be there.
func extra(_ place, ops segment.Ops) segment.Ops {
	return ops & (segment.Uninclude | segment.Unexclude)
}

// missingOf selects what should be there of a ref.
func missingOf(ref segment.Ref) which {
	return func(at place, ops segment.Ops) segment.Ops {
		if at.ref != ref {
			return 0
		}
		return ops.Settled()
	}
}

// compare compares what the store holds of contexts with the truth.
func (l *loop) compare(ctx context.Context, hashes []segment.Hash, of which, report *Verification) error {
	for batch := range slices.Chunk(hashes, l.target.Traits().Batch) {
		held, err := l.target.Lookup(ctx, batch)
		if err != nil {
			return err
		}
		if err := l.compareHeld(ctx, held, of, report); err != nil {
			return err
		}
	}
	return nil
}

// compareHeld compares what the store was found to hold with the truth, and looks again at what differs
// once the store is told everything: only what still does is wrong.
func (l *loop) compareHeld(ctx context.Context, held []Held, of which, report *Verification) error {
	wrong, err := l.differences(held, of)
	const looks = 3
	for range looks - 1 {
		if err != nil || len(wrong) == 0 {
			return err
		}
		if err := l.catchUp(ctx); err != nil {
			return err
		}
		var again []segment.Hash
		for at := range wrong {
			again = append(again, at.hash)
		}
		slices.SortFunc(again, func(a, b segment.Hash) int { return slices.Compare(a[:], b[:]) })
		still := make(map[place]segment.Ops)
		for batch := range slices.Chunk(slices.Compact(again), l.target.Traits().Batch) {
			if held, err = l.target.Lookup(ctx, batch); err != nil {
				return err
			}
			found, err := l.differences(held, of)
			if err != nil {
				return err
			}
			for at, ops := range found {
				if _, ok := wrong[at]; ok {
					still[at] = ops
				}
			}
		}
		wrong = still
	}
	return l.putRight(ctx, wrong, report)
}

// differences returns what would make held true.
func (l *loop) differences(held []Held, of which) (map[place]segment.Ops, error) {
	view, err := l.store.View(l.env)
	if err != nil {
		return nil, err
	}
	wrong := make(map[place]segment.Ops)
	truth, has := make(map[segment.Ref]segment.Ops), make(map[segment.Ref]segment.Ops)
	for i := range held {
		h := &held[i]
		clear(truth)
		clear(has)
		unread := view.Each(h.Hash, func(ref segment.Ref, ops segment.Ops) bool { truth[ref] = ops; return true })
		for _, ref := range h.Included {
			has[ref] |= segment.Include
		}
		for _, ref := range h.Excluded {
			has[ref] |= segment.Exclude
		}
		for ref, ops := range truth {
			if add := ops.Settled() &^ has[ref]; add != 0 {
				wrong[place{ref, h.Hash}] = add
			}
		}
		for ref, ops := range has {
			extra := ops &^ truth[ref]
			if extra == 0 {
				continue
			}
			if unread != nil {
				if _, err := view.State(ref, h.Hash); err != nil {
					continue // nobody knows
				}
			}
			o := wrong[place{ref, h.Hash}]
			if extra&segment.Include != 0 {
				o |= segment.Uninclude
			}
			if extra&segment.Exclude != 0 {
				o |= segment.Unexclude
			}
			wrong[place{ref, h.Hash}] = o
		}
	}
	for at, ops := range wrong {
		if ops = of(at, ops); ops == 0 {
			delete(wrong, at)
		} else {
			wrong[at] = ops
		}
	}
	return wrong, nil
}

// putRight counts differences, and ends them if it is to.
func (l *loop) putRight(ctx context.Context, wrong map[place]segment.Ops, report *Verification) error {
	b := l.flight.buffer()
	defer func() { l.flight.giveBack(b) }()
	for at, ops := range wrong {
		report.count(at, ops)
		if !report.Repair {
			continue
		}
		if b = append(b, store.RefChange{Ref: at.ref, Hash: at.hash, Ops: ops}); len(b) < l.flight.size() {
			continue
		}
		err := l.flight.send(ctx, b)
		b = l.flight.buffer()
		if err != nil {
			break
		}
	}
	err := l.flight.send(ctx, b)
	b = l.flight.buffer()
	if landed := l.flight.land(); err == nil {
		err = landed
	}
	return err
}

// count counts a difference.
func (v *Verification) count(at place, ops segment.Ops) {
	for _, one := range []struct {
		op                segment.Ops
		missing, excluded bool
	}{{segment.Include, true, false}, {segment.Uninclude, false, false}, {segment.Exclude, true, true}, {segment.Unexclude, false, true}} {
		if ops&one.op == 0 {
			continue
		}
		if one.missing {
			v.Missing++
		} else {
			v.Extra++
		}
		if len(v.Samples) < MaxSamples {
			v.Samples = append(v.Samples, Difference{Ref: at.ref, Hash: at.hash, Missing: one.missing, Excluded: one.excluded})
		}
	}
}
