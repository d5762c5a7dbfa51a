// Package store states what muster keeps and what it promises about it, as contracts that every
// engine meets and package storetest checks.
//
// One idea carries all of it: each environment has one log, the log is the write-ahead log, and
// everything else is a view of it. A write is a function run in that one order; when the write
// returns, its entry is durable and every reader on this node sees it. Nothing is readable before
// it is durable.
//
// The package holds contracts and sentinel errors only, no engine and no transport.
package store

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync/atomic"
	"time"

	"muster/internal/catalog"
	"muster/internal/segment"
)

// Sentinel errors that direct callers branch on.
var (
	// ErrNoEnvironment says that an environment does not exist, or does not exist any more.
	ErrNoEnvironment = errors.New("no such environment")
	// ErrTrimmed says that the log no longer reaches back to the revision asked for; the reader
	// must start over from the present state.
	ErrTrimmed = errors.New("log trimmed past this revision")
	// ErrCorrupt says that stored bytes fail their checksum. It concerns one segment or object;
	// the others serve on.
	ErrCorrupt = errors.New("stored data is corrupt")
	// ErrClosed says that the store is shutting down.
	ErrClosed = errors.New("store is closed")
	// ErrUnbounded says that membership was changed of a segment that keeps none in the engine.
	ErrUnbounded = errors.New("segment keeps no members in the engine")
	// ErrSuperseded says that a whole membership can't be published because a newer one was
	// published since its session began.
	ErrSuperseded = errors.New("a newer membership was published meanwhile")
	// ErrStale says that another membership was published since a list was sealed, or that members were
	// changed since what takes a delta back was staged: it has to be done again.
	ErrStale = errors.New("the members that the list was compared with were changed")
	// ErrNoDelta says that a revision changed no members one by one, or that it is not known which of its
	// changes had an effect: it can't be taken back.
	ErrNoDelta = errors.New("the revision is no delta that is known exactly")
	// ErrNoSession and ErrNoPoint say that a session or a point does not exist any more.
	ErrNoSession = errors.New("no such session")
	ErrNoPoint   = errors.New("no such point")
	// ErrTooManyKept says that a segment keeps [segment.MaxKeptPoints] points already.
	ErrTooManyKept = errors.New("too many points are kept")
	// ErrFull says that the disk has no room left.
	ErrFull = errors.New("the disk is full")
	// ErrScope says that a write reached outside its scope: a bug of the caller.
	ErrScope = errors.New("write outside its scope")
)

// Store is everything an engine offers.
type Store interface {
	Writer
	Membership
	Catalog
	Ledger
	Audit
	Webhooks
	Documents
	Health
}

// Scope says how far a write reaches. The smaller the scope, the more writes run at once.
type Scope struct {
	// Env alone: the environment's segments, members, runs and audit entries.
	Env segment.EnvID
	// Project alone: the project with its environments, flags and segments.
	Project catalog.ProjectKey
}

// Account is the scope of everything: projects themselves, tokens, account members, custom roles,
// configurations of relays, sinks.
var Account = Scope{}

// Writer is the one way to change anything.
type Writer interface {
	// Update runs fn in the one order of the scope's logs and commits what it staged as one
	// atomic, durable step. When Update returns nil, the changes survive kill -9 and power loss
	// and every reader on this node sees them. When fn returns an error, nothing was changed and
	// Update returns that error. When Update returns any other error, the caller can't know
	// whether the changes became durable; trying again is safe because changes are absolute.
	// A fault of kind Unavailable says that nothing was changed and the same write may succeed later,
	// for instance because too many changes wait to be written into files.
	//
	// The revision is that of the scope's environment, or 0 in wider scopes and when nothing that
	// readers of the log must know was staged.
	//
	// fn must be quick, must not call back into the store, and may be run more than once; only
	// the last run counts. Concurrent updates of one environment are committed in groups.
	Update(ctx context.Context, scope Scope, fn func(Tx) error) (segment.Revision, error)
	// Watch makes tell be called with what every later write did, as soon as that is visible, until
	// stop is called. Of one environment the writes come in their order, of several at once. Those
	// who commit wait for tell: it must be quick, must not call back into the store, and must not
	// change what it is given.
	Watch(tell func(*Written)) (stop func())
}

