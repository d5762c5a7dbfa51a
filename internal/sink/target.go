package sink

import (
	"context"
	"errors"
	"time"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
)

// ErrMoved says that a marker was not what it was expected to be: the store lost it, or somebody else
// writes there.
var ErrMoved = errors.New("the marker in the store is another one")

// Open returns a target for the settings of a sink. It doesn't wait for the store: whether that can be
// reached, the first call tells. The error is a fault about settings that can't work.
type Open func(*catalog.Sink, Secrets) (Target, error)

// Secrets are those of a sink, in the clear; what isn't there it doesn't have.
type Secrets map[catalog.SecretName]string

// Target is the place in a store, a database and a prefix, that one sink writes to, in the layout in which
// SDKs read it.
//
// All methods but Close may be called by any number of goroutines. Each ends soon after its context does,
// and has a bound in time of its own, so that a store that doesn't answer is noticed. None retries for
// longer than a few seconds; the caller does, with pauses.
//
// Errors are [fault.Error]: a sentence for an operator that says what happened and what to do, without
// secrets, and the cause behind it. Kind [fault.Invalid] or [fault.Forbidden] says that only other settings
// or permissions help (a wrong password, no such table, a missing permission), any other kind that the same
// call may succeed later. An error of the context is returned as it is.
//
// Where a store has no nodes to tell (see [Look]) and may lack what it acknowledged after its marker, as one that started again from
// what it had saved, the first call that meets it so fails, and does nothing.
type Target interface {
	// Traits are constant.
	Traits() Traits
	// Look returns what there is to be seen at little cost; it is called every few seconds.
	Look(context.Context) (Look, error)
	// Apply makes changes, all of which are acknowledged by the store on nil. Operations are absolute: an
	// add of what is there and a removal of what is not are no errors. A change has any valid combination of
	// operations, in one of the two sets or in both. No two changes of one call are of the same ref
	// and hash; their order is of no importance. On an error any part of them may have been made, or may still be made by
	// what is under way in a network: the caller repeats all of them, and looks after them once more later.
	//
	// There are at most Traits.Batch changes in a call, and at most Traits.Ahead calls at once, which then
	// have no ref and hash in common.
	Apply(context.Context, []store.RefChange) error
	// Mark replaces the marker, if it is still was, by is, in one step: of several writers that expect
	// the same marker one succeeds, the others get an error that wraps [ErrMoved]. An empty text is no
	// marker. Unless it is zero, synchronized becomes the time of synchronization that SDKs read,
	// at the same time or after it, never before it and never without it. A marker has at most [MaxMarkerBytes], and is printable ASCII.
	//
	// If the reply of a call is lost, the marker may be either; the caller asks Look.
	Mark(ctx context.Context, was, is string, synchronized time.Time) error
	// Lookup returns what the store holds of each of these contexts, in their order; nothing for those that
	// it doesn't know. It reads what was acknowledged last, not a replica that may be behind. There are at most Traits.Batch.
	Lookup(context.Context, []segment.Hash) ([]Held, error)
	// Scan returns a part of the contexts of which the store holds something, with what it holds, and where to go on;
	// "" is the beginning, and the end. Every context that is there from the first call to the last is in some
	// part, maybe in several; a part may be empty. A part takes no more memory than a batch.
	Scan(ctx context.Context, from string) (part []Held, next string, err error)
	// Define writes definitions of flags and segments where SDKs in daemon mode read them; it is called only for
	// sinks that are to keep them. Those without JSON are removed. If whole, these are all there are: others are
	// removed, and the place is marked as initialised after everything was written.
	Define(ctx context.Context, definitions []segment.Definition, whole bool) error
	// Check tries everything that a sink needs, with a key of its own that it removes again, and returns what
	// an operator should know though it works, such as a setting of the store under which data is lost.
	Check(context.Context) (notes []string, err error)
	// Close ends the connections. Nothing else is called afterwards.
	Close() error
}

// Replacer is a target that takes all there is of a context for little more than one change of it.
type Replacer interface {
	Target
	// Replace makes what the store holds of each of these contexts that and nothing else; nothing at all where there
	// are no refs. No two are of the same hash. Else it is like Apply, and counts among its calls.
	Replace(context.Context, []Held) error
}

// MaxMarkerBytes bounds the text of a marker.
const MaxMarkerBytes = 2048

// Traits say how a target wants to be used.
type Traits struct {
	// Batch is how many changes and contexts one call may have at most; 1 or more. It bounds memory, and is
	// what is repeated after an error: a second's worth at most.
	Batch int
	// Ahead is how many calls of Apply may be under way at once; 1 or more.
	Ahead int
	// LookEvery is how often the sink looks whether its marker is still there. It bounds how long an
	// emptied store stays empty, and costs one read.
	LookEvery time.Duration
}

// Look is what is to be seen in a store.
type Look struct {
	// Marker is the text that Mark wrote last, or that somebody else's writer has in its place; "" if
	// there is none.
	Marker string
	// Synchronized is the time of synchronization; zero if there is none that can be read.
	Synchronized time.Time
	// Nodes names the processes that hold the data, each run of a process by another name, where the loss of one
	// would not take the marker with it, as in a cluster. Nil where it would.
	Nodes []string
}

// Held is what a store holds of one context: the texts in its two sets, in any order. Texts that are no
// refs are left out of both, and counted.
type Held struct {
	Hash     segment.Hash
	Included []segment.Ref
	Excluded []segment.Ref
	Foreign  int
}

// Refs returns the refs that texts of a store are, and counts those that are none.
func (h *Held) Refs(texts []string) []segment.Ref {
	var refs []segment.Ref
	for _, text := range texts {
		if ref, ok := segment.ParseRef(text); ok {
			refs = append(refs, ref)
		} else {
			h.Foreign++
		}
	}
	return refs
}
