package segment

import "time"

// RunID identifies a run: 24 hexadecimal digits that sort by time.
type RunID string

// RunState says where a run is in its life.
type RunState string

// The states of a run. The first two are on the way, the others are where runs end; a held run may
// still go live or be discarded.
const (
	RunReceived   RunState = "received"   // its body is here and durable, or on its way
	RunStaged     RunState = "staged"     // its members lie sorted, out of sight
	RunLive       RunState = "live"       // its changes are visible
	RunHeld       RunState = "held"       // the guard keeps its changes out of sight
	RunDiscarded  RunState = "discarded"  // it was held, and somebody decided against it
	RunRejected   RunState = "rejected"   // refused whole, nothing changed
	RunSuperseded RunState = "superseded" // a newer whole membership was published meanwhile
	RunRolledBack RunState = "rolledBack" // it was live until somebody rolled it back
)

// RunKind says what started a run.
type RunKind string

// A push is one request of a tool, a replace a whole membership that a tool sent in one or several
// requests. An import is a list that a person or their automation uploaded, an edit names contexts
// one by one, a rollback publishes an older point or takes back what one run changed.
const (
	PushRun     RunKind = "push"
	ReplaceRun  RunKind = "replace"
	ImportRun   RunKind = "import"
	EditRun     RunKind = "edit"
	RollbackRun RunKind = "rollback"
)

// Actor is who did something: an access token, or an account member.
type Actor struct {
	Kind string // "token" or "member" or "system"
	ID   string
	Name string
}

// Run is one sync of one segment as its tool sees it: a row of the ledger. For a finished delta
// Received = Added + Removed + Unchanged + Skipped + Parked; for a replace
// Received = Added + Unchanged + Skipped, and Removed counts those left out. A held or discarded run
// changed nothing: what it would have done is in Hold.
type Run struct {
	ID         RunID
	Env        EnvID
	Segment    Key
	Kind       RunKind
	State      RunState
	Mode       Mode
	Tool       string // integration key of the tool, empty for an edit
	Received   int
	Added      int // contexts newly included or excluded
	Removed    int // contexts no longer included or excluded
	Unchanged  int // repeats and changes that were already so
	Skipped    int
	Parked     int // changes that wait with a run that the guard holds
	Samples    []Skip
	Note       string
	Removes    bool   // an import whose keys leave the segment
	File       string // name of the file of an import, as its sender calls it
	Bytes      int64
	ReceivedAt time.Time
	LiveAt     time.Time
	Parse      time.Duration
	Stage      time.Duration
	Commit     time.Duration
	Revision   Revision
	Actor      Actor
	UserAgent  string
	Comment    string
	Error      string
	// Idempotency is what the caller named the request by, if so.
	Idempotency string
	Hold        *Hold     // of a run that is or was held
	Waiting     bool      // an import that goes on when somebody says so
	Undoes      RunID     `json:",omitempty"` // a rollback of what one run changed: which one
	Undone      RunID     `json:",omitempty"` // which run took back what this one changed
	Progress    *Progress // of a run that took long enough to be watched
}

// Count fills in what a run has done to a segment's members. What else it received was so already.
func (r *Run) Count(added, removed int) {
	r.Added, r.Removed = added, removed
	rest := r.Received - r.Skipped - r.Added
	if r.Mode == Delta {
		rest -= r.Removed + r.Parked
	}
	r.Unchanged = max(0, rest)
}

// Lasting says why a run can't be undone, going by what it is alone; empty if it may be.
func (r *Run) Lasting() string {
	switch {
	case r.Undone != "":
		return "it was undone by run " + string(r.Undone)
	case r.State == RunHeld:
		return "it is held, so nothing of it is visible; discard it instead"
	case r.State == RunRolledBack:
		return "it was rolled back"
	case r.State != RunLive:
		return "it is " + string(r.State) + ", so nothing of it is visible"
	case r.Hold != nil && r.Hold.Joined != "":
		return "its changes were held and went live with run " + string(r.Hold.Joined) + "; undo that one"
	case r.Mode != Delta:
		return "it exchanged all members; roll back to the point before it, under History"
	case r.Added+r.Removed == 0 || r.Revision == 0:
		return "it changed nobody"
	default:
		return ""
	}
}

// Hold says why the guard kept a run and what the run would have done.
type Hold struct {
	Reason  HoldReason
	Limit   float64 // that was exceeded: percent, 0 when the segment would have become empty
	SetOn   string  // where the limit was set: "segment", "environment" or "default"
	Added   int
	Removed int
	Members int64 // of the segment afterwards
	// Usual is the median percentage that the segment's last runs removed, -1 if there were none.
	Usual float64
	Cause string // what most often lies behind such a run, as a sentence
	// Joined is the run whose hold this run's removals went into, if it did not open one itself.
	Joined RunID
}

// HoldReason says which rule of the guard a run broke.
type HoldReason string

// The rules.
const (
	HeldShrink HoldReason = "shrink"
	HeldEmpty  HoldReason = "empty"
	HeldGrowth HoldReason = "growth"
)

// Progress is how far a run that is being read has come.
type Progress struct {
	BytesRead  int64
	BytesTotal int64 // 0 when the sender did not say
	Rows       int64
}
