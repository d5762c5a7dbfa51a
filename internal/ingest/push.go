package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"muster/internal/catalog"
	"muster/internal/connector"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// push is one push on its way to the commit.
type push struct {
	Push
	ingest  *Ingest
	who     catalog.Caller
	project *catalog.Project
	env     *catalog.Environment
	staged  []store.Staged
	skipped []int // per cohort: members that could not be used
	runs    []segment.Run

	trip  map[int]*segment.Hold // cohorts whose changes the guard holds
	split map[int]*halves       // cohorts that came while a run is held
}

// halves are the changes of a cohort, those that add apart from those that remove.
type halves struct{ adds, removes store.Staged }

// errSplit ends an update in which a run turns out to be held.
type errSplit struct{ cohort int }

func (e *errSplit) Error() string { return "a run is held" }

// update commits the push. What the guard holds is parked in a second attempt.
func (w *push) update(ctx context.Context) (segment.Revision, error) {
	for {
		at := -1
		rev, err := w.ingest.store.Update(ctx, store.Scope{Env: w.env.ID}, func(tx store.Tx) error { return w.commit(tx, &at) })
		var trip *tripped
		var split *errSplit
		switch {
		case errors.As(err, &trip) && w.trip[at] == nil:
			if w.trip == nil {
				w.trip = make(map[int]*segment.Hold)
			}
			trip.hold.Usual = w.ingest.usual(ctx, w.env.ID, w.segment(at), trip.hold.Members+int64(trip.hold.Removed-trip.hold.Added))
			w.trip[at] = &trip.hold
		case errors.As(err, &split) && w.split[split.cohort] == nil:
			if err := w.halve(ctx, split.cohort); err != nil {
				return 0, err
			}
		default:
			return rev, err
		}
	}
}

func (w *push) segment(cohort int) segment.Key {
	if seg, ok := w.ingest.store.SegmentBySource(w.env.ID, string(w.Tool), w.Batch.Cohorts[cohort].ExternalID); ok {
		return seg.Key
	}
	return ""
}

// halve stages the changes of a cohort in two lists.
func (w *push) halve(ctx context.Context, cohort int) error {
	adds, removes := new(segment.Changes), new(segment.Changes)
	for c := range w.Batch.Cohorts[cohort].Changes.All() {
		to := adds
		if c.Ops.Settled() != c.Ops {
			to = removes
		}
		if len(c.Key) > 0 {
			to.Append(c.Key, c.Ops)
		} else {
			to.AppendHash(c.Hash, c.Ops)
		}
	}
	h := &halves{}
	var err error
	if h.adds, err = w.ingest.store.Stage(ctx, adds); err != nil {
		return err
	}
	if h.removes, err = w.ingest.store.Stage(ctx, removes); err != nil {
		h.adds.Discard()
		return err
	}
	if w.split == nil {
		w.split = make(map[int]*halves)
	}
	w.split[cohort] = h
	return nil
}

// apply applies the changes of a cohort, or parks what the guard holds, and fills in the run.
func (w *push) apply(tx store.Tx, n int, seg *catalog.Segment, run *segment.Run) error {
	switch {
	case seg.Hold != nil && w.trip[n] != nil:
		return w.join(tx, seg, w.staged[n], run)
	case seg.Hold != nil && w.split[n] == nil:
		return &errSplit{n}
	case seg.Hold != nil: // what is applied is parked too, so adds take the place of removals that wait
		if err := w.live(tx, seg, w.split[n].adds, run); err != nil {
			return err
		}
		return w.join(tx, seg, w.split[n].removes, run)
	case w.trip[n] != nil:
		return w.hold(tx, n, seg, run)
	}
	return w.live(tx, seg, w.staged[n], run)
}

// live applies changes, unless the guard must hold them.
func (w *push) live(tx store.Tx, seg *catalog.Segment, changes store.Staged, run *segment.Run) error {
	if changes.Len() == 0 {
		return nil
	}
	effect, err := tx.Apply(w.env.ID, seg.Key, changes)
	if err != nil {
		return err
	}
	run.Count(effect.Added, effect.Removed)
	return inspect(tx, w.env, seg, segment.Sync{
		Members: effect.Counts.Included - int64(effect.Added) + int64(effect.Removed), Added: effect.Added, Removed: effect.Removed, MembersAfter: effect.Counts.Included,
	}, true, w.ingest.now())
}