// Written is what one durable write did, in the words of those who show it. It is no log: what was
// written before somebody watched, or while muster was down, is nowhere in it.
type Written struct {
	At    time.Time
	Heads map[segment.EnvID]segment.Revision // of the environments whose log grew
	Runs  []segment.Run                      // rows of the ledger as they are now
	// Members are the segments whose members changed.
	Members []SegmentName
	Objects []Object
	Audited int // entries that were added to the audit log
}

// SegmentName is a segment's place.
type SegmentName struct {
	Env segment.EnvID
	Key segment.Key
}

// Object is something that people configure which was put or deleted.
type Object struct {
	Kind    ObjectKind
	Project catalog.ProjectKey // of a project or a flag, and of an environment that exists
	Env     segment.EnvID      // of an environment or a segment
	Key     string             // the id of what has no key
	Version int                // 0 for what has none, such as a project, and for what was deleted
	Deleted bool
}

// ObjectKind says what an object is.
type ObjectKind string

// The kinds of objects that are told of.
const (
	ProjectObject     ObjectKind = "project"
	EnvironmentObject ObjectKind = "environment"
	FlagObject        ObjectKind = "flag"
	SegmentObject     ObjectKind = "segment"
	WebhookObject     ObjectKind = "webhook"
	RelayConfigObject ObjectKind = "relay configuration" // of no project
	SinkObject        ObjectKind = "integration"         // of no project; of an environment until it is deleted
)

// Tx is what a write sees and stages. Reads see what the same write staged before. Values put are
// kept as they are and must not be changed afterwards.
type Tx interface {
	Catalog

	PutProject(*catalog.Project)
	// DeleteProject also deletes its environments, flags and segments.
	DeleteProject(catalog.ProjectKey)
	PutEnvironment(*catalog.Environment)
	// DeleteEnvironment also deletes its segments, sinks and log. Flag configurations are the caller's.
	DeleteEnvironment(segment.EnvID)
	// PutFlag logs a new definition in every environment in which SDKs can see a difference.
	PutFlag(*catalog.Flag)
	DeleteFlag(catalog.ProjectKey, catalog.FlagKey)
	// PutSegment logs a new definition if SDKs can see a difference. Putting a segment whose members
	// the engine keeps, and whose ref is new, starts an empty membership under that ref.
	//
	// Where Turn begins, all members join the ref of the next generation: from then on readers find them
	// under both, and every later change is told of both. Where it ends, everybody leaves the ref that
	// SDKs no longer ask for, and the members stay under the other one. Either must be the only change of
	// the segment's members in the write; the error wraps ErrCorrupt if these can't be read.
	PutSegment(*catalog.Segment)
	// DeleteSegment retires the membership; the last generation and version stay known. No point of the
	// segment is kept any more.
	DeleteSegment(segment.EnvID, segment.Key)
	PutToken(*catalog.Token)
	DeleteToken(catalog.ID)
	PutMember(*catalog.Member)
	DeleteMember(catalog.ID)
	PutRole(*catalog.Role)
	DeleteRole(catalog.ID)
	PutWebhook(*catalog.Webhook)
	// DeleteWebhook also deletes how far the webhook has come.
	DeleteWebhook(catalog.ID)
	PutRelayConfig(*catalog.RelayConfig)
	DeleteRelayConfig(catalog.ID)
	PutSink(*catalog.Sink)
	DeleteSink(catalog.ID)

	// Apply changes the members that the engine keeps of a segment and returns the effect, counting each
	// context once. The error wraps ErrUnbounded or ErrCorrupt.
	Apply(segment.EnvID, segment.Key, Staged) (Effect, error)
	// Publish makes a whole membership the segment's, by one pointer: no reader ever sees a part of
	// it. What was the membership becomes a point. It must be the only change of the segment's
	// members in the write. The error wraps ErrSuperseded, ErrStale, ErrNoSession, ErrNoPoint,
	// ErrUnbounded or ErrCorrupt.
	Publish(segment.EnvID, segment.Key, Publication) (Effect, error)
	// KeepPoint makes a point stay however old it gets and whatever newer ones come, or lets go of it
	// again. It reports whether that changes anything. The error wraps ErrNoPoint or ErrTooManyKept.
	KeepPoint(env segment.EnvID, key segment.Key, id segment.PointID, kept bool) (changed bool, err error)

	// OpenSession begins a session of an unbounded segment: from here on the engine keeps, durably,
	// every change of the segment's members that is applied or parked, as sent and also when it had
	// no effect, until the session is closed. So none of them is lost when a membership that was
	// collected meanwhile is published.
	OpenSession(Session)
	// UpdateSession replaces a session's detail.
	UpdateSession(env segment.EnvID, key segment.Key, id segment.RunID, detail []byte)
	// Keep makes staged changes part of a session, durably: the page of this number, or, with page
	// -1, the sealed list that Publish and Settle will take. The same page again replaces the first.
	// A sealed list of all members that can't be published at this moment is refused: the error wraps
	// ErrSuperseded or ErrStale.
	Keep(env segment.EnvID, key segment.Key, id segment.RunID, page int, staged Staged) error
	// Park adds changes to what a session keeps without applying them, and like all changes to what the
	// other open sessions of the segment keep: a whole list that began before must not bring back what
	// was sent since. It returns what they would do to the members as they are.
	Park(env segment.EnvID, key segment.Key, id segment.RunID, staged Staged) (Effect, error)
	// Settle applies everything that a session keeps, its kept list first, as a delta, and closes it.
	Settle(env segment.EnvID, key segment.Key, id segment.RunID) (Effect, error)
	// CloseSession ends a session and frees what it kept. It does nothing if there is none.
	CloseSession(env segment.EnvID, key segment.Key, id segment.RunID)
	// Session returns a session as this write sees it.
	Session(env segment.EnvID, key segment.Key, id segment.RunID) (Session, bool)
	// Recent returns what deltas did to a segment's members since a moment, this write and those
	// before it included. It reaches back one hour at most.
	Recent(env segment.EnvID, key segment.Key, since time.Time) (added, removed int)

	// Record adds a row to the ledger, or replaces the row of this ID; the engine fills Revision,
	// LiveAt and Commit when the run is live.
	Record(segment.Run)
	// Recorded returns the runs that were recorded under an idempotency key within the last 24 hours
	// in the given scope, such as a tool's name or a segment's key, as this write sees it.
	Recorded(env segment.EnvID, scope, idempotency string) ([]segment.Run, error)
	// Remember makes Recorded find these runs.
	Remember(env segment.EnvID, scope, idempotency string, runs []segment.RunID)
	// Audit adds an audit entry.
	Audit(catalog.AuditEntry)
	// AuditHead returns the end of the audit log as others see it; the entries of this write will lie behind.
	AuditHead() catalog.AuditPosition

	// LastVersion returns the highest version that a flag or segment of this key ever had in the
	// environment, also before a deletion; 0 if there was none. SDKs drop versions that don't grow.
	LastVersion(segment.EnvID, segment.DefinitionKind, string) int
	// LastGeneration returns the highest generation ever used for the key; 0 if there was none.
	LastGeneration(segment.EnvID, segment.Key) segment.Generation
}

