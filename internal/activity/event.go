package activity

import (
	"time"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
)

// Kind says what an event is about.
type Kind string

// The kinds of events.
const (
	RunEvent      Kind = "run"      // a run began, got further or ended
	SegmentEvent  Kind = "segment"  // members or the state of a segment changed
	CallEvent     Kind = "call"     // a tool called
	ExportEvent   Kind = "export"   // an export ended
	CatalogEvent  Kind = "catalog"  // something that people configure was put or deleted
	HeadEvent     Kind = "head"     // the log grew
	AuditEvent    Kind = "audit"    // the audit log of the account grew
	DeliveryEvent Kind = "delivery" // a webhook of the account was told of something, or could not be
)

// Event is one thing that happened. Of the fields below Kind, those of its kind are set.
type Event struct {
	Kind Kind

	Run      segment.Run
	Segment  segment.Key
	Call     Call
	Export   Export
	Object   store.Object
	Head     segment.Revision
	Delivery Delivery
	At       time.Time // of a head, and of an audit
}

// Call is one request of a tool, taken or refused. It holds nothing of the body.
type Call struct {
	At      time.Time
	Env     segment.EnvID // empty if the request did not come so far as to name one that there is
	Path    string
	Tool    string
	Status  int
	Message string
	Token   catalog.ID // empty: the request had none that is known
	Run     segment.RunID
}

// Export is an export of members that was written or came to nothing.
type Export struct {
	Env     segment.EnvID
	Segment segment.Key
	ID      string
	Status  string
}

// Delivery is an attempt to tell a webhook of the account of something.
type Delivery struct {
	Webhook catalog.ID
	At      time.Time
}

// subject is what an event is about. Of several events about one subject the last says everything.
type subject struct {
	kind Kind
	name string
}

func (e *Event) subject() subject {
	switch e.Kind {
	case RunEvent:
		return subject{e.Kind, string(e.Run.ID)}
	case SegmentEvent:
		return subject{e.Kind, string(e.Segment)}
	case CallEvent: // a refused call must not hide behind those that went well
		return subject{e.Kind, e.Call.Path + "\n" + string(e.Call.Token) + "\n" + e.Call.Message}
	case ExportEvent:
		return subject{e.Kind, e.Export.ID}
	case CatalogEvent:
		return subject{e.Kind, string(e.Object.Kind) + "\n" + e.Object.Key}
	case DeliveryEvent:
		return subject{e.Kind, string(e.Delivery.Webhook)}
	default:
		return subject{e.Kind, ""}
	}
}