// hold parks the changes of a cohort in a hold of its own.
func (w *push) hold(tx store.Tx, n int, seg *catalog.Segment, run *segment.Run) error {
	tx.OpenSession(store.Session{Env: w.env.ID, Segment: seg.Key, ID: run.ID, Detail: []byte(holdDetail)})
	effect, err := tx.Park(w.env.ID, seg.Key, run.ID, w.staged[n])
	if err != nil {
		return err
	}
	hold := *w.trip[n]
	hold.Added, hold.Removed = effect.Added, effect.Removed
	run.State, run.Hold = segment.RunHeld, &hold
	run.Unchanged = 0
	held := seg.Clone()
	held.Hold = &catalog.Hold{Run: run.ID, At: w.ReceivedAt, Removed: effect.Removed, Reason: hold.Reason}
	dropDiscarded(tx, held)
	tx.PutSegment(held)
	tx.Audit(w.ingest.heldAudit(w.who, place{w.project, w.env, held}, *run))
	return nil
}

// join parks changes in the hold that is open.
func (w *push) join(tx store.Tx, seg *catalog.Segment, changes store.Staged, run *segment.Run) error {
	if changes.Len() == 0 {
		return nil
	}
	parked, err := tx.Park(w.env.ID, seg.Key, seg.Hold.Run, changes)
	if err != nil {
		return err
	}
	held := seg.Clone()
	joined(run, held, parked)
	if parked.Removed > 0 {
		tx.PutSegment(held)
	}
	return nil
}

// holdDetail marks the session of held changes.
const holdDetail = `{"kind":"hold"}`

// authorise checks every segment that the push would touch as the catalog is now, before any work
// is done for the caller. The commit checks again in order.
func (w *push) authorise(c store.Catalog) error {
	if len(w.Batch.Cohorts) == 0 {
		if err := w.who.Check(policy.UpdateIncluded, catalog.SegmentResource(w.project, w.env, "", nil)); err != nil {
			return err
		}
	}
	for _, cohort := range w.Batch.Cohorts {
		if _, err := w.resolve(c, cohort); err != nil {
			return err
		}
	}
	return w.connected(w.env)
}

// welcome refuses the push as the catalog is when it is committed: its environment may have been deleted
// since it came, or its tool disconnected.
func (w *push) welcome(c store.Catalog) error {
	env, ok := c.Environment(w.env.ID)
	if !ok {
		return fault.NotFoundf("Unknown environment id; the environment was deleted")
	}
	return w.connected(env)
}

// connected refuses the push of a tool that somebody disconnected.
func (w *push) connected(env *catalog.Environment) error {
	if env.Sources[string(w.Tool)].DisconnectedAt.IsZero() {
		return nil
	}
	return fault.Forbiddenf("%s is disconnected from environment %s; whoever has updateEnvironmentSettings can connect it again, on its page under Sources", w.ToolName, env.Key)
}

// resolve returns the segment of a cohort, nil if it has to be created, after checking that the
// caller may do to it what the push wants.
func (w *push) resolve(c store.Catalog, cohort segment.Cohort) (*catalog.Segment, error) {
	key := connector.SegmentKey(w.Tool, cohort.ExternalID)
	taken, exists := c.Segment(w.env.ID, key)
	// Asked last: outside a commit, another request may create the segment between the two questions.
	seg, ok := c.SegmentBySource(w.env.ID, string(w.Tool), cohort.ExternalID)
	if !ok && exists && taken.Unbounded && taken.Source == nil {
		seg, ok = taken, true // see adopt
	}
	if !ok {
		resource := catalog.SegmentResource(w.project, w.env, key, nil)
		if err := w.who.Check(policy.CreateSegment, resource); err != nil {
			return nil, err
		}
		if err := w.who.Check(policy.UpdateIncluded, resource); err != nil {
			return nil, err
		}
		if exists {
			return nil, fault.Conflictf("the segment key %s is taken by %s; delete that segment first, or give the cohort another id", key, kindOf(taken))
		}
		return nil, nil
	}
	if err := w.who.Check(policy.UpdateIncluded, catalog.SegmentResource(w.project, w.env, seg.Key, seg.Tags)); err != nil {
		return nil, err
	}
	if seg.Kind != w.Batch.Kind {
		return nil, fault.Conflictf("the segment %s holds contexts of kind %s, not %s; a segment holds one kind", seg.Key, seg.Kind, w.Batch.Kind)
	}
	return seg, nil
}

// kindOf describes a segment to somebody whose sync it is in the way of.
func kindOf(s *catalog.Segment) string {
	if s.Source != nil {
		return "a segment synced from " + s.Source.Tool
	}
	return "a segment based on rules or targets"
}

func (w *push) stage(ctx context.Context) error {
	for _, cohort := range w.Batch.Cohorts {
		w.skipped = append(w.skipped, cohort.Received-cohort.Changes.Len())
		if cohort.Changes.Len() == 0 {
			w.staged = append(w.staged, nil)
			continue
		}
		staged, err := w.ingest.store.Stage(ctx, cohort.Changes)
		if err != nil {
			return unavailable(fmt.Errorf("stage push of %s: %w", w.Tool, err))
		}
		w.staged = append(w.staged, staged)
	}
	return nil
}

