package delivery

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"
	"github.com/launchdarkly/go-server-sdk-evaluation/v3/ldmodel"

	"muster/internal/segment"
)

// Snapshot is every flag and segment of an environment at one revision. It never changes.
type Snapshot struct {
	// Revision is the newest revision that changed a definition, or that of the first load.
	Revision segment.Revision

	flags    map[string]*flag
	segments map[string]*part
	list     []*flag // flags in key order
	// deletedAt is the newest revision at which a flag was deleted.
	deletedAt segment.Revision
	// moved are the flags, in key order, that may have another result than at movedAfter, definitions alone considered:
	// what streams look at that are not further behind.
	moved      []*flag
	movedAfter segment.Revision
	asking     []*flag // in key order, those whose result depends on membership

	log    string // names the log of the revisions to SDKs
	narrow bool   // a payload filter left out what it did not select
	recent recent

	flagSheets, segmentSheets []*sheet

	payload   func() *Payload // of everything
	flagsOnly func() *Payload
	transfer  func() *Payload // of everything in the second protocol
}

// flag is a flag as the evaluator wants it, and as SDKs receive it.
type flag struct {
	*wire
	model  *ldmodel.FeatureFlag
	served [][]byte // what a result says of each variation
	needs  []dependency
	// changed is the newest revision at which the flag or anything its result depends on changed,
	// membership aside.
	changed segment.Revision
	// big is true when the result depends on the membership of an unbounded segment.
	big bool
}

// part is a segment as the evaluator wants it, and as SDKs receive it.
type part struct {
	*wire
	model *ldmodel.Segment
	needs []dependency

	big   bool             // members are looked up, by ref
	ref   segment.Ref      // that names them
	rules *ldmodel.Segment // stands for it where it says nothing of a context
}

// build makes the next snapshot out of one that stays as it is.
type build struct {
	from    segment.Revision // of the one that stays
	next    *Snapshot
	graph   graph
	owned   [segment.SegmentDefinition + 1]bool // maps already copied
	changed map[dependency]segment.Revision
}

func newBuild(from *Snapshot, g graph) *build {
	return &build{
		from: from.Revision, graph: g,
		next: &Snapshot{
			Revision: from.Revision, flags: from.flags, segments: from.segments, list: from.list,
			deletedAt: from.deletedAt, moved: from.moved, movedAfter: from.movedAfter, asking: from.asking,
			log: from.log, recent: from.recent, flagSheets: from.flagSheets, segmentSheets: from.segmentSheets,
		},
		changed: map[dependency]segment.Revision{},
	}
}

// apply takes a definition over into the snapshot. An error means that the definition was left out
// because an SDK could not read it.
func (b *build) apply(rev segment.Revision, d segment.Definition) error {
	switch d.Kind {
	case segment.FlagDefinition:
		return b.applyFlag(rev, d)
	case segment.SegmentDefinition:
		return b.applySegment(rev, d)
	default:
		return fmt.Errorf("definition of %s has the unknown kind %d", d.Key, d.Kind)
	}
}

func (b *build) applyFlag(rev segment.Revision, d segment.Definition) error {
	var f *flag
	if d.JSON != nil {
		var err error
		if f, err = parseFlag(d); err != nil {
			return err
		}
	}
	b.ownFlags()
	self := dependency{d.Kind, d.Key}
	if old := b.next.flags[d.Key]; old != nil {
		b.graph.unlink(self, old.needs)
	}
	if f == nil || f.model.Deleted {
		delete(b.next.flags, d.Key)
		b.next.deletedAt = rev
	} else {
		b.next.flags[d.Key] = f
		b.graph.link(self, f.needs)
	}
	b.mark(rev, self)
	b.next.recent.add(rev, d)
	return nil
}

func (b *build) applySegment(rev segment.Revision, d segment.Definition) error {
	var p *part
	if d.JSON != nil {
		var err error
		if p, err = parseSegment(d); err != nil {
			return err
		}
	}
	if !b.owned[segment.SegmentDefinition] {
		b.next.segments, b.owned[segment.SegmentDefinition] = maps.Clone(b.next.segments), true
	}
	self := dependency{d.Kind, d.Key}
	if old := b.next.segments[d.Key]; old != nil {
		b.graph.unlink(self, old.needs)
	}
	if p == nil || p.model.Deleted {
		delete(b.next.segments, d.Key)
	} else {
		b.next.segments[d.Key] = p
		b.graph.link(self, p.needs)
	}
	b.mark(rev, self)
	b.next.recent.add(rev, d)
	return nil
}

func (b *build) mark(rev segment.Revision, d dependency) {
	b.changed[d] = rev
	b.next.Revision = max(b.next.Revision, rev)
}

