package delivery

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
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

	log    string // names the log of the revisions to SDKs
	recent recent

	encode   sync.Once
	put      []byte // the event that opens a server-side stream
	payload  Payload
	transfer transfer
}

// Payload is what a polling endpoint sends.
type Payload struct {
	JSON []byte
	ETag string
	zip  sync.Once
	gzip []byte
}

func newPayload(body []byte) *Payload {
	sum := sha256.Sum256(body)
	return &Payload{JSON: body, ETag: etag(sum[:])}
}

// Gzip returns the compressed form, made at the first call.
func (p *Payload) Gzip() []byte {
	p.zip.Do(func() {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		_, _ = w.Write(p.JSON) // a bytes.Buffer takes everything
		_ = w.Close()
		p.gzip = out.Bytes()
	})
	return p.gzip
}

// flag is a flag as the evaluator wants it, and as streams send it.
type flag struct {
	model  *ldmodel.FeatureFlag
	json   []byte
	name   []byte   // the key as a JSON string
	values [][]byte // the variations as JSON
	needs  []dependency
	// changed is the newest revision at which the flag or anything its result depends on changed,
	// membership aside.
	changed segment.Revision
	// big is true when the result depends on the membership of an unbounded segment.
	big bool
}

// part is a segment as the evaluator wants it, and as streams send it.
type part struct {
	model *ldmodel.Segment
	json  []byte
	needs []dependency
}

// build makes the next snapshot out of one that stays as it is.
type build struct {
	next    *Snapshot
	graph   graph
	owned   [segment.SegmentDefinition + 1]bool // maps already copied
	changed map[dependency]segment.Revision
}

func newBuild(from *Snapshot, g graph) *build {
	return &build{
		graph: g,
		next: &Snapshot{
			Revision: from.Revision, flags: from.flags, segments: from.segments, list: from.list,
			deletedAt: from.deletedAt, log: from.log, recent: from.recent,
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
	if !b.owned[segment.FlagDefinition] {
		b.next.flags, b.owned[segment.FlagDefinition] = maps.Clone(b.next.flags), true
	}
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
	if len(b.changed) == 0 {
		return b.next
	}
	if !b.owned[segment.FlagDefinition] {
		b.next.flags = maps.Clone(b.next.flags)
	}
	b.next.spread(b.graph, b.changed)
	b.next.list = b.flagsInOrder()
	return b.next
}

// flagsInOrder returns the flags by key. Sorting is only needed when one came or went.
func (b *build) flagsInOrder() []*flag {
	list := make([]*flag, 0, len(b.next.flags))
	for _, f := range b.next.list {
		if now := b.next.flags[f.model.Key]; now != nil {
			list = append(list, now)
		}
	}
	if len(list) == len(b.next.flags) {
		return list
	}
	return slices.SortedFunc(maps.Values(b.next.flags), func(x, y *flag) int {
		return strings.Compare(x.model.Key, y.model.Key)
	})
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
	f := &flag{model: &model, json: raw, name: quote(d.Key), needs: flagNeeds(&model)}
	f.values = make([][]byte, len(model.Variations))
	for i, v := range model.Variations {
		f.values[i] = []byte(v.JSONString())
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
	return &part{model: &model, json: raw, needs: segmentNeeds(&model)}, nil
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

const (
	putHead = "event: put\ndata: {\"path\":\"/\",\"data\":"
	putTail = "}\n\n"
)

// Payload returns the snapshot as one JSON object, encoded at the first call.
func (s *Snapshot) Payload() *Payload {
	s.encode.Do(func() {
		b := append(make([]byte, 0, s.size()), putHead...)
		b = s.appendJSON(b)
		s.put = append(b, putTail...) // there is room for it
		p := newPayload(s.put[len(putHead) : len(s.put)-len(putTail)])
		s.payload.JSON, s.payload.ETag = p.JSON, p.ETag
	})
	return &s.payload
}

// opening returns the event that opens a server-side stream.
func (s *Snapshot) opening() []byte {
	s.Payload()
	return s.put
}

func (s *Snapshot) size() int {
	n := 64
	for k, f := range s.flags {
		n += len(k) + len(f.json) + 8
	}
	for k, p := range s.segments {
		n += len(k) + len(p.json) + 8
	}
	return n
}

func (s *Snapshot) appendJSON(b []byte) []byte {
	b = append(b, `{"flags":`...)
	b = s.appendFlags(b)
	b = append(b, `,"segments":{`...)
	for i, k := range slices.Sorted(maps.Keys(s.segments)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, quote(k)...), ':')
		b = append(b, s.segments[k].json...)
	}
	return append(b, "}}"...)
}

func (s *Snapshot) appendFlags(b []byte) []byte {
	b = append(b, '{')
	for i, f := range s.list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, f.name...), ':')
		b = append(b, f.json...)
	}
	return append(b, '}')
}

// etag returns a strong entity tag of a digest.
func etag(sum []byte) string { return `"` + hex.EncodeToString(sum[:16]) + `"` }

// GetFeatureFlag returns a flag for the evaluator; nil if there is none.
func (s *Snapshot) GetFeatureFlag(key string) *ldmodel.FeatureFlag {
	if f := s.flags[key]; f != nil {
		return f.model
	}
	return nil
}

// GetSegment returns a segment for the evaluator; nil if there is none.
func (s *Snapshot) GetSegment(key string) *ldmodel.Segment {
	if p := s.segments[key]; p != nil {
		return p.model
	}
	return nil
}

// Item is one flag or segment as SDKs receive it.
type Item struct {
	JSON    []byte
	Version int
}

// Flags returns every flag as one JSON object.
func (s *Snapshot) Flags() []byte { return s.appendFlags(nil) }

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