func (w *push) discard() {
	for _, s := range w.staged {
		if s != nil {
			s.Discard()
		}
	}
	for _, h := range w.split {
		h.adds.Discard()
		h.removes.Discard()
	}
}

// commit runs in the environment's order, perhaps more than once.
func (w *push) commit(tx store.Tx, at *int) error {
	w.runs = w.runs[:0]
	if err := w.welcome(tx); err != nil {
		return err
	}
	if w.Idempotency != "" {
		known, err := tx.Recorded(w.env.ID, string(w.Tool), w.request())
		if err != nil || len(known) > 0 {
			w.runs = known
			return err
		}
	}
	if len(w.Batch.Cohorts) == 0 {
		run := w.run("", segment.Cohort{})
		run.Received, run.Skipped, run.Samples = w.Batch.Received, w.Batch.Skipped, w.Batch.Samples
		run.Note = joinNotes(run.Note, "empty: the request named no cohort and no members")
		w.record(tx, run)
		w.remember(tx)
		return nil
	}
	for n, cohort := range w.Batch.Cohorts {
		seg, before, err := w.settled(tx, cohort, n == 0)
		if err != nil {
			return err
		}
		run := w.run(seg.Key, cohort)
		run.Skipped = w.skipped[n]
		run.Count(0, 0)
		if n == 0 { // samples and note are the request's
			run.Samples, run.Note = w.Batch.Samples, w.Batch.Note
		}
		if w.staged[n] != nil {
			*at = n
			if err := w.apply(tx, n, seg, &run); err != nil {
				return fmt.Errorf("apply to segment %s: %w", seg.Key, err)
			}
		}
		switch {
		case before != nil && before.Source == nil:
			run.Note = joinNotes(run.Note, "partial: the list was here before the tool and may lack what it sent elsewhere; run a full sync in "+w.ToolName)
		case before == nil && seg.Source.Partial:
			run.Note = joinNotes(run.Note, "partial: the segment had been deleted and holds only what came since; run a full sync in "+w.ToolName)
		}
		w.record(tx, run)
		if before == nil || before != seg || run.Added+run.Removed > 0 {
			tx.Audit(w.audit(seg, before, run))
		}
	}
	w.remember(tx)
	return nil
}

// settled returns the segment of a cohort as the tool describes it now, created if need be, and as it
// was before, nil if there was none.
func (w *push) settled(tx store.Tx, cohort segment.Cohort, requestLevel bool) (seg, before *catalog.Segment, err error) {
	before, err = w.resolve(tx, cohort)
	switch {
	case err != nil:
		return nil, nil, err
	case before == nil:
		seg = w.create(tx, cohort)
	case before.Source == nil:
		seg = w.adopt(before, cohort)
	default:
		if seg = w.follow(before, cohort, requestLevel); seg == nil {
			return before, before, nil
		}
	}
	tx.PutSegment(seg)
	return seg, before, nil
}

// remember lets a repeat of the request be known.
func (w *push) remember(tx store.Tx) {
	if w.Idempotency == "" {
		return
	}
	var ids []segment.RunID
	for _, r := range w.runs {
		ids = append(ids, r.ID)
	}
	tx.Remember(w.env.ID, string(w.Tool), w.request(), ids)
}

// request names the request among those of its tool. Senders name theirs per segment: what they
// call a request to another one is another request.
func (w *push) request() string {
	if len(w.Batch.Cohorts) == 0 {
		return w.Idempotency
	}
	return w.Idempotency + "\x00" + w.Batch.Cohorts[0].ExternalID
}

func (w *push) record(tx store.Tx, run segment.Run) {
	tx.Record(run)
	w.runs = append(w.runs, run)
}

func (w *push) run(key segment.Key, cohort segment.Cohort) segment.Run {
	return segment.Run{
		ID:         segment.RunID(catalog.NewID()),
		Env:        w.env.ID,
		Segment:    key,
		Kind:       segment.PushRun,
		State:      segment.RunLive,
		Mode:       w.Batch.Mode,
		Tool:       string(w.Tool),
		Received:   cohort.Received,
		Bytes:      w.Bytes,
		ReceivedAt: w.ReceivedAt,
		Parse:      w.Parse,
		Actor:      w.who.Actor,
		UserAgent:  w.UserAgent,

		Idempotency: w.Idempotency,
	}
}