// finish returns the snapshot, in which every flag knows when its result may last have changed.
func (b *build) finish() *Snapshot {
	s := b.next
	s.flagSheets = revised(s.flagSheets, b.changedKeys(segment.FlagDefinition), func(key string) *wire {
		if f := s.flags[key]; f != nil {
			return f.wire
		}
		return nil
	})
	s.segmentSheets = revised(s.segmentSheets, b.changedKeys(segment.SegmentDefinition), func(key string) *wire {
		if p := s.segments[key]; p != nil {
			return p.wire
		}
		return nil
	})
	b.spread()
	s.encodeLater()
	return s
}

// encodeLater lets the snapshot be encoded when somebody first asks.
func (s *Snapshot) encodeLater() {
	s.payload, s.flagsOnly, s.transfer = sync.OnceValue(s.encode), sync.OnceValue(s.encodeFlags), sync.OnceValue(s.encodeTransfer)
}

// changedKeys returns the keys of the definitions of a kind that changed, sorted.
func (b *build) changedKeys(kind segment.DefinitionKind) []string {
	var keys []string
	for d := range b.changed {
		if d.kind == kind {
			keys = append(keys, d.key)
		}
	}
	slices.Sort(keys)
	return keys
}

// maxMoved is how many flags that changed of late a snapshot remembers, if not more changed at once.
const maxMoved = 64

// spread carries changes on to every flag whose result may differ because of them, and puts the flags
// into order.
func (b *build) spread() {
	s := b.next
	came := false
	var touched []string
	for d, rev := range b.graph.reached(b.changed) {
		f := s.flags[d.key]
		if d.kind != segment.FlagDefinition || f == nil {
			continue
		}
		b.ownFlags()
		c := *f
		c.changed, c.big = max(rev, f.changed), s.asksMembership(d, map[dependency]bool{})
		s.flags[d.key] = &c
		touched = append(touched, d.key)
	}
	if len(touched) == 0 && len(s.list) == len(s.flags) {
		return
	}
	for _, key := range touched {
		_, found := s.find(key)
		came = came || !found
	}
	if came || len(s.list) != len(s.flags) {
		s.list = slices.SortedFunc(maps.Values(s.flags), byKey)
	} else {
		s.list = slices.Clone(s.list)
		for _, key := range touched {
			i, _ := s.find(key)
			s.list[i] = s.flags[key]
		}
	}
	b.remember(touched)
}

// remember notes which flags moved, and which ask for membership.
func (b *build) remember(touched []string) {
	s := b.next
	still := func(f *flag) bool { return s.flags[f.key] == f }
	var moved []*flag
	if len(s.moved)+len(touched) <= maxMoved {
		moved = filter(s.moved, still)
	} else {
		s.movedAfter = b.from
	}
	for _, key := range touched {
		moved = append(moved, s.flags[key])
	}
	slices.SortFunc(moved, byKey)
	s.moved = moved
	s.asking = filter(s.list, func(f *flag) bool { return f.big })
}

func byKey(x, y *flag) int { return strings.Compare(x.key, y.key) }

// filter returns the flags that keep is true of, in a list of its own.
func filter(list []*flag, keep func(*flag) bool) []*flag {
	var kept []*flag
	for _, f := range list {
		if keep(f) {
			kept = append(kept, f)
		}
	}
	return kept
}

// find returns where a flag stands in the list.
func (s *Snapshot) find(key string) (int, bool) {
	return slices.BinarySearchFunc(s.list, key, func(f *flag, key string) int { return strings.Compare(f.key, key) })
}

// ownFlags makes the map of flags one that no other snapshot has.
func (b *build) ownFlags() {
	if !b.owned[segment.FlagDefinition] {
		b.next.flags, b.owned[segment.FlagDefinition] = maps.Clone(b.next.flags), true
	}
}

// emptySnapshot is the start of a first load.
func emptySnapshot() *Snapshot {
	return &Snapshot{flags: map[string]*flag{}, segments: map[string]*part{}}
}

func parseFlag(d segment.Definition) (*flag, error) {
	raw, err := line(d.JSON)
	if err != nil {
		return nil, err
	}
	model, err := ldmodel.NewJSONDataModelSerialization().UnmarshalFeatureFlag(raw)
	if err != nil {
		return nil, fmt.Errorf("read flag %s: %w", d.Key, err)
	}
	if model.Key != d.Key {
		return nil, fmt.Errorf("flag %s calls itself %q", d.Key, model.Key)
	}
	f := &flag{wire: newWire(dependency{d.Kind, d.Key}, model.Version, raw), model: &model, needs: flagNeeds(&model)}
	f.served = make([][]byte, len(model.Variations))
	for i, v := range model.Variations {
		f.served[i] = appendServed(nil, []byte(v.JSONString()), ldvalue.NewOptionalInt(i), model.Version)
	}
	return f, nil
}

