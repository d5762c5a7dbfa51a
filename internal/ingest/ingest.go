// Package ingest is the one write path for membership: it authorises, commits and records.
//
// Whatever changes who is in a segment passes here, a tool's push as well as an edit by hand. When
// a method returns nil, the change is durable, visible to every reader of this node, in the
// ledger, and in the audit log if it changed anything. When it returns an error, nothing changed.
// The package knows no tool's format and no HTTP.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"muster/internal/catalog"
	"muster/internal/connector"
	"muster/internal/fault"
	"muster/internal/segment"
	"muster/internal/store"
)

// Ingest changes membership. It is safe for concurrent use.
type Ingest struct {
	store store.Store
	now   func() time.Time
	log   *slog.Logger
	jobs  jobs
	turns turns

	lists    catalog.ListLimit
	sdkCache time.Duration
}

// New returns the write path over a store.
func New(s store.Store, now func() time.Time, log *slog.Logger) *Ingest {
	i := &Ingest{store: s, now: now, log: log, lists: catalog.DefaultListLimit, sdkCache: DefaultSDKCache}
	i.jobs.init()
	return i
}

// Push is one request of a tool, parsed.
type Push struct {
	Tool       connector.Key
	ToolName   string // what people call the tool
	Batch      *segment.Batch
	Bytes      int64
	ReceivedAt time.Time
	Parse      time.Duration
	UserAgent  string
	// Idempotency is what the sender named the request by: the same name within 24 hours changes
	// nothing and gets the receipt of the first one.
	Idempotency string
	// Test says that somebody tries the tool out: a segment that the push makes is deleted after [TestAge],
	// unless a push that is no test reaches it before.
	Test bool
}

// TestAge is how long a segment stays that a test made.
const TestAge = time.Hour

// Receipt says what a push did. Runs stand in the order of the batch's cohorts.
type Receipt struct {
	Project     catalog.ProjectKey
	Environment catalog.EnvKey
	Revision    segment.Revision
	Runs        []segment.Run
}

// Push applies a tool's batch: all of its cohorts in one commit, or nothing. It creates segments
// that don't exist yet. The caller needs updateIncluded on every segment touched, and
// createSegment on those that are new.
func (i *Ingest) Push(ctx context.Context, who catalog.Caller, p Push) (Receipt, error) {
	env, ok := i.store.Environment(p.Batch.Environment)
	if !ok {
		return Receipt{}, fault.NotFoundf("Unknown environment id; send the client-side ID of an environment of this muster")
	}
	project, ok := i.store.Project(env.Project)
	if !ok {
		return Receipt{}, fault.NotFoundf("Unknown environment id; its project was deleted")
	}
	receipt := Receipt{Project: project.Key, Environment: env.Key}
	w := &push{Push: p, ingest: i, who: who, project: project, env: env}
	if err := w.authorise(i.store); err != nil {
		i.reject(ctx, w, err)
		return receipt, err
	}
	if err := i.ensureKind(ctx, project, p.Batch.Kind); err != nil {
		return receipt, err
	}
	defer w.discard()
	if err := w.stage(ctx); err != nil {
		return receipt, err
	}
	var rev segment.Revision
	var err error
	if p.Batch.Mode == segment.Replace {
		rev, err = w.replace(ctx)
	} else {
		rev, err = w.update(ctx)
	}
	if err != nil {
		i.reject(ctx, w, err)
		return receipt, unavailable(fmt.Errorf("commit push of %s: %w", p.Tool, err))
	}
	receipt.Revision = rev
	receipt.Runs = w.runs
	return receipt, nil
}

// reject leaves a row in the ledger for a push that conflicts with what is there, or that a guard
// refuses, so that whoever
// looks for it finds out why. A caller without the right to push leaves no row: it could fill the
// disk with them. Failing to record is only logged: the caller gets the refusal either way.
func (i *Ingest) reject(ctx context.Context, w *push, cause error) {
	f := fault.From(cause)
	// The run of a whole list that is refused has its row already.
	if f.Kind != fault.Conflict && (f.Kind != fault.Refused || w.Batch.Mode == segment.Replace) {
		return
	}
	run := w.run("", segment.Cohort{Received: w.Batch.Received})
	if len(w.Batch.Cohorts) > 0 {
		run.Segment = connector.SegmentKey(w.Tool, w.Batch.Cohorts[0].ExternalID)
	}
	run.State, run.Error = segment.RunRejected, f.Message
	_, err := i.store.Update(ctx, store.Scope{Env: w.env.ID}, func(tx store.Tx) error {
		tx.Record(run)
		return nil
	})
	if err != nil {
		i.log.WarnContext(ctx, "rejected push is missing in the ledger", "tool", w.Tool, "err", err)
	}
}

// ensureKind makes the project know a context kind that a tool brings.
func (i *Ingest) ensureKind(ctx context.Context, p *catalog.Project, kind segment.ContextKind) error {
	if !catalog.ValidContextKind(kind) {
		return fault.Invalidf("the context kind may have letters, digits, dots, underscores and hyphens, and may be neither kind nor multi")
	}
	if _, ok := p.ContextKind(kind); ok {
		return nil
	}
	_, err := i.store.Update(ctx, store.Scope{Project: p.Key}, func(tx store.Tx) error {
		now, ok := tx.Project(p.Key)
		if !ok {
			return fault.NotFoundf("Unknown environment id; its project was deleted")
		}
		if _, ok := now.ContextKind(kind); ok {
			return nil
		}
		at := i.now()
		now = now.Clone()
		now.ContextKinds = append(now.ContextKinds, catalog.ContextKind{
			Key: kind, Name: string(kind), Version: 1, CreatedAt: at, ModifiedAt: at, CreatedFrom: "auto-add",
		})
		tx.PutProject(now)
		return nil
	})
	if err != nil {
		return unavailable(fmt.Errorf("add context kind %s: %w", kind, err))
	}
	return nil
}

// Room returns a fault of kind Unavailable while the disk has no room for what is pushed, so that a
// large body is refused before it is taken.
func (i *Ingest) Room() error {
	if room, err := i.store.Room(); err == nil && room.Low() {
		return fault.Unavailablef("the disk has %d bytes left and %d are kept free (--disk-reserve); send the request again when it has room", room.Free, room.Reserve)
	}
	return nil
}

// unavailable turns the store's own troubles into "try again", the answer that no tool takes as
// final, and leaves everything else as it is.
func unavailable(err error) error {
	if errors.Is(err, store.ErrClosed) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return fault.Unavailablef("muster can't take the change at this moment; send it again").Because(err)
	}
	if errors.Is(err, store.ErrNoEnvironment) {
		return fault.NotFoundf("Unknown environment id; the environment was deleted").Because(err)
	}
	return err
}

func cohortName(c segment.Cohort) string {
	name := strings.TrimSpace(c.Name)
	if name == "" {
		name = c.ExternalID
	}
	return cut(name, catalog.MaxNameLength)
}

// cut shortens a text to a number of characters.
func cut(s string, characters int) string {
	n := 0
	for at := range s {
		if n == characters {
			return s[:at]
		}
		n++
	}
	return s
}

func joinNotes(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}