// create returns the segment of a cohort that has none. A key that existed before goes on with the
// next generation, so that refs in somebody's store never come back to life.
func (w *push) create(tx store.Tx, cohort segment.Cohort) *catalog.Segment {
	now := w.ingest.now()
	key := connector.SegmentKey(w.Tool, cohort.ExternalID)
	last := tx.LastGeneration(w.env.ID, key)
	description := cohort.Description
	if description == "" {
		description = "Synced from " + w.ToolName
	}
	return &catalog.Segment{
		ID:          catalog.NewID(),
		Env:         w.env.ID,
		Key:         key,
		Name:        cohortName(cohort),
		Description: cut(description, catalog.MaxDescriptionLength),
		Tags:        []string{},
		CreatedAt:   now,
		ModifiedAt:  now,
		Version:     tx.LastVersion(w.env.ID, segment.SegmentDefinition, string(key)) + 1,
		Generation:  last + 1,
		Salt:        catalog.NewSalt(),
		Unbounded:   true,
		Kind:        w.Batch.Kind,
		Source: &catalog.Source{
			Tool:         string(w.Tool),
			ExternalID:   cohort.ExternalID,
			ExternalName: cohort.Name,
			URL:          cohort.URL,
			Partial:      last > 0,

			ExternalDescription: cut(cohort.Description, catalog.MaxDescriptionLength),
		},
		ExpiresAt: w.expiry(now),
	}
}

// expiry returns when a segment that the push makes is deleted; the zero time if it stays.
func (w *push) expiry(now time.Time) time.Time {
	if !w.Test {
		return time.Time{}
	}
	return now.Add(TestAge)
}

// until returns when a segment that is there is deleted: a push that is no test makes it stay, because what
// was taken must not go.
func (w *push) until(seg *catalog.Segment) time.Time {
	if !w.Test {
		return time.Time{}
	}
	return seg.ExpiresAt
}

// adopt returns the list that has the key of a cohort without one as the cohort's segment: it was made
// ahead of the tool, by a migration or by hand, because rules name it. Its members stay until a full
// sync, and what it says of itself stays for good.
func (w *push) adopt(seg *catalog.Segment, cohort segment.Cohort) *catalog.Segment {
	seg = seg.Clone()
	seg.Source = &catalog.Source{
		Tool: string(w.Tool), ExternalID: cohort.ExternalID, ExternalName: cohort.Name, URL: cohort.URL,
		ExternalDescription: cut(cohort.Description, catalog.MaxDescriptionLength),
		NameEdited:          true, DescriptionEdited: true, Partial: true,
	}
	seg.ExpiresAt = w.until(seg)
	seg.ModifiedAt = w.ingest.now()
	seg.Version++
	return seg
}

// follow returns a changed clone if the tool's details of the cohort changed or a test's segment is to stay,
// else nil. What a person edited stays; the link always follows the tool, but a link is only known of the
// cohort that the request as a whole is about.
func (w *push) follow(seg *catalog.Segment, cohort segment.Cohort, requestLevel bool) *catalog.Segment {
	name := cohortName(cohort)
	description := cut(cohort.Description, catalog.MaxDescriptionLength)
	rename := !seg.Source.NameEdited && name != seg.Name
	redescribe := !seg.Source.DescriptionEdited && description != "" && description != seg.Description
	relink := requestLevel && cohort.URL != "" && cohort.URL != seg.Source.URL
	described := description != "" && description != seg.Source.ExternalDescription
	until := w.until(seg)
	if !rename && !redescribe && !relink && !described && cohort.Name == seg.Source.ExternalName && until.Equal(seg.ExpiresAt) {
		return nil
	}
	seg = seg.Clone()
	seg.ExpiresAt = until
	seg.Source.ExternalName = cohort.Name
	if described {
		seg.Source.ExternalDescription = description
	}
	if relink {
		seg.Source.URL = cohort.URL
	}
	if rename {
		seg.Name = name
	}
	if redescribe {
		seg.Description = description
	}
	seg.ModifiedAt = w.ingest.now()
	seg.Version++
	return seg
}

func (w *push) audit(seg, before *catalog.Segment, run segment.Run) catalog.AuditEntry {
	resource := catalog.SegmentResource(w.project, w.env, seg.Key, seg.Tags)
	entry := catalog.AuditEntry{
		ID:          catalog.NewID(),
		At:          w.ingest.now(),
		Kind:        "segment",
		Name:        seg.Name,
		Accesses:    []catalog.Access{catalog.AccessTo(policy.UpdateIncluded, resource)},
		Actor:       w.who.Actor,
		TitleVerb:   "synced the members of",
		Short:       fmt.Sprintf("%s: %d added, %d removed", w.ToolName, run.Added, run.Removed),
		Description: fmt.Sprintf("Members sent by %s: %d. %d added, %d removed, %d unchanged, %d skipped. Run `%s`.", w.ToolName, run.Received, run.Added, run.Removed, run.Unchanged, run.Skipped, run.ID),
		Target:      resource.String(),
		Project:     w.project.Key,
		Env:         w.env.Key,
	}
	if before == nil {
		entry.Accesses = append(entry.Accesses, catalog.AccessTo(policy.CreateSegment, resource))
		entry.TitleVerb = "created and synced"
	}
	return entry
}
