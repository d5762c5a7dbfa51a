package engine

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
)

// entry is a log entry as it is kept. docs/format/log.md describes the bytes.
type entry struct {
	at          time.Time
	environment bool
	definitions []segment.Definition
	deltas      []*delta
}

// delta is the change of one ref's membership: a list of changes in hash order, or a file of them.
type delta struct {
	ref    segment.Ref
	change segment.Counts // by how much the size of the membership changes
	hashes []segment.Hash
	ops    []segment.Ops
	file   *fileDelta
	// publication says that the delta lies over a whole membership that begins with it.
	publication *publication
	// known are the generations whose members it changes for readers of the log; none: that of ref.
	known []segment.Generation
	// aside says that the members of the segment stay as they are: they become those of a generation
	// more, or of one less.
	aside bool
	// exact says that it is known which operations had an effect: all of those in a list, and of those in
	// a file what effects says.
	exact bool
	// left are the keys of those whom an exact list removes from a set, as texts in its order. A fold
	// forgets who is no member, and somebody may want them back.
	left []byte
	// effects are those of the changes in the file of an exact delta.
	effects []byte

	// What is not part of the entry.
	m        *membership
	revision segment.Revision
	added    int // contexts, see store.Effect
	removed  int
	allowed  bool     // somebody decided that it is right, whatever it removes
	keys     []byte   // for each change the length of its key and the key
	offs     []uint32 // where in keys
	counts   segment.Counts
}

// fileDelta is a partial roster with changes that are too many for an entry.
type fileDelta struct {
	id   store.FileID
	n    int64
	open *file
}