// Staged is a list of changes that is ready to be committed.
type Staged interface {
	// Len is the number of contexts changed.
	Len() int
	// Discard frees what was staged; it does nothing after a commit.
	Discard()
}

// Publication is a whole membership to be published: the staged list or the kept list of a session
// with the changes that the session kept laid over it, or else a point.
type Publication struct {
	Session segment.RunID
	Staged  Staged // nil: the session's kept list
	Point   segment.PointID
	// Reason and Run are noted on the point that the present membership becomes. The ledger row of
	// Run gets its Added and Removed when they are counted, if Effect does not have them.
	Reason segment.PointReason
	Run    segment.RunID
}

// Session is a whole membership, or a list of changes, that is being collected beside the live one.
// Sessions survive a restart.
type Session struct {
	Env     segment.EnvID
	Segment segment.Key
	ID      segment.RunID
	Start   segment.Revision // the head when it began; the engine fills it
	Opened  time.Time
	// Detail is what its owner needs to go on after a restart.
	Detail []byte
	// Pages are the numbers of the pages that are kept, ascending; Kept says that there is a sealed
	// list. Both are filled by the engine.
	Pages []int
	Kept  bool
}

// LoadMode says what the keys of a load are.
type LoadMode uint8

// A load is the whole list of included contexts, or contexts to include, or not to include any more.
const (
	LoadReplace LoadMode = iota
	LoadInclude
	LoadRemove
)

