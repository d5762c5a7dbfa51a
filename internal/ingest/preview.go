package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"

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
	load, err := i.store.Load(ctx, im.loadMode())
	if err != nil {
		return out, unavailable(err)
	}
	defer load.Discard()
	body, free, err := im.inflate(body)
	if err != nil {
		return out, err
	}
	defer free()
	w := load.Writer()
	o := im.options()
	o.Skip = func(row int64, reason, _ string) {
		if len(out.Samples) < segment.MaxSkipSamples {
			out.Samples = append(out.Samples, segment.Skip{Row: int(row), Reason: reason})
		}
	}
	sum, err := list.Read(ctx, body, o, []list.Sink{w})
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return out, unavailable(troubled(err))
	}
	now, err := i.store.Snapshot(p.env.ID, p.seg.Ref())
	if err != nil {
		return out, unavailable(fmt.Errorf("read members of segment %s: %w", p.seg.Key, err))
	}
	if out.Diff, err = load.Compare(ctx, now); err != nil {
		return out, unavailable(fmt.Errorf("compare list with segment %s: %w", p.seg.Key, err))
	}
	if who.Check(policy.ViewMembers, p.resource()) != nil {
		out.AddedKeys, out.RemovedKeys = nil, nil
	}
	out.Received, out.Skipped, out.Revision = sum.Rows, sum.Skipped, now.Revision()
	// Only a write sees what was done lately. It stages nothing.
	_, err = i.store.Update(ctx, store.Scope{Env: p.env.ID}, func(tx store.Tx) error {
		return inspect(tx, p.env, p.seg, segment.Sync{
			Members: now.Counts().Included, Added: out.Added, Removed: out.Removed, Whole: im.Mode == Whole,
			MembersAfter: now.Counts().Included + int64(out.Added) - int64(out.Removed),
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
