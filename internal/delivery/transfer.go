package delivery

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"muster/internal/segment"
)

// What LaunchDarkly's second protocol transfers: objects that are put and deleted, which an SDK
// applies at once when the payload-transferred event tells it the state that it then has. An SDK that
// comes back with a state as its basis is sent what changed since.

// moved is a change of a definition, as a transfer since an older state names it.
type moved struct {
	rev     segment.Revision
	of      dependency
	version int // when it was deleted
}

// recent is the newest changes of a snapshot's definitions: all of them after a revision.
type recent struct {
	after segment.Revision
	moved []moved // oldest first; the array is shared with older snapshots, which see less of it
}

// maxRecent is how many changes can be transferred instead of everything.
const maxRecent = 1024

func (r *recent) add(rev segment.Revision, d segment.Definition) {
	if n := len(r.moved) - maxRecent; n >= 0 {
		r.after = r.moved[n].rev
		r.moved = r.moved[n+1:]
	}
	r.moved = append(r.moved, moved{rev, dependency{d.Kind, d.Key}, d.Version})
}

// transfer is everything in the second protocol, encoded at the first call.
type transfer struct {
	once   sync.Once
	stream []byte
	poll   Payload
}

// State is what an SDK that has the snapshot sends as its basis: "(p:<environment>:<epoch>:<revision>)".
// Some SDKs send it back without encoding it, so it needs none.
func (s *Snapshot) State() string {
	return "(" + s.log + ":" + strconv.FormatUint(uint64(s.Revision), 10) + ")"
}

// since returns the revision that a basis stands for; false unless it is one of this log that the
// snapshot is not older than.
func (s *Snapshot) since(basis string) (segment.Revision, bool) {
	number, ok := strings.CutPrefix(basis, "("+s.log+":")
	if !ok {
		return 0, false
	}
	number, ok = strings.CutSuffix(number, ")")
	rev, err := strconv.ParseUint(number, 10, 64)
	return segment.Revision(rev), ok && err == nil && segment.Revision(rev) <= s.Revision
}

// Transfer returns what an SDK that has a basis, or none, has to be sent to be at the snapshot, as the
// answer to a poll.
func (s *Snapshot) Transfer(basis string) *Payload {
	if events, ok := s.changes(append([]byte(nil), pollHead...), basis, pollFrame); ok {
		return pollPayload(events)
	}
	return &s.whole().poll
}

const pollHead = `{"events":[`

// pollPayload ends the answer to a poll, in which a comma comes before the first event too.
func pollPayload(b []byte) *Payload {
	b = append(append(b[:len(pollHead)], b[len(pollHead)+1:]...), "]}"...)
	return newPayload(b)
}

// beginning returns the events that open a stream of an SDK that has a basis, or none.
func (s *Snapshot) beginning(basis string) []byte {
	if events, ok := s.changes(nil, basis, streamFrame); ok {
		return events
	}
	return s.whole().stream
}

// whole returns the transfer of everything.
func (s *Snapshot) whole() *transfer {
	t := &s.transfer
	t.once.Do(func() {
		const around = 80 // an object
		size := s.size() + around*(len(s.flags)+len(s.segments))
		t.stream = s.appendWhole(make([]byte, 0, size), streamFrame)
		p := pollPayload(s.appendWhole(append(make([]byte, 0, size), pollHead...), pollFrame))
		t.poll.JSON, t.poll.ETag = p.JSON, p.ETag
	})
	return t
}

func (s *Snapshot) appendWhole(b []byte, f frame) []byte {
	b = s.appendIntent(b, f, "xfer-full", "payload-missing")
	for key, p := range s.segments {
		b = appendPut(b, f, segment.SegmentDefinition, key, p.model.Version, p.json)
	}
	for _, fl := range s.list {
		b = appendPut(b, f, segment.FlagDefinition, fl.model.Key, fl.model.Version, fl.json)
	}
	return s.appendTransferred(b, f)
}

