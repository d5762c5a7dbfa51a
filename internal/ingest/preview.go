package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"

	"muster/internal/catalog"
	"muster/internal/connector/list"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// Preview is what an import would do.
type Preview struct {
	segment.Diff
	Received  int64
	Skipped   int64
	Samples   []segment.Skip
	WouldHold bool
	Revision  segment.Revision
}

// DryRun says what an import would do and changes nothing. Sample keys are given to those only who
// may view members.
func (i *Ingest) DryRun(ctx context.Context, who catalog.Caller, im Import, body io.Reader) (Preview, error) {
	var out Preview
	p, err := i.importable(i.store, who, im)
	if err != nil {
		return out, err
	}
	preview := i.previewOfMembers
	if !p.seg.Unbounded {
		preview = i.previewOfList
	}
	members, err := preview(ctx, p, im, body, &out)
	if err != nil {
		return out, unavailable(err)
	}
	if who.Check(policy.ViewMembers, p.resource()) != nil {
		out.AddedKeys, out.RemovedKeys = nil, nil
	}
	// Only a write sees what was done lately. It stages nothing.
	_, err = i.store.Update(ctx, store.Scope{Env: p.env.ID}, func(tx store.Tx) error {
		return inspect(tx, p.env, p.seg, segment.Sync{
			Members: members, Added: out.Added, Removed: out.Removed, Whole: im.Mode == Whole,
			MembersAfter: members + int64(out.Added) - int64(out.Removed),
		}, false, i.now())
	})
	if _, trips := errors.AsType[*tripped](err); trips || fault.KindOf(err) == fault.Refused && err != nil {
		out.WouldHold, err = true, nil
	}
	if err != nil {
		return out, unavailable(fmt.Errorf("look at what was done to segment %s lately: %w", p.seg.Key, err))
	}
	return out, nil
}

// DryRunChanges yields everything that an import would do now, in no useful order, until free is called. The
// caller needs exportMembers beside what the import needs.
func (i *Ingest) DryRunChanges(ctx context.Context, who catalog.Caller, im Import, body io.Reader) (changes iter.Seq2[segment.Change, error], free func(), err error) {
	p, err := i.importable(i.store, who, im)
	if err != nil {
		return nil, nil, err
	}
	if err := who.Check(policy.ExportMembers, p.resource()); err != nil {
		return nil, nil, err
	}
	how, targets := im.loadMode(), map[string]bool(nil)
	if !p.seg.Unbounded {
		kind, err := im.kindIn(p.seg)
		if err != nil {
			return nil, nil, err
		}
		how, targets = store.LoadReplace, setOf(p.seg.IncludedOf(kind))
	}
	load, err := i.store.Load(ctx, how)
	if err != nil {
		return nil, nil, unavailable(err)
	}
	w := load.Writer()
	err = cmp.Or(new(Preview).read(ctx, im, body, w), w.Close())
	switch {
	case err != nil:
	case p.seg.Unbounded:
		changes, err = i.changesOfMembers(ctx, p, load)
	default:
		changes, err = changesOfList(ctx, im.Mode, targets, load)
	}
	if err != nil {
		load.Discard()
		return nil, nil, unavailable(err)
	}
	return changes, load.Discard, nil
}

func (i *Ingest) changesOfMembers(ctx context.Context, p place, load store.Load) (iter.Seq2[segment.Change, error], error) {
	now, err := i.store.Snapshot(p.env.ID, p.seg.Ref())
	if err != nil {
		return nil, fmt.Errorf("read members of segment %s: %w", p.seg.Key, err)
	}
	after, err := load.Over(ctx, now)
	if err != nil {
		return nil, fmt.Errorf("compare list with segment %s: %w", p.seg.Key, err)
	}
	return after.Changes(ctx, now), nil
}

// changesOfList yields what a list would do to the targets in a definition.
func changesOfList(ctx context.Context, mode ImportMode, targets map[string]bool, load store.Load) (iter.Seq2[segment.Change, error], error) {
	listed, err := load.Over(ctx, nil) // each key once
	if err != nil {
		return nil, fmt.Errorf("sort list: %w", err)
	}
	return func(yield func(segment.Change, error) bool) {
		left := maps.Clone(targets) // of a whole list
		for c, err := range listed.All(nil) {
			if err != nil {
				yield(c, err)
				return
			}
			key := string(c.Key)
			delete(left, key)
			if targets[key] != (mode == Remove) {
				continue
			}
			if mode == Remove {
				c.Ops = segment.Uninclude
			}
			if !yield(c, nil) {
				return
			}
		}
		for key := range left {
			if mode == Whole && !yield(segment.Change{Hash: segment.HashOf(key), Ops: segment.Uninclude, Key: []byte(key)}, nil) {
				return
			}
		}
	}, nil
}

