package delivery

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

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
	if events, ok := s.changes(nil, basis, pollFrame); ok {
		return pollPayload([]piece{{text: events}})
	}
	return s.transfer()
}

// pollPayload makes the answer to a poll of events, the first of which has a comma before it too.
func pollPayload(events []piece) *Payload {
	events[0].text = append([]byte(`{"events":[`), events[0].text[1:]...)
	return newPayload(append(events, piece{text: []byte("]}")}))
}

func (s *Snapshot) encodeTransfer() *Payload { return pollPayload(s.everything(asItems, pollFrame)) }

// beginning returns the events that open a stream of an SDK that has a basis, or none, in pieces.
func (s *Snapshot) beginning(basis string) [][]byte {
	if events, ok := s.changes(nil, basis, streamFrame); ok {
		return [][]byte{events}
	}
	return s.whole()
}

// whole returns the events that open a stream of an SDK that has nothing, in pieces.
func (s *Snapshot) whole() [][]byte { return written(s.everything(asEvents, streamFrame)) }

// everything returns the events of a transfer of everything: segments first, because flags refer to them.
func (s *Snapshot) everything(as form, f frame) []piece {
	pieces := []piece{{text: s.appendIntent(nil, f, "xfer-full", "payload-missing")}}
	for _, sheets := range [][]*sheet{s.segmentSheets, s.flagSheets} {
		for _, sh := range sheets {
			pieces = append(pieces, piece{sheet: sh, form: as})
		}
	}
	return append(pieces, piece{text: s.appendTransferred(nil, f)})
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
			if m.of.kind == kind && last[m.of] == i && (!s.narrow || s.wire(m.of) != nil) {
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
			return appendPut(b, f, fl.wire)
		}
	} else if p := s.segments[m.of.key]; p != nil {
		return appendPut(b, f, p.wire)
	}
	return appendDelete(b, f, m.of, m.version)
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

func appendObject(b []byte, of dependency, name []byte, version int) []byte {
	b = append(append(b, `{"kind":"`...), kindOf(of.kind)...)
	b = append(append(b, `","key":`...), name...)
	return appendInt(append(b, `,"version":`...), version)
}

func appendPut(b []byte, f frame, w *wire) []byte {
	b = appendObject(f.open(b, "put-object"), w.dependency, w.name, w.version)
	b = append(append(b, `,"object":`...), w.json...)
	return f.shut(append(b, '}'))
}

func appendDelete(b []byte, f frame, of dependency, version int) []byte {
	return f.shut(append(appendObject(f.open(b, "delete-object"), of, quote(of.key), version), '}'))
}