// Load collects context keys of any number in bounded memory; what does not fit lies in scratch
// files, which end with the process.
type Load interface {
	// Writer returns a way to add keys for one goroutine. Several may be used at once.
	Writer() LoadWriter
	// Writers returns how many writers at once use all that is meant to be used of the machine.
	Writers() int
	// Compare sorts what was added and says how a segment's members would change, nil meaning nobody.
	// Nothing is written.
	Compare(context.Context, Members) (segment.Diff, error)
	// Over sorts what was added and returns what a segment's members would be with the list among them, nil
	// meaning nobody. It lies in a file, which goes with Discard.
	Over(context.Context, Members) (Members, error)
	// Seal sorts what was added into a list that can be published or applied in the write that closes
	// the session. The excluded contexts of a segment survive a replace. It compares with the members
	// as they are; the effect of the commit is exact, whatever happened since.
	Seal(ctx context.Context, env segment.EnvID, key segment.Key, session segment.RunID) (Staged, segment.Diff, error)
	// Discard frees everything; it does nothing to what was sealed.
	Discard()
}

// LoadWriter adds keys to a load.
type LoadWriter interface {
	// Append adds a context key, which is copied.
	Append(key []byte) error
	// Close makes what was added part of the load. It must come before Compare and Seal.
	Close() error
}

// Effect is what changes did to a segment, counted in contexts.
type Effect struct {
	Added     int // newly included or newly excluded
	Removed   int // no longer included or no longer excluded
	Unchanged int
	Counts    segment.Counts // of the segment afterwards
	// Uncounted says that Added, Removed and Unchanged are not known yet: see Membership.Counted.
	Uncounted bool
}

// Membership is the read side of who is in which segment, and the log.
type Membership interface {
	// View returns the membership of an environment as of now, by one atomic load. It stays true
	// while held.
	View(segment.EnvID) (View, error)
	// Stage compacts the changes and, if they are many, writes them where a commit can name them.
	// The changes belong to the store afterwards.
	Stage(context.Context, *segment.Changes) (Staged, error)
	// Load begins a load.
	Load(context.Context, LoadMode) (Load, error)
	// Snapshot returns the members of a ref as they are now.
	Snapshot(segment.EnvID, segment.Ref) (Members, error)
	// Points returns the retained memberships of a segment's key, newest first.
	Points(segment.EnvID, segment.Key) ([]segment.Point, error)
	// PointMembers returns the members of a point; the error wraps ErrNoPoint.
	PointMembers(context.Context, segment.EnvID, segment.Key, segment.PointID) (Members, error)
	// Collected returns the members that a session would make of a segment if what it keeps were
	// published now, or settled when that is no whole membership. The error wraps ErrNoSession.
	Collected(ctx context.Context, env segment.EnvID, key segment.Key, id segment.RunID) (Members, error)
	// Counted waits until the effect of a publication is counted and returns it. The error wraps
	// ErrTrimmed when the log does not reach back that far any more.
	Counted(context.Context, segment.EnvID, segment.Ref, segment.Revision) (segment.Diff, error)
	// Undo finds what a delta did to a segment's members at a revision, so that it can be taken back. The
	// error wraps ErrTrimmed when the log does not reach back that far any more, ErrSuperseded when a whole
	// membership was published since, ErrNoDelta or ErrUnbounded.
	Undo(context.Context, segment.EnvID, segment.Key, segment.Revision) (Undo, error)
	// Trace yields what happened to one context in the segments that are asked for by their keys, newest
	// first, back to the beginning of the log or until it was read for about two seconds. The last step
	// has only Since set: from that moment on nothing is missing. The log is read once, however many
	// segments there are.
	Trace(ctx context.Context, env segment.EnvID, of func(segment.Key) bool, h segment.Hash) iter.Seq2[Step, error]
	// Sessions returns the open sessions of an environment, oldest first.
	Sessions(segment.EnvID) ([]Session, error)
	// Pages yields the changes of a session's pages, page by page.
	Pages(ctx context.Context, env segment.EnvID, key segment.Key, id segment.RunID) iter.Seq2[segment.Change, error]
	// Head returns the environment's newest durable revision.
	Head(segment.EnvID) (segment.Revision, error)
	// Shown returns a revision that has everything in it that was to be seen in any view before the call. Members
	// can be seen a moment before the head says so, for which it waits.
	Shown(segment.EnvID) (segment.Revision, error)
	// Await returns the head as soon as it is greater than after.
	Await(ctx context.Context, env segment.EnvID, after segment.Revision) (segment.Revision, error)
	// Entries yields the log after the given revision, oldest first, and ends at the head. It
	// yields ErrTrimmed when the log does not reach back that far. An entry is valid until the
	// next one is asked for.
	Entries(ctx context.Context, env segment.EnvID, after segment.Revision) iter.Seq2[*segment.Entry, error]
	// Graves returns of how many contexts a walk tells that they left a ref, for each that somebody left.
	// Refs that ended are among them, as long as walks tell of them.
	Graves(segment.EnvID) (map[segment.Ref]int64, error)
	// Epoch returns the history that the environment's log belongs to. It changes only when the store
	// is restored from a backup.
	Epoch(segment.EnvID) (segment.Epoch, error)
	// Resume returns where somebody goes on who follows the environment and stands at a cursor: at the
	// cursor itself if it is of this epoch and the log has everything after it, or else at the beginning
	// of a walk. It asks to be called again when Entries says ErrTrimmed.
	Resume(context.Context, segment.EnvID, segment.Cursor) (segment.Cursor, error)
	// Walk yields the rest of a walk that Resume began, after a cursor of it: for each ref that has, or
	// lately had, members, and in hash order, who is in it as adds and who was removed from it as removes.
	//
	// It promises this. Who applies the whole walk and then every entry after the revision at which it
	// began holds exactly the members of the present, whatever he held before, if it came from this
	// environment at all: from any revision, of any epoch. That holds also when the walk is left and
	// gone on with from [segment.Cursor.At] any of its changes, at any later time, after a restart, and
	// while members are changed, exchanged and deleted. What a walk yields is not the state of one
	// moment, so that only after these entries is it true.
	//
	// Refs that ended are told of for as long as their points may be kept; no ref is used twice, so
	// what is left of an older one is never asked for.
	//
	// An error that wraps ErrCorrupt concerns the ref that it comes with, of which not everything is
	// known; the walk goes on with the next one.
	Walk(context.Context, segment.EnvID, segment.Cursor) iter.Seq2[RefChange, error]
}

