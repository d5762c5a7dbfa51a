package segment

import "time"

// RunID identifies a run: 24 hexadecimal digits that sort by time.
type RunID string

// RunState says where a run is in its life.
type RunState string

// The states that a run can end in as of now.
const (
	RunLive     RunState = "live"     // its changes are visible
	RunRejected RunState = "rejected" // refused whole, nothing changed
)

// RunKind says what started a run.
type RunKind string

// A push comes from a tool, an edit from a person or their automation.
const (
	PushRun RunKind = "push"
	EditRun RunKind = "edit"
)

// Actor is who did something: an access token, or an account member.
type Actor struct {
	Kind string // "token" or "member" or "system"
	ID   string
	Name string
}

// Run is one sync of one segment as its tool sees it: a row of the ledger. For a finished delta
// Received = Added + Removed + Unchanged + Skipped.
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
	Samples    []Skip
	Note       string
	Bytes      int64
	ReceivedAt time.Time
	LiveAt     time.Time
	Parse      time.Duration
	Commit     time.Duration
	Revision   Revision
	Actor      Actor
	UserAgent  string
	Comment    string
	Error      string
}