// previewOfMembers compares the list with what the engine keeps, and returns how many members that is.
func (i *Ingest) previewOfMembers(ctx context.Context, p place, im Import, body io.Reader, out *Preview) (members int64, err error) {
	load, err := i.store.Load(ctx, im.loadMode())
	if err != nil {
		return 0, err
	}
	defer load.Discard()
	w := load.Writer()
	if err := cmp.Or(out.read(ctx, im, body, w), w.Close()); err != nil {
		return 0, err
	}
	now, err := i.store.Snapshot(p.env.ID, p.seg.Ref())
	if err != nil {
		return 0, fmt.Errorf("read members of segment %s: %w", p.seg.Key, err)
	}
	if out.Diff, err = load.Compare(ctx, now); err != nil {
		return 0, fmt.Errorf("compare list with segment %s: %w", p.seg.Key, err)
	}
	out.Revision = now.Revision()
	return now.Counts().Included, nil
}

// read hands the keys of the list to a sink and notes what it could not use.
func (p *Preview) read(ctx context.Context, im Import, body io.Reader, to list.Sink) error {
	body, free, err := im.inflate(body)
	if err != nil {
		return err
	}
	defer free()
	o := im.options()
	o.Skip = func(row int64, reason, _ string) {
		if len(p.Samples) < segment.MaxSkipSamples {
			p.Samples = append(p.Samples, segment.Skip{Row: int(row), Reason: reason})
		}
	}
	sum, err := list.Read(ctx, body, o, []list.Sink{to})
	p.Received, p.Skipped = sum.Rows, sum.Skipped
	if err != nil {
		return troubled(err)
	}
	return nil
}

// previewOfList compares the list with the targets in a definition, and returns how many these are.
func (i *Ingest) previewOfList(ctx context.Context, p place, im Import, body io.Reader, out *Preview) (members int64, err error) {
	kind, err := im.kindIn(p.seg)
	if err != nil {
		return 0, err
	}
	load, err := i.store.Load(ctx, store.LoadReplace)
	if err != nil {
		return 0, err
	}
	defer load.Discard()
	targets := setOf(p.seg.IncludedOf(kind))
	listed := &listedKeys{to: load.Writer(), targets: targets, met: make(map[string]bool)}
	if err := cmp.Or(out.read(ctx, im, body, listed), listed.to.Close()); err != nil {
		return 0, err
	}
	all, err := load.Compare(ctx, nil) // counts each key once
	if err != nil {
		return 0, fmt.Errorf("count list for segment %s: %w", p.seg.Key, err)
	}
	out.Unchanged = len(listed.met)
	switch im.Mode {
	case Remove:
		out.Removed, out.RemovedKeys = len(listed.met), sample(listed.met, nil)
		out.Unchanged = all.Added - out.Removed
	case Whole:
		out.Removed, out.RemovedKeys = len(targets)-len(listed.met), sample(targets, listed.met)
		fallthrough
	case Merge:
		out.Added, out.AddedKeys = all.Added-len(listed.met), listed.others
	}
	out.Revision, err = i.store.Head(p.env.ID)
	return int64(len(targets)), err
}

// listedKeys notes which targets a list names, and some keys that are no targets yet.
type listedKeys struct {
	to      store.LoadWriter
	targets map[string]bool
	met     map[string]bool
	others  []string
}

// Append takes a key.
func (l *listedKeys) Append(key []byte) error {
	switch {
	case l.targets[string(key)]:
		l.met[string(key)] = true
	case len(l.others) < segment.MaxDiffSamples && !slices.Contains(l.others, string(key)):
		l.others = append(l.others, string(key))
	}
	return l.to.Append(key)
}

// sample returns some keys of a set that another one lacks.
func sample(of, without map[string]bool) (keys []string) {
	for key := range of {
		if !without[key] && len(keys) < segment.MaxDiffSamples {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}
