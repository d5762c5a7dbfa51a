package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"muster/internal/catalog"
	"muster/internal/connector/list"
	"muster/internal/fault"
	"muster/internal/segment"
	"muster/internal/store"
)

// listable checks that an import into a segment that lists its targets can be made.
func (im Import) listable(seg *catalog.Segment) error {
	if im.Wait {
		return fault.Invalidf("the segment %s lists its targets in its definition; an import into it can't wait, so leave waitOnApprovals out", seg.Key)
	}
	_, err := im.kindIn(seg)
	return err
}

// kindIn returns the context kind of the keys in a segment that lists its targets.
func (im Import) kindIn(seg *catalog.Segment) (segment.ContextKind, error) {
	if im.Kind != "" {
		if !catalog.ValidContextKind(im.Kind) {
			return "", fault.Invalidf("contextKind may have letters, digits, dots, underscores and hyphens, and may be neither kind nor multi")
		}
		return im.Kind, nil
	}
	if seg.Move != nil {
		return seg.Move.Kind, nil
	}
	kind, err := seg.TargetKind()
	if err != nil {
		return "", fault.Invalidf("%s; say with contextKind which kind the list is of", fault.From(err).Message)
	}
	return kind, nil
}

// intoList takes an import into a segment that lists its targets. A result short enough goes into the
// definition before intoList returns; with a longer one the segment becomes a big one first, and the
// import then goes on as one into a big segment.
func (j *job) intoList(ctx context.Context, p place, body io.Reader) (segment.Run, error) {
	kind, err := j.im.kindIn(p.seg)
	if err == nil {
		err = j.i.ensureKind(ctx, p.project, kind)
	}
	keys := &keyList{most: j.i.lists.Targets}
	if j.im.Mode == Remove {
		keys.only = setOf(p.seg.IncludedOf(kind))
	}
	if err == nil {
		err = j.receive(ctx, body, func(ctx context.Context, body io.Reader) error { return j.read(ctx, body, []list.Sink{keys}) })
	}
	if err != nil {
		j.give(err)
		return segment.Run{}, unavailable(troubled(err))
	}
	run, err := j.enlist(ctx, p.seg.ID, kind, keys)
	if errors.Is(err, errTooLong) {
		return j.outgrow(ctx, p, kind)
	}
	if err != nil {
		j.give(err)
		return segment.Run{}, unavailable(fmt.Errorf("commit import into segment %s: %w", j.id.key, err))
	}
	j.i.end(j)
	if err := j.i.store.DeleteDocument(context.WithoutCancel(ctx), j.id.env, documentOf(j.name)); err != nil {
		j.i.log.WarnContext(ctx, "body of an import was not deleted", "run", j.name, "err", err)
	}
	return run, nil
}

// errTooLong says that a list is too long for the definition of its segment.
var errTooLong = errors.New("the list is too long for the segment's definition")

// enlist puts the keys into the segment's definition.
func (j *job) enlist(ctx context.Context, seg catalog.ID, kind segment.ContextKind, keys *keyList) (run segment.Run, err error) {
	if keys.over {
		return run, errTooLong
	}
	var before *segment.Run
	rev, err := j.i.store.Update(ctx, store.Scope{Env: j.id.env}, func(tx store.Tx) error {
		p, err := j.i.importable(tx, j.who, j.im)
		if err != nil {
			return err
		}
		switch {
		case p.seg.ID != seg:
			return fault.NotFoundf("segment %s was deleted while the list was on its way; nothing of it was taken", p.seg.Key)
		case p.seg.Unbounded:
			return errTooLong // by now
		}
		if before, err = j.known(tx); err != nil || before != nil {
			return err
		}
		run = j.state()
		return j.stageList(tx, p, kind, keys.keys, &run)
	})
	if before != nil {
		return *before, err
	}
	run.Revision = rev
	return run, err
}