// changes appends the events for an SDK that has a basis; false if only everything will do.
func (s *Snapshot) changes(b []byte, basis string, f frame) ([]byte, bool) {
	rev, ok := s.since(basis)
	switch {
	case !ok || rev < s.recent.after:
		return nil, false
	case rev == s.Revision:
		return s.appendIntent(b, f, "none", "up-to-date"), true
	}
	first, _ := slices.BinarySearchFunc(s.recent.moved, rev+1, func(m moved, rev segment.Revision) int { return cmp.Compare(m.rev, rev) })
	since := s.recent.moved[first:]
	last := make(map[dependency]int, len(since))
	for i, m := range since {
		last[m.of] = i
	}
	b = s.appendIntent(b, f, "xfer-changes", "stale")
	for _, kind := range []segment.DefinitionKind{segment.SegmentDefinition, segment.FlagDefinition} { // flags refer to segments
		for i, m := range since {
			if m.of.kind == kind && last[m.of] == i {
				b = s.appendMoved(b, f, m)
			}
		}
	}
	return s.appendTransferred(b, f), true
}

// appendMoved appends what has become of a definition.
func (s *Snapshot) appendMoved(b []byte, f frame, m moved) []byte {
	if m.of.kind == segment.FlagDefinition {
		if fl := s.flags[m.of.key]; fl != nil {
			return appendPut(b, f, m.of.kind, m.of.key, fl.model.Version, fl.json)
		}
	} else if p := s.segments[m.of.key]; p != nil {
		return appendPut(b, f, m.of.kind, m.of.key, p.model.Version, p.json)
	}
	return appendDelete(b, f, m.of.kind, m.of.key, m.version)
}

// frame is how events are put into an answer: one after the other on a stream, or in a JSON array,
// where each has a comma before it.
type frame bool

const (
	streamFrame frame = false
	pollFrame   frame = true
)

func (f frame) open(b []byte, event string) []byte {
	if f == pollFrame {
		return append(append(append(b, `,{"event":"`...), event...), `","data":`...)
	}
	return append(append(append(b, "event: "...), event...), "\ndata: "...)
}

func (f frame) shut(b []byte) []byte {
	if f == pollFrame {
		return append(b, '}')
	}
	return append(b, "\n\n"...)
}

func (s *Snapshot) appendIntent(b []byte, f frame, code, reason string) []byte {
	b = append(f.open(b, "server-intent"), `{"payloads":[{"id":"`...)
	b = append(append(b, s.log...), `","target":`...)
	b = strconv.AppendUint(b, uint64(s.Revision), 10)
	b = append(append(b, `,"intentCode":"`...), code...)
	b = append(append(b, `","reason":"`...), reason...)
	return f.shut(append(b, `"}]}`...))
}

func (s *Snapshot) appendTransferred(b []byte, f frame) []byte {
	b = append(f.open(b, "payload-transferred"), `{"state":"`...)
	b = append(append(b, s.State()...), `","version":`...)
	return f.shut(append(strconv.AppendUint(b, uint64(s.Revision), 10), '}'))
}

// kindOf returns what the second protocol calls a definition.
func kindOf(k segment.DefinitionKind) string {
	if k == segment.SegmentDefinition {
		return "segment"
	}
	return "flag"
}

func appendObject(b []byte, k segment.DefinitionKind, key string, version int) []byte {
	b = append(append(b, `{"kind":"`...), kindOf(k)...)
	b = append(append(b, `","key":`...), quote(key)...)
	return appendInt(append(b, `,"version":`...), version)
}

func appendPut(b []byte, f frame, k segment.DefinitionKind, key string, version int, object []byte) []byte {
	b = appendObject(f.open(b, "put-object"), k, key, version)
	b = append(append(b, `,"object":`...), object...)
	return f.shut(append(b, '}'))
}

func appendDelete(b []byte, f frame, k segment.DefinitionKind, key string, version int) []byte {
	return f.shut(append(appendObject(f.open(b, "delete-object"), k, key, version), '}'))
}