func parseSegment(d segment.Definition) (*part, error) {
	raw, err := line(d.JSON)
	if err != nil {
		return nil, err
	}
	model, err := ldmodel.NewJSONDataModelSerialization().UnmarshalSegment(raw)
	if err != nil {
		return nil, fmt.Errorf("read segment %s: %w", d.Key, err)
	}
	if model.Key != d.Key {
		return nil, fmt.Errorf("segment %s calls itself %q", d.Key, model.Key)
	}
	p := &part{wire: newWire(dependency{d.Kind, d.Key}, model.Version, raw), model: &model, needs: segmentNeeds(&model)}
	if p.big = model.Unbounded && model.Generation.IsDefined(); p.big {
		p.ref, p.rules = refOf(&model), rulesOf(&model)
	}
	return p, nil
}

// line returns a copy of JSON on one line, which the framing of server-sent events requires.
func line(raw []byte) ([]byte, error) {
	if !json.Valid(raw) {
		return nil, errors.New("definition is not JSON")
	}
	if !bytes.ContainsAny(raw, "\r\n") {
		return bytes.Clone(raw), nil
	}
	var out bytes.Buffer
	if err := json.Compact(&out, raw); err != nil {
		return nil, fmt.Errorf("put definition on one line: %w", err)
	}
	return out.Bytes(), nil
}

func quote(s string) []byte {
	b, _ := json.Marshal(s) // a string always has a JSON form
	return b
}

// Payload returns the snapshot as one JSON object, encoded at the first call.
func (s *Snapshot) Payload() *Payload { return s.payload() }

// Flags returns every flag as one JSON object, encoded at the first call.
func (s *Snapshot) Flags() *Payload { return s.flagsOnly() }

func (s *Snapshot) encode() *Payload {
	pieces := []piece{{text: []byte(`{"flags":`)}}
	pieces = appendMembers(pieces, s.flagSheets)
	pieces = append(pieces, piece{text: []byte(`,"segments":`)})
	pieces = appendMembers(pieces, s.segmentSheets)
	return newPayload(append(pieces, piece{text: []byte("}")}))
}

func (s *Snapshot) encodeFlags() *Payload { return newPayload(appendMembers(nil, s.flagSheets)) }

// appendMembers appends the pieces of a JSON object of sheets.
func appendMembers(pieces []piece, sheets []*sheet) []piece {
	before := []byte("{")
	for _, s := range sheets {
		pieces = append(pieces, piece{text: before}, piece{sheet: s, form: asMembers})
		before = []byte(",")
	}
	if len(sheets) == 0 {
		return append(pieces, piece{text: []byte("{}")})
	}
	return append(pieces, piece{text: []byte("}")})
}

var (
	putHead = []byte("event: put\ndata: {\"path\":\"/\",\"data\":")
	putTail = []byte("}\n\n")
)

// opening returns the event that opens a server-side stream, in pieces.
func (s *Snapshot) opening() [][]byte {
	pieces := append(make([][]byte, 0, len(s.Payload().JSON)+2), putHead)
	return append(append(pieces, s.Payload().JSON...), putTail)
}

// etag returns a strong entity tag of a digest.
func etag(sum []byte) string { return `"` + hex.EncodeToString(sum[:16]) + `"` }

// Item is one flag or segment as SDKs receive it.
type Item struct {
	JSON    []byte
	Version int
}

// Size returns how many flags or segments there are.
func (s *Snapshot) Size(kind segment.DefinitionKind) int {
	if kind == segment.FlagDefinition {
		return len(s.flags)
	}
	return len(s.segments)
}

// Items yields the key of every flag or segment with what SDKs receive of it, in key order.
func (s *Snapshot) Items(kind segment.DefinitionKind) iter.Seq2[string, Item] {
	sheets := s.segmentSheets
	if kind == segment.FlagDefinition {
		sheets = s.flagSheets
	}
	return func(yield func(string, Item) bool) {
		for _, sheet := range sheets {
			for _, w := range sheet.wires {
				if !yield(w.key, Item{JSON: w.json, Version: w.version}) {
					return
				}
			}
		}
	}
}

// Flag returns one flag; false if there is none.
func (s *Snapshot) Flag(key string) (Item, bool) {
	f := s.flags[key]
	if f == nil {
		return Item{}, false
	}
	return Item{JSON: f.json, Version: f.model.Version}, true
}

// Segment returns one segment; false if there is none.
func (s *Snapshot) Segment(key string) (Item, bool) {
	p := s.segments[key]
	if p == nil {
		return Item{}, false
	}
	return Item{JSON: p.json, Version: p.model.Version}, true
}