const (
	entryFormat = 1

	entryEnvironment = 1 << 0

	deltaInline      = 0
	deltaFile        = 1
	deltaPublication = 2

	deltaKnown = 1 << 4
	deltaAside = 1 << 5
	deltaExact = 1 << 6
	deltaForm  = ^byte(deltaKnown | deltaAside | deltaExact)
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encode returns the bytes of an entry.
func (e *entry) encode() []byte {
	size := 64
	for _, d := range e.definitions {
		size += len(d.Key) + len(d.JSON) + 16
	}
	for _, d := range e.deltas {
		size += len(d.ref.Key) + 64 + len(d.hashes)*(len(segment.Hash{})+1) + len(d.left) + len(d.effects)
	}
	b := make([]byte, 0, size)
	b = append(b, entryFormat)
	var flags byte
	if e.environment {
		flags |= entryEnvironment
	}
	b = append(b, flags)
	b = binary.AppendVarint(b, e.at.UnixNano())
	b = binary.AppendUvarint(b, uint64(len(e.definitions)))
	for _, d := range e.definitions {
		b = append(b, byte(d.Kind))
		b = appendText(b, d.Key)
		b = binary.AppendUvarint(b, uint64(d.Version))
		if d.JSON == nil {
			b = binary.AppendUvarint(b, 0)
			continue
		}
		b = binary.AppendUvarint(b, uint64(len(d.JSON))+1)
		b = append(b, d.JSON...)
	}
	b = binary.AppendUvarint(b, uint64(len(e.deltas)))
	for _, d := range e.deltas {
		b = d.appendTo(b)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func (d *delta) appendTo(b []byte) []byte {
	b = appendText(b, string(d.ref.Key))
	b = binary.AppendUvarint(b, uint64(d.ref.Generation))
	b = binary.AppendVarint(b, d.change.Included)
	b = binary.AppendVarint(b, d.change.Excluded)
	b = append(b, d.sort())
	if len(d.known) > 0 {
		b = binary.AppendUvarint(b, uint64(len(d.known)))
		for _, g := range d.known {
			b = binary.AppendUvarint(b, uint64(g))
		}
	}
	if d.file != nil {
		b = append(b, d.file.id[:]...)
		b = binary.AppendUvarint(b, uint64(d.file.n))
		if d.exact {
			b = append(binary.AppendUvarint(b, uint64(len(d.effects))), d.effects...)
		}
		return b
	}
	if d.publication != nil {
		b = d.publication.appendTo(b)
	}
	b = d.appendChanges(b)
	if d.exact {
		b = append(binary.AppendUvarint(b, uint64(len(d.left))), d.left...)
	}
	return b
}

// sort returns the octet that says what a delta consists of.
func (d *delta) sort() (sort byte) {
	switch {
	case d.file != nil:
		sort = deltaFile
	case d.publication != nil:
		sort = deltaPublication
	}
	if len(d.known) > 0 {
		sort |= deltaKnown
	}
	if d.aside {
		sort |= deltaAside
	}
	if d.exact {
		sort |= deltaExact
	}
	return sort
}

// refs returns the refs whose members the delta changes for readers of the log, in order.
func (d *delta) refs() []segment.Ref {
	if len(d.known) == 0 {
		return []segment.Ref{d.ref}
	}
	refs := make([]segment.Ref, len(d.known))
	for i, g := range d.known {
		refs[i] = segment.Ref{Key: d.ref.Key, Generation: g}
	}
	return refs
}

// appendChanges appends hashes and operations.
func (d *delta) appendChanges(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(d.hashes)))
	for i := range d.hashes {
		b = append(b, d.hashes[i][:]...)
	}
	for i := 0; i < len(d.ops); i += 2 {
		pair := byte(d.ops[i])
		if i+1 < len(d.ops) {
			pair |= byte(d.ops[i+1]) << 4
		}
		b = append(b, pair)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// decodeEntry reads the bytes of an entry and keeps none of them. The error wraps
// [store.ErrCorrupt].
func decodeEntry(b []byte) (*entry, error) {
	body, err := checkedEntry(b)
	if err != nil {
		return nil, err
	}
	d := decoder{b: body}
	e := d.entry()
	if d.broken || len(d.b) > 0 {
		return nil, fmt.Errorf("entry of %d bytes is malformed: %w", len(b), store.ErrCorrupt)
	}
	return e, nil
}

// decodeDeltas reads those deltas of an entry that change the members of a segment that is wanted and
// passes over all else. The error wraps
// [store.ErrCorrupt].
func decodeDeltas(b []byte, wanted func(segment.Ref) bool) ([]*delta, error) {
	body, err := checkedEntry(b)
	if err != nil {
		return nil, err
	}
	d := decoder{b: body}
	d.head()
	for range d.count(4) {
		d.skipDefinition()
	}
	var deltas []*delta
	for range d.count(5) {
		if v := d.delta(wanted); v != nil && !v.aside {
			deltas = append(deltas, v)
		}
	}
	if d.broken || len(d.b) > 0 {
		return nil, fmt.Errorf("entry of %d bytes is malformed: %w", len(b), store.ErrCorrupt)
	}
	return deltas, nil
}

// checkedEntry returns the bytes of an entry before its checksum, which is right.
func checkedEntry(b []byte) ([]byte, error) {
	if len(b) < crc32.Size {
		return nil, fmt.Errorf("entry of %d bytes: %w", len(b), store.ErrCorrupt)
	}
	body := b[:len(b)-crc32.Size]
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(b[len(body):]) {
		return nil, fmt.Errorf("entry fails its checksum: %w", store.ErrCorrupt)
	}
	return body, nil
}

// decoder reads from the front of b. Once broken it stays so and yields zeros.
type decoder struct {
	b      []byte
	broken bool
}

func (d *decoder) fail() {
	d.broken = true
	d.b = nil
}

func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	v := d.b[:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) octet() byte {
	if v := d.take(1); v != nil {
		return v[0]
	}
	return 0
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) text() string { return string(d.take(d.uvarint())) }

// count reads a number of things that take at least size bytes each.
func (d *decoder) count(size uint64) int {
	n := d.uvarint()
	if n > uint64(len(d.b))/size {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) entry() *entry {
	e := &entry{}
	e.environment, e.at = d.head()
	for range d.count(4) {
		e.definitions = append(e.definitions, d.definition())
	}
	for range d.count(5) {
		e.deltas = append(e.deltas, d.delta(nil))
	}
	return e
}

// head reads what every entry begins with.
func (d *decoder) head() (environment bool, at time.Time) {
	if d.octet() != entryFormat {
		d.fail()
	}
	flags := d.octet()
	if flags&^entryEnvironment != 0 {
		d.fail()
	}
	return flags&entryEnvironment != 0, time.Unix(0, d.varint()).UTC()
}

func (d *decoder) definition() segment.Definition {
	def := segment.Definition{Kind: segment.DefinitionKind(d.octet()), Key: d.text(), Version: int(d.uvarint())}
	if def.Kind != segment.FlagDefinition && def.Kind != segment.SegmentDefinition {
		d.fail()
	}
	if n := d.uvarint(); n > 0 {
		def.JSON = append([]byte{}, d.take(n-1)...)
	}
	return def
}

// delta reads a delta; nil if it is passed over because it is not wanted. Without wanted all are.
func (d *decoder) delta(wanted func(segment.Ref) bool) *delta {
	v := &delta{ref: segment.Ref{Key: segment.Key(d.text()), Generation: segment.Generation(d.uvarint())}}
	v.change = segment.Counts{Included: d.varint(), Excluded: d.varint()}
	pass, changes := wanted != nil && !wanted(v.ref), d.changes
	if pass {
		changes = func(*delta) { d.skipChanges() }
	}
	var sort byte
	sort, v.known = d.sort()
	v.aside, v.exact = sort&deltaAside != 0, sort&deltaExact != 0
	switch sort & deltaForm {
	case deltaInline:
		changes(v)
	case deltaPublication:
		v.publication = d.publication()
		changes(v)
	case deltaFile:
		v.file = &fileDelta{}
		copy(v.file.id[:], d.take(uint64(len(v.file.id))))
		v.file.n = int64(d.uvarint())
		if v.file.n < 0 {
			d.fail()
		}
	default:
		d.fail()
	}
	if v.exact {
		v.effect(d.take(d.uvarint()))
	}
	if pass {
		return nil
	}
	return v
}

// effect keeps what an exact delta says of its effect.
func (d *delta) effect(said []byte) {
	switch {
	case len(said) == 0:
	case d.file != nil:
		d.effects = slices.Clone(said)
	default:
		d.left = slices.Clone(said)
	}
}

// sort reads what a delta consists of, and the generations that it counts for.
func (d *decoder) sort() (sort byte, known []segment.Generation) {
	sort = d.octet()
	if sort&deltaKnown != 0 {
		for range d.count(1) {
			known = append(known, segment.Generation(d.uvarint()))
		}
		if len(known) == 0 {
			d.fail()
		}
	}
	if sort&deltaAside != 0 && sort&^deltaKnown != deltaAside|deltaPublication || sort&deltaExact != 0 && sort&deltaForm == deltaPublication {
		d.fail()
	}
	return sort, known
}

func (d *decoder) changes(v *delta) {
	n := d.count(uint64(len(segment.Hash{})))
	raw := d.take(uint64(n * len(segment.Hash{})))
	pairs := d.take(uint64(n+1) / 2)
	if d.broken {
		return
	}
	v.hashes = make([]segment.Hash, n)
	v.ops = make([]segment.Ops, n)
	for i := range n {
		copy(v.hashes[i][:], raw[i*len(segment.Hash{}):])
		v.ops[i] = segment.Ops(pairs[i/2]>>(4*(i%2))) & 15
		if !v.ops[i].Valid() {
			d.fail()
		}
	}
}

// memberDelta returns the delta as readers of the log see it.
func (d *delta) memberDelta() segment.MemberDelta {
	return segment.MemberDelta{
		Ref: d.ref, Len: len(d.hashes),
		Each: func(after *segment.Hash, yield func(segment.Change) bool) error {
			first := 0
			if after != nil {
				i, found := slices.BinarySearchFunc(d.hashes, *after, compareHashes)
				if first = i; found {
					first++
				}
			}
			for c, err := range (listOf{d}).from(first) {
				if err != nil {
					return err
				}
				if !yield(c) {
					return nil
				}
			}
			return nil
		},
		Find: func(h segment.Hash) (segment.Ops, error) { return d.find(&h), nil },
	}
}