// RefChange is what a follower is told of one context in one ref. Its operations are absolute.
type RefChange struct {
	Ref  segment.Ref
	Hash segment.Hash
	Ops  segment.Ops
}

// View is the membership of one environment at one moment. Its methods never wait and may be
// called from any number of goroutines. Errors wrap ErrCorrupt and concern one segment.
type View interface {
	// Revision is the newest revision that the view certainly contains.
	Revision() segment.Revision
	// State returns whether the ref includes or excludes the context: Include, Exclude, both or 0.
	// An unknown ref holds nobody.
	State(segment.Ref, segment.Hash) (segment.Ops, error)
	// Each calls yield for every live ref that includes or excludes the context. A ref that can't be
	// read is passed over: the error is that of one of them, and all others were yielded.
	Each(h segment.Hash, yield func(segment.Ref, segment.Ops) bool) error
	// Counts returns the size of a ref's membership; false if there is no such ref.
	Counts(segment.Ref) (segment.Counts, bool)
}

// Members is a whole membership at one revision. It never changes, and may be used by any number of
// goroutines. Errors wrap ErrCorrupt.
type Members interface {
	Ref() segment.Ref
	Revision() segment.Revision
	Counts() segment.Counts
	State(segment.Hash) (segment.Ops, error)
	// All yields the members after a hash (nil: all) in hash order, with their keys as far as known.
	All(after *segment.Hash) iter.Seq2[segment.Change, error]
	// Diff says what publishing these members instead of others would do.
	Diff(ctx context.Context, instead Members) (segment.Diff, error)
	// Changes yields what Diff counts, in hash order, with their keys as far as known.
	Changes(ctx context.Context, instead Members) iter.Seq2[segment.Change, error]
}

// Undo is a delta that is to be taken back: who was changed by it, and by nobody since, becomes what he was
// before. Errors are those of [Membership].Undo.
type Undo interface {
	// Compare says what taking it back would do to the members as they are.
	Compare(context.Context) (Undoing, error)
	// Stage stages what takes it back. Whoever applies that gets ErrStale, and changes nothing, if somebody
	// whom it names was changed meanwhile, or perhaps was.
	Stage(context.Context) (Staged, Undoing, error)
}

