package ingest

import (
	"context"
	"slices"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/segment"
	"muster/internal/store"
)

// heldBy is the limit behind each reason.
var heldBy = map[segment.HoldReason]segment.GuardField{
	segment.HeldShrink: segment.GuardShrink, segment.HeldEmpty: segment.GuardAllowEmpty, segment.HeldGrowth: segment.GuardGrowth,
}

// tripped ends an update whose changes the guard holds back: it is made again with them parked.
type tripped struct{ hold segment.Hold }

func (t *tripped) Error() string { return "the guard holds the run" }

// inspect returns an error of type tripped, or a refusal, if the guard must hold what a sync does.
// Applied says that the write has applied it as a delta.
func inspect(tx store.Tx, env *catalog.Environment, seg *catalog.Segment, s segment.Sync, applied bool, at time.Time) error {
	g := env.GuardOf(seg)
	added, removed := tx.Recent(env.ID, seg.Key, at.Add(-g.Window))
	if applied { // it is among what was done lately
		added, removed = added-s.Added, removed-s.Removed
	}
	s.AddedLately, s.RemovedLately = added, removed
	reason, limit := g.Check(s)
	if reason == "" {
		return nil
	}
	hold := segment.Hold{
		Reason: reason, Limit: limit, SetOn: env.GuardOrigins(seg, "")[heldBy[reason]],
		Added: s.Added, Removed: s.Removed, Members: s.MembersAfter, Usual: -1, Cause: likelyCause(reason, s),
	}
	if g.Reject {
		return fault.New(fault.Refused, fault.CodeConflict, "the guard of segment %s refuses the sync: %s", seg.Key, hold.Cause)
	}
	return &tripped{hold}
}

func likelyCause(reason segment.HoldReason, s segment.Sync) string {
	switch {
	case reason == segment.HeldEmpty:
		return "The list holds nobody. As a rule the query behind it failed or lost its source."
	case reason == segment.HeldGrowth:
		return "Far more contexts than usual would join. As a rule a condition of the query was lost."
	case s.RemovedLately > s.Removed:
		return "Many removals came one after the other. As a rule the audience was redefined, or a source was disconnected."
	default:
		return "Far more contexts than usual would leave. As a rule a filter of the query changed, or its source was loaded only in part."
	}
}

// usual returns the median percentage that the last runs of a segment removed, -1 if there were none.
func (i *Ingest) usual(ctx context.Context, env segment.EnvID, key segment.Key, members int64) float64 {
	const looked, counted = 100, 20 // most runs went live
	runs, _, err := i.store.Runs(ctx, env, store.RunQuery{Segment: key, Limit: looked})
	if err != nil || members <= 0 {
		return -1
	}
	var shares []float64
	for _, r := range runs {
		if r.State == segment.RunLive && len(shares) < counted {
			shares = append(shares, 100*float64(r.Removed)/float64(members))
		}
	}
	if len(shares) == 0 {
		return -1
	}
	slices.Sort(shares)
	return shares[len(shares)/2]
}
