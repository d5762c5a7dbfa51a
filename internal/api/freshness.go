package api

import (
	"muster/internal/catalog"
	"muster/internal/history"
)

// musterJSON is what the vendor's API has no word for: how the syncs of a segment are doing. It
// stands under one name of ours.
type musterJSON struct {
	ExternalID    string           `json:"externalId,omitzero"`
	ExternalName  string           `json:"externalName,omitzero"`
	ExternalText  string           `json:"externalDescription,omitzero" doc:"What the tool says of the segment at last; absent if it never did"`
	Edited        *editedJSON      `json:"edited,omitzero" doc:"Which details somebody edited: no sync changes them any more"`
	Test          *testJSON        `json:"test,omitzero" doc:"A test sync made the segment"`
	State         string           `json:"state" enum:"live,syncing,held,stale,failed"`
	Error         string           `json:"error,omitzero"` // why the state is failed
	FreshAt       int64            `json:"freshAt,omitzero" doc:"When the newest run became visible; Unix milliseconds"`
	Revision      uint64           `json:"revision,omitzero"`
	LastRun       *lastRunJSON     `json:"lastRun,omitzero"`
	Hold          *holdJSON        `json:"hold" doc:"The run that the guard keeps, if any"`
	Drifted       bool             `json:"drifted" doc:"Somebody changed members by hand"`
	Partial       bool             `json:"partial,omitzero"` // recreated after a deletion; lacks what came before
	Points        int              `json:"points"`
	Guard         segmentGuardJSON `json:"guard"`
	UsualInterval int64            `json:"usualIntervalMs,omitzero" doc:"The median pause of the last 20 syncs"`
	Visible       *visibleJSON     `json:"visibleMs,omitzero" doc:"From the first byte of a run until it was visible, over 24 hours"`
	Turn          *turnJSON        `json:"generationMove,omitzero" doc:"The move to the next generation that is under way"`
	Change24h     *int             `json:"change24h,omitzero" doc:"By how much the runs of 24 hours made the segment larger"`
}

// editedJSON says which details of a synced segment follow the tool no more.
type editedJSON struct {
	Name        *editJSON `json:"name,omitzero"`
	Description *editJSON `json:"description,omitzero"`
	Tags        *editJSON `json:"tags,omitzero"`
}

// editJSON says who edited a detail last; it is empty where that is not known.
type editJSON struct {
	By *actorJSON `json:"by,omitzero"`
	At int64      `json:"at,omitzero" doc:"Unix milliseconds"`
}

// testJSON says when a segment of a test is deleted.
type testJSON struct {
	ExpiresAt int64 `json:"expiresAt" doc:"When it is deleted, unless a rule names it; Unix milliseconds"`
}

func editedOf(src *catalog.Source) *editedJSON {
	if !src.NameEdited && !src.DescriptionEdited && !src.TagsEdited {
		return nil
	}
	return &editedJSON{
		Name: editOf(src.NameEdited, src.NameEdit), Description: editOf(src.DescriptionEdited, src.DescriptionEdit), Tags: editOf(src.TagsEdited, src.TagsEdit),
	}
}

func editOf(edited bool, e *catalog.Edit) *editJSON {
	switch {
	case !edited:
		return nil
	case e == nil:
		return &editJSON{}
	default:
		return &editJSON{actorOf(e.By), e.At.UnixMilli()}
	}
}

// syncing is the state of a segment into which a whole list is on its way.
const syncing = "syncing"

type lastRunJSON struct {
	ID         string `json:"_id"`
	State      string `json:"state" enum:"received,staged,live,held,discarded,rejected,superseded,rolledBack"`
	Tool       string `json:"tool,omitzero"`
	ReceivedAt int64  `json:"receivedAt" doc:"Unix milliseconds"`
	Added      int    `json:"added"`
	Removed    int    `json:"removed"`
}

// segmentGuardJSON is the limit of a segment's guard that matters most; null is none.
type segmentGuardJSON struct {
	ShrinkPercent *float64 `json:"shrinkPercent"`
}

// visibleJSON is the time from the first byte of a run until it was visible, in milliseconds.
type visibleJSON struct {
	P50 int64 `json:"p50"`
	P99 int64 `json:"p99"`
}

// holdJSON is the run that the guard of a segment keeps.
type holdJSON struct {
	RunID   string `json:"runId"`
	HeldAt  int64  `json:"heldAt" doc:"Unix milliseconds"`
	Removed int    `json:"removed"`
	Reason  string `json:"reason" enum:"shrink,empty,growth"`
}

func holdOf(h *catalog.Hold) *holdJSON {
	if h == nil {
		return nil
	}
	return &holdJSON{string(h.Run), unixMilli(h.At), h.Removed, string(h.Reason)}
}

func musterOf(seg *catalog.Segment, h history.Health) *musterJSON {
	j := &musterJSON{
		State: string(h.State), Error: h.Error, FreshAt: unixMilli(h.FreshAt), Revision: uint64(h.Revision),
		Hold: holdOf(seg.Hold), Points: h.Points,
	}
	if src := seg.Source; src != nil {
		j.ExternalID, j.ExternalName, j.ExternalText = src.ExternalID, src.ExternalName, src.ExternalDescription
		j.Edited = editedOf(src)
		j.Drifted, j.Partial = seg.Drifted(), src.Partial
	}
	if !seg.ExpiresAt.IsZero() {
		j.Test = &testJSON{seg.ExpiresAt.UnixMilli()}
	}
	if run := h.LastRun; run.ID != "" {
		j.LastRun = &lastRunJSON{
			ID: string(run.ID), State: string(run.State), Tool: run.Tool,
			ReceivedAt: unixMilli(run.ReceivedAt), Added: run.Added, Removed: run.Removed,
		}
	}
	if h.Guard.Shrink >= 0 {
		j.Guard.ShrinkPercent = &h.Guard.Shrink
	}
	return j
}

// beat adds how often and how fast a segment is synced.
func (j *musterJSON) beat(p history.Pulse) {
	j.UsualInterval = p.Usual.Milliseconds()
	if p.Visible == 0 {
		return
	}
	j.Visible = &visibleJSON{p.P50.Milliseconds(), p.P99.Milliseconds()}
	j.Change24h = &p.Change
}