// Undoing is what taking a delta back does. Unchanged counts those who stay as they are because they were
// changed again.
type Undoing struct {
	segment.Diff
	Revision segment.Revision // all up to here was taken into account
	// Changed is the newest revision that changed somebody again; 0 if none did.
	Changed segment.Revision
}

// Step is one change of one context's membership.
type Step struct {
	Segment  segment.Key
	Revision segment.Revision
	At       time.Time
	Ops      segment.Ops // what it did
	Since    time.Time
}

// Health is what an operator must know about the store.
type Health interface {
	// Room returns how much room there is. While it is low, everything that needs room is refused with
	// a fault of kind Unavailable, or waits: changes of members, lists, documents, the writing of
	// files in the background. Reads, rollbacks, deletions and what people configure go on.
	Room() (Room, error)
	// Damage returns why the members of a ref can't be read whole, as far as somebody came upon it; the
	// error wraps ErrCorrupt. A list of all members that is published, or a point, heals it.
	Damage(segment.EnvID, segment.Ref) error
	// Verify reads everything that is stored and yields what it found, object by object: whether it is
	// as it was written and agrees with the rest. Others are served meanwhile. Memory does not grow with
	// what is stored, but for 16 bytes a file. Only an error of ctx, or one that has nothing to do with
	// what is stored, ends it.
	Verify(ctx context.Context, v *Verification) iter.Seq2[Checked, error]
}

// Verification is one call of Verify. Its figures may be read while it is at work.
type Verification struct {
	// Hasty says that nobody else needs the processor and the disk.
	Hasty bool
	// Objects have been verified, of so many as are known; Bytes of files have been read.
	Objects, Of, Bytes atomic.Int64
}

// Checked is an object that was verified.
type Checked struct {
	Env     segment.EnvID // empty: of no environment
	Segment segment.Key   // empty: of no segment
	Kind    CheckedKind
	Name    string // of the object among those of its kind, where there are several
	Members int64  // of a membership or a point
	Bytes   int64  // of its files
	// Problems say what is wrong with it; none: it is as it should be.
	Problems []string
	// Notes are no problems.
	Notes []string
}

// CheckedKind is what was verified.
type CheckedKind string

// What there is to verify: the rows of all tables; the log of an environment; the members of a
// segment, its points, publications, graves and sessions; documents; and whether files and rows agree.
const (
	CheckedRows        CheckedKind = "rows"
	CheckedLog         CheckedKind = "log"
	CheckedMembers     CheckedKind = "members"
	CheckedPoint       CheckedKind = "point"
	CheckedPublication CheckedKind = "publication"
	CheckedGraves      CheckedKind = "graves"
	CheckedSession     CheckedKind = "session"
	CheckedDocument    CheckedKind = "document"
	CheckedFiles       CheckedKind = "files"
)

// Room is the room on the disk, in bytes.
type Room struct{ Free, Size, Reserve uint64 }

// Low reports whether less is left than is kept in reserve.
func (r Room) Low() bool { return r.Free < r.Reserve }

// Documents keeps byte streams that belong to an environment: bodies of imports until they are
// done, rejected rows, exports. They are gone with their environment.
type Documents interface {
	// PutDocument keeps what write produces under an id that is free. It is durable on return.
	PutDocument(ctx context.Context, env segment.EnvID, id DocumentID, write func(io.Writer) error) error
	// OpenDocument returns a document; the error wraps [fs.ErrNotExist] if there is none. It stays
	// readable until it is closed, also after its deletion.
	OpenDocument(ctx context.Context, env segment.EnvID, id DocumentID) (Document, error)
	// DeleteDocument does nothing if there is none.
	DeleteDocument(ctx context.Context, env segment.EnvID, id DocumentID) error
	// DocumentList yields the documents whose id begins with a prefix, in the order of ids.
	DocumentList(ctx context.Context, env segment.EnvID, prefix string) iter.Seq2[DocumentEntry, error]
}

// DocumentID names a document, such as "rejects/" and the id of a run.
type DocumentID string

// DocumentEntry is a document in a list.
type DocumentEntry struct {
	ID   DocumentID
	Size int64
	At   time.Time
}

