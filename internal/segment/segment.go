// Package segment holds the words of membership: which context is in which segment, what changes
// it, and the revisions of an environment's log in which changes are ordered.
//
// It is pure data and arithmetic. It knows no storage, no HTTP and no tool's wire format; every
// other room speaks in these types.
package segment

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// EnvID identifies an environment: its client-side ID, 24 lower-case hexadecimal digits. It never
// changes and is unique over all projects.
type EnvID string

// Key is a segment's key, unique in its environment, immutable.
type Key string

// ContextKind is the type of context that a segment holds, such as "user".
type ContextKind string

// DefaultKind is the context kind of a segment that names none.
const DefaultKind ContextKind = "user"

// Generation is the number in "key.gN". It starts at 1, only grows, and is never reused for a
// key, not even after deletion.
type Generation uint64

// Revision is a position in an environment's log. The first entry has revision 1; 0 is before it.
type Revision uint64

// Ref names one generation of a segment, the way SDKs ask a Big Segment store for it.
type Ref struct {
	Key        Key
	Generation Generation
}

// String returns "key.gN".
func (r Ref) String() string {
	return string(r.Key) + ".g" + strconv.FormatUint(uint64(r.Generation), 10)
}

// ParseRef reads "key.gN". Segment keys may contain dots, so it splits at the last ".g".
func ParseRef(s string) (Ref, bool) {
	i := strings.LastIndex(s, ".g")
	if i <= 0 {
		return Ref{}, false
	}
	n, err := strconv.ParseUint(s[i+2:], 10, 64)
	if err != nil || n == 0 || (s[i+2] == '0' || s[i+2] == '+') {
		return Ref{}, false
	}
	return Ref{Key: Key(s[:i]), Generation: Generation(n)}, true
}

// Hash identifies a context inside every segment: SHA-256 of the UTF-8 bytes of its key. The kind
// is not part of it (LaunchDarkly's SDKs hash the plain key).
type Hash [sha256.Size]byte

// HashOf returns the hash of a context key.
func HashOf[T ~string | ~[]byte](contextKey T) Hash { return sha256.Sum256([]byte(contextKey)) }

// String returns the wire form: base64 with the standard alphabet and padding, 44 characters.
func (h Hash) String() string { return base64.StdEncoding.EncodeToString(h[:]) }

// ParseHash reads the wire form of a hash.
func ParseHash(s string) (Hash, bool) {
	var h Hash
	if len(s) != 44 {
		return h, false
	}
	var buf [33]byte
	n, err := base64.StdEncoding.Strict().Decode(buf[:], []byte(s))
	if err != nil || n != len(h) {
		return h, false
	}
	copy(h[:], buf[:])
	return h, true
}

// Ops is what a change does to one context: at most one operation on the set of included contexts
// and at most one on the set of excluded ones. Operations are absolute, so applying one twice
// changes nothing. A whole membership is a set of changes that only add.
type Ops uint8

// The operations. Include wins over exclude when SDKs evaluate.
const (
	Include   Ops = 1 << iota // add to the included set
	Uninclude                 // remove from the included set
	Exclude                   // add to the excluded set
	Unexclude                 // remove from the excluded set

	includeSet = Include | Uninclude
	excludeSet = Exclude | Unexclude
)

// Over returns the operations that have the effect of older followed by o.
func (o Ops) Over(older Ops) Ops {
	if o&includeSet == 0 {
		o |= older & includeSet
	}
	if o&excludeSet == 0 {
		o |= older & excludeSet
	}
	return o
}

// Settled returns the part of o that a whole membership has to store: its adds.
func (o Ops) Settled() Ops { return o & (Include | Exclude) }

// Effective returns the part of o that changes a context whose settled state is now.
func (o Ops) Effective(now Ops) Ops {
	var e Ops
	switch {
	case o&Include != 0 && now&Include == 0:
		e |= Include
	case o&Uninclude != 0 && now&Include != 0:
		e |= Uninclude
	}
	switch {
	case o&Exclude != 0 && now&Exclude == 0:
		e |= Exclude
	case o&Unexclude != 0 && now&Exclude != 0:
		e |= Unexclude
	}
	return e
}

