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
	"iter"
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
}

// Scope says how far a write reaches. The smaller the scope, the more writes run at once.
type Scope struct {
	// Env alone: the environment's segments, members, runs and audit entries.
	Env segment.EnvID
	// Project alone: the project with its environments, flags and segments.
	Project catalog.ProjectKey
}

// Account is the scope of everything: projects themselves, tokens, account members.
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
}

// Tx is what a write sees and stages. Reads see what the same write staged before. Values put are
// kept as they are and must not be changed afterwards.
type Tx interface {
	Catalog

	PutProject(*catalog.Project)
	// DeleteProject also deletes its environments, flags and segments.
	DeleteProject(catalog.ProjectKey)
	PutEnvironment(*catalog.Environment)
	// DeleteEnvironment also deletes its segments and log. Flag configurations are the caller's.
	DeleteEnvironment(segment.EnvID)
	// PutFlag logs a new definition in every environment in which SDKs can see a difference.
	PutFlag(*catalog.Flag)
	DeleteFlag(catalog.ProjectKey, catalog.FlagKey)
	// PutSegment logs a new definition if SDKs can see a difference. Putting an unbounded segment
	// whose ref is new starts an empty membership under that ref.
	PutSegment(*catalog.Segment)
	// DeleteSegment retires the membership; the last generation and version stay known.
	DeleteSegment(segment.EnvID, segment.Key)
	PutToken(*catalog.Token)
	DeleteToken(catalog.ID)
	PutMember(*catalog.Member)

	// Apply changes the members of an unbounded segment and returns the effect, counting each
	// context once. The error wraps ErrUnbounded or ErrCorrupt.
	Apply(segment.EnvID, segment.Key, Staged) (Effect, error)
	// Record adds a row to the ledger; the engine fills Revision, LiveAt and Commit.
	Record(segment.Run)
	// Audit adds an audit entry.
	Audit(catalog.AuditEntry)

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

// Effect is what changes did to a segment, counted in contexts.
type Effect struct {
	Added     int // newly included or newly excluded
	Removed   int // no longer included or no longer excluded
	Unchanged int
	Counts    segment.Counts // of the segment afterwards
}

// Membership is the read side of who is in which segment, and the log.
type Membership interface {
	// View returns the membership of an environment as of now, by one atomic load. It stays true
	// while held.
	View(segment.EnvID) (View, error)
	// Stage compacts the changes and, if they are many, writes them where a commit can name them.
	// The changes belong to the store afterwards.
	Stage(context.Context, *segment.Changes) (Staged, error)
	// Head returns the environment's newest durable revision.
	Head(segment.EnvID) (segment.Revision, error)
	// Await returns the head as soon as it is greater than after.
	Await(ctx context.Context, env segment.EnvID, after segment.Revision) (segment.Revision, error)
	// Entries yields the log after the given revision, oldest first, and ends at the head. It
	// yields ErrTrimmed when the log does not reach back that far. An entry is valid until the
	// next one is asked for.
	Entries(ctx context.Context, env segment.EnvID, after segment.Revision) iter.Seq2[*segment.Entry, error]
}

// View is the membership of one environment at one moment. Its methods never wait and may be
// called from any number of goroutines. Errors wrap ErrCorrupt and concern one segment.
type View interface {
	// Revision is the newest revision that the view certainly contains.
	Revision() segment.Revision
	// State returns whether the ref includes or excludes the context: Include, Exclude, both or 0.
	// An unknown ref holds nobody.
	State(segment.Ref, segment.Hash) (segment.Ops, error)
	// Each calls yield for every live ref that includes or excludes the context.
	Each(h segment.Hash, yield func(segment.Ref, segment.Ops) bool) error
	// Counts returns the size of a ref's membership; false if there is no such ref.
	Counts(segment.Ref) (segment.Counts, bool)
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
	TokenByHash([32]byte) (*catalog.Token, bool)
	Members() []*catalog.Member
	Member(catalog.ID) (*catalog.Member, bool)
	// Definitions returns every flag and segment of an environment as SDKs see it, and the
	// revision at which that is the truth.
	Definitions(segment.EnvID) ([]segment.Definition, segment.Revision, error)
}

// RunQuery selects runs. Zero fields select everything.
type RunQuery struct {
	Segment       segment.Key
	State         segment.RunState
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
}

// Audit keeps who changed what.
type Audit interface {
	// AuditEntries yields entries made before the given time (zero: now), newest first.
	AuditEntries(ctx context.Context, before time.Time) iter.Seq2[catalog.AuditEntry, error]
}