// Document is an open document.
type Document interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Catalog is the read side of what people configure. All of it is in memory; results are shared
// and must not be changed. Lists are sorted by key, or by creation where there is none.
type Catalog interface {
	Projects() []*catalog.Project
	Project(catalog.ProjectKey) (*catalog.Project, bool)
	Environments(catalog.ProjectKey) []*catalog.Environment
	Environment(segment.EnvID) (*catalog.Environment, bool)
	EnvironmentByKey(catalog.ProjectKey, catalog.EnvKey) (*catalog.Environment, bool)
	// EnvironmentBySDKKey also finds an environment by an expiring key; the caller checks the expiry.
	EnvironmentBySDKKey(string) (*catalog.Environment, bool)
	EnvironmentByMobileKey(string) (*catalog.Environment, bool)
	Flags(catalog.ProjectKey) []*catalog.Flag
	Flag(catalog.ProjectKey, catalog.FlagKey) (*catalog.Flag, bool)
	Segments(segment.EnvID) []*catalog.Segment
	Segment(segment.EnvID, segment.Key) (*catalog.Segment, bool)
	// SegmentBySource finds a synced segment by its tool and the tool's id for the cohort.
	SegmentBySource(env segment.EnvID, tool, externalID string) (*catalog.Segment, bool)
	Tokens() []*catalog.Token
	Token(catalog.ID) (*catalog.Token, bool)
	// TokenByHash also finds a token by an expiring secret; the caller checks the expiry.
	TokenByHash([32]byte) (*catalog.Token, bool)
	Members() []*catalog.Member
	Member(catalog.ID) (*catalog.Member, bool)
	Roles() []*catalog.Role
	Role(catalog.ID) (*catalog.Role, bool)
	RoleByKey(catalog.RoleKey) (*catalog.Role, bool)
	Webhooks() []*catalog.Webhook
	Webhook(catalog.ID) (*catalog.Webhook, bool)
	RelayConfigs() []*catalog.RelayConfig
	RelayConfig(catalog.ID) (*catalog.RelayConfig, bool)
	// Sinks returns those of all environments.
	Sinks() []*catalog.Sink
	Sink(catalog.ID) (*catalog.Sink, bool)
	// Definitions returns every flag and segment of an environment as SDKs see it, and the
	// revision at which that is the truth.
	Definitions(segment.EnvID) ([]segment.Definition, segment.Revision, error)
}

// RunQuery selects runs. Zero fields select everything.
type RunQuery struct {
	Segment segment.Key
	// Of selects runs by the key of their segment. It is asked about every segment that has runs, must be
	// quick and must not call back into the store.
	Of            func(segment.Key) bool
	State         segment.RunState
	Kind          segment.RunKind
	Tool          string
	After, Before time.Time
	Limit, Offset int // a Limit of 0 means no limit
}

// Ledger keeps every run.
type Ledger interface {
	// Runs returns the selected runs, newest first, and how many match in all.
	Runs(context.Context, segment.EnvID, RunQuery) ([]segment.Run, int, error)
	// Run returns one run; false if there is none.
	Run(context.Context, segment.EnvID, segment.RunID) (segment.Run, bool, error)
	// RunAt returns the run that made a revision of a segment's members; false if there is none.
	RunAt(context.Context, segment.EnvID, segment.Key, segment.Revision) (segment.Run, bool, error)
}

// Audit keeps who changed what.
type Audit interface {
	// AuditEntries yields entries made before the given time (zero: now), newest first.
	AuditEntries(ctx context.Context, before time.Time) iter.Seq2[catalog.AuditEntry, error]
	// AuditAfter yields the entries after a position in the order in which they became durable, up to
	// the head. Who goes on from the position of the last one that he got misses none, ever. Entries
	// that were made before muster kept this order have no position.
	AuditAfter(ctx context.Context, after catalog.AuditPosition) iter.Seq2[Audited, error]
	// AuditHead returns the position of the newest entry before which none is missing.
	AuditHead() catalog.AuditPosition
}

// Audited is an audit entry at its position.
type Audited struct {
	Position catalog.AuditPosition
	Entry    catalog.AuditEntry
}

// Webhooks keeps how far webhooks have come.
type Webhooks interface {
	// WebhookProgress returns what was kept of a webhook last; nothing if it never was.
	WebhookProgress(context.Context, catalog.ID) (catalog.WebhookProgress, error)
	// KeepWebhookProgress makes the progress of webhooks durable in one step, of those that still
	// exist. Writes of one environment don't wait for it.
	KeepWebhookProgress(context.Context, map[catalog.ID]catalog.WebhookProgress) error
}