// stageList stages the list that the import makes of a segment's.
func (j *job) stageList(tx store.Tx, p place, kind segment.ContextKind, keys []string, run *segment.Run) error {
	after := j.im.onto(p.seg, kind, keys)
	before, list := p.seg.IncludedOf(kind), after.IncludedOf(kind)
	if j.i.lists.Exceeded(after) && len(list) > len(before) {
		return errTooLong
	}
	added, removed := difference(before, list)
	err := inspect(tx, p.env, p.seg, segment.Sync{
		Members: int64(len(before)), Added: added, Removed: removed, MembersAfter: int64(len(list)), Whole: j.im.Mode == Whole,
	}, false, j.i.now())
	if trip, trips := errors.AsType[*tripped](err); trips {
		err = fault.New(fault.Refused, fault.CodeConflict,
			"the guard of segment %s refuses the import: %s A list in a segment's definition can't be held; change the guard, or the list with a PATCH of the segment", p.seg.Key, trip.hold.Cause)
	}
	if err == nil {
		err = j.i.lists.Check(p.seg, after)
	}
	if err != nil {
		return err
	}
	run.Progress, run.State = nil, segment.RunLive
	run.Count(added, removed)
	tx.Record(*run)
	if slices.Equal(before, list) {
		return nil
	}
	after.ModifiedAt = j.i.now()
	after.Version = max(after.Version, tx.LastVersion(after.Env, segment.SegmentDefinition, string(after.Key))) + 1
	if err := after.Validate(); err != nil {
		return err
	}
	tx.PutSegment(after)
	tx.Audit(j.audit(p, *run))
	return nil
}

// onto returns what the import makes of a segment that lists its targets.
func (im Import) onto(seg *catalog.Segment, kind segment.ContextKind, keys []string) *catalog.Segment {
	after := seg.Clone()
	switch im.Mode {
	case Merge:
		after.AddIncluded(kind, keys)
	case Remove:
		after.RemoveIncluded(kind, keys)
	case Whole:
		after.SetIncluded(kind, keys)
	}
	return after
}

// difference counts the keys that only one of two lists has.
func difference(before, after []string) (added, removed int) {
	was, is := setOf(before), setOf(after)
	for key := range is {
		if !was[key] {
			added++
		}
	}
	return added, len(was) - (len(is) - added)
}

// outgrow makes a big segment of the list and lets the import, whose body is here, go on there.
func (j *job) outgrow(ctx context.Context, p place, kind segment.ContextKind) (segment.Run, error) {
	if !j.i.lists.Move {
		err := fault.Invalidf("segment %s would list more than %d targets, and lists don't become big segments here (--big-list-threshold, --resp-listen). Create a big segment (unbounded: true) for more", p.seg.Key, j.i.lists.Targets)
		j.give(err)
		return segment.Run{}, err
	}
	err := j.i.move(ctx, p, kind)
	var before *segment.Run
	if err == nil {
		before, err = j.open(ctx)
	}
	switch {
	case err != nil:
		j.give(err)
		return segment.Run{}, unavailable(err)
	case before != nil:
		j.i.end(j)
		return *before, unavailable(j.i.store.DeleteDocument(context.WithoutCancel(ctx), j.id.env, documentOf(j.name)))
	}
	j.received.Store(true)
	run := j.state()
	if err := j.again(ctx); err != nil {
		return segment.Run{}, unavailable(troubled(err))
	}
	return run, nil
}

// keyList collects the keys of a list in their order, each once, up to a number of them.
type keyList struct {
	most int
	only map[string]bool // nil: any
	keys []string
	seen map[string]bool
	over bool // there are more
}

// Append takes a key.
func (l *keyList) Append(key []byte) error {
	switch {
	case l.over, l.seen[string(key)], l.only != nil && !l.only[string(key)]:
		return nil
	case l.only == nil && len(l.keys) == l.most:
		l.over, l.keys, l.seen = true, nil, nil
		return nil
	case l.seen == nil:
		l.seen = make(map[string]bool)
	}
	l.seen[string(key)] = true
	l.keys = append(l.keys, string(key))
	return nil
}

func setOf(keys []string) map[string]bool {
	set := make(map[string]bool, len(keys))
	for _, key := range keys {
		set[key] = true
	}
	return set
}
