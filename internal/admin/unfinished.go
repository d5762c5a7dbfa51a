package admin

import (
	"context"
	"fmt"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
)

// unfinished returns the runs of a segment that are held or on their way.
func (a *Admin) unfinished(ctx context.Context, env segment.EnvID, key segment.Key) ([]segment.Run, error) {
	var all []segment.Run
	for _, state := range []segment.RunState{segment.RunHeld, segment.RunReceived, segment.RunStaged} {
		runs, _, err := a.store.Runs(ctx, env, store.RunQuery{Segment: key, State: state})
		if err != nil {
			return nil, fmt.Errorf("list the runs of segment %s that are %s: %w", key, state, err)
		}
		all = append(all, runs...)
	}
	return all, nil
}

// endRuns ends what a segment that is about to be deleted leaves unfinished: what is held is discarded,
// a list that is on its way is rejected. A run that has ended since the look at the ledger stays as it is.
func endRuns(tx store.Tx, s *catalog.Segment, runs []segment.Run) {
	for _, r := range runs {
		if _, open := tx.Session(s.Env, s.Key, r.ID); open || s.Hold != nil && r.Hold != nil && r.Hold.Joined == s.Hold.Run {
			tx.Record(ended(r))
		}
	}
}

// ended returns a run of a segment that was deleted.
func ended(r segment.Run) segment.Run {
	if r.State == segment.RunHeld {
		r.State, r.Comment = segment.RunDiscarded, "the segment was deleted"
		return r
	}
	r.State, r.Error = segment.RunRejected, "the segment was deleted before its list was complete"
	r.Progress, r.Waiting = nil, false
	return r
}

// endJoined ends runs that joined a hold between the look at the ledger and the deletion of the segment.
func (a *Admin) endJoined(ctx context.Context, env segment.EnvID, key segment.Key, hold segment.RunID) error {
	runs, _, err := a.store.Runs(ctx, env, store.RunQuery{Segment: key, State: segment.RunHeld})
	if err != nil {
		return fmt.Errorf("list the held runs of segment %s: %w", key, err)
	}
	var left []segment.Run
	for _, r := range runs {
		if r.ID == hold || r.Hold != nil && r.Hold.Joined == hold {
			left = append(left, ended(r))
		}
	}
	if len(left) == 0 {
		return nil
	}
	return a.update(ctx, store.Scope{Env: env}, Change{}, func(tx store.Tx) error {
		for _, r := range left {
			tx.Record(r)
		}
		return nil
	})
}