// Valid reports whether o holds something and no set is both added to and removed from.
func (o Ops) Valid() bool {
	return o != 0 && o < 16 && o&includeSet != includeSet && o&excludeSet != excludeSet
}

// Counts is how many contexts a segment includes and excludes.
type Counts struct {
	Included int64
	Excluded int64
}

// Add returns c after an effective change of one context.
func (c Counts) Add(effective Ops) Counts {
	switch {
	case effective&Include != 0:
		c.Included++
	case effective&Uninclude != 0:
		c.Included--
	}
	switch {
	case effective&Exclude != 0:
		c.Excluded++
	case effective&Unexclude != 0:
		c.Excluded--
	}
	return c
}

// Mode says how a batch relates to the membership that is there.
type Mode uint8

// A delta adds and removes; a replace states the whole membership.
const (
	Delta Mode = iota
	Replace
)

// Batch is what one request of a tool brings, parsed and not yet authorised.
type Batch struct {
	// Environment is the client-side ID named in the body.
	Environment EnvID
	Kind        ContextKind
	Mode        Mode
	// Cohorts holds each cohort that the request names, once, the request-level one first. It is
	// empty when the request is well formed but names none.
	Cohorts []Cohort
	// Received counts the members in the body, Skipped those that could not be used.
	Received int
	Skipped  int
	// Samples holds the first skipped members, at most [MaxSkipSamples].
	Samples []Skip
	// Note is something the operator should know about the request, such as an unusual action.
	Note string
	// Page is this request's place among those that state a whole membership together; nil when the
	// request stands alone. Only a replace has one.
	Page *Page
	// MessageID is what the tool named the message by, so that a repeat can be told; empty if it
	// does not.
	MessageID string
}

// Page is the place of one request in a whole membership that comes in several.
type Page struct {
	// Session is what the tool calls the whole of them, at most [MaxMessageIDBytes].
	Session string
	// Index counts from 0 and is below Total, which is at least 1 and at most [MaxPages].
	Index int
	Total int
}

// Limits of what a tool may call its messages and of how many pages it may send.
const (
	MaxMessageIDBytes = 255
	MaxPages          = 100_000
)

// Cohort is an audience in a tool and what a batch changes in it.
type Cohort struct {
	ExternalID  string
	Name        string
	Description string
	URL         string
	// Received counts the members that the body listed for this cohort, those that could not be used
	// among them; Changes holds the others.
	Received int
	Changes  *Changes
}

// MaxSkipSamples bounds [Batch.Samples].
const MaxSkipSamples = 20

// Skip is a member that was left out of a batch. It never holds the member's key.
type Skip struct {
	// Row is the member's position in the body, counted from 1 over all member arrays.
	Row    int
	Reason string
}

// DefinitionKind is what a definition defines.
type DefinitionKind uint8

// Flags and segments are what SDKs receive definitions of.
const (
	FlagDefinition DefinitionKind = iota + 1
	SegmentDefinition
)

// Definition is the state of one flag or segment as SDKs see it.
type Definition struct {
	Kind    DefinitionKind
	Key     string
	Version int
	// JSON is the object in the SDK data model; nil when the object was deleted.
	JSON []byte
}

// Entry is one revision of an environment's log. Everything that readers of the environment must
// know stands in its entries, in one order; applying one twice changes nothing.
type Entry struct {
	Revision Revision
	At       time.Time
	// Members holds the membership changes, at most one delta per ref.
	Members []MemberDelta
	// Definitions holds new states of flags and segments. Segments come before the flags that
	// refer to them.
	Definitions []Definition
	// Environment is true when the environment's own settings or credentials changed, or what payload
	// filters of its project select, or the environment was deleted.
	Environment bool
}

// MemberDelta is the change of one segment's membership in an entry.
type MemberDelta struct {
	Ref Ref
	// Len is how many contexts Each yields; after the publication of a whole membership it may be
	// an upper bound.
	Len int
	// Each yields the changes after a hash, all of them when it is nil, in hash order. Keys may be
	// absent. It ends early with an error when the changes can't be read.
	Each func(after *Hash, yield func(Change) bool) error
	// Find returns what the delta does to one context, 0 if nothing. It costs about a lookup,
	// however long the delta is.
	Find func(Hash) (Ops, error)
}
