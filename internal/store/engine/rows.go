package engine

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
)

// The tables of the engine. docs/format/log.md describes keys and values.
const (
	tableProject store.Table = iota + 1
	tableEnvironment
	tableFlag
	tableSegment
	tableToken
	tableMember
	tableVersion    // last version of each definition
	tableGeneration // last generation of each segment key
	tableMembership // where the membership of a ref lies
	tableKeys       // raw keys of an entry's changes until they are folded
	tableFloor      // revision up to which an environment's members are all in rosters
	tableFile       // files that entries of the log name
	tableDropped    // environments whose rows are being deleted
	tableRun
	tableRunOfSegment // of an older version, like the next
	tableRunCount
	tableAudit
	tablePoint       // retained memberships
	tableTail        // changes that lie over the rosters of a point
	tablePublication // what a publication exchanged, and its change file
	tableSession
	tablePage    // pages of sessions
	tableJournal // changes that sessions keep
	tableDocument
	tableRunOfRevision
	tableIdempotency
	tableRunIndex // runs in groups, by time
	tableRunTally // how many runs of each sort a segment has
	tableRole
	tableEpoch    // the history that an environment's log belongs to
	tableFollower // how far a follower of a log has come
	tableGraves   // who was removed from a ref
	tableWebhook
	tableWebhookProgress
	tableAuditOrder // audit entries in the order in which they became durable
	tableRelayConfig
	tableSink

	lastTable = iota // a new table comes before this line
)

// key joins parts with a zero byte, which no key of ours contains.
func key(parts ...string) []byte {
	n := len(parts)
	for _, p := range parts {
		n += len(p)
	}
	b := make([]byte, 0, n)
	for i, p := range parts {
		if i > 0 {
			b = append(b, 0)
		}
		b = append(b, p...)
	}
	return b
}

// under returns the prefix of all keys whose first parts are these.
func under(parts ...string) []byte { return append(key(parts...), 0) }

// split takes a key of n parts apart.
func split(k []byte, n int) ([]string, error) {
	parts := bytes.SplitN(k, []byte{0}, n)
	if len(parts) != n {
		return nil, fmt.Errorf("row key %q: %w", k, store.ErrCorrupt)
	}
	out := make([]string, n)
	for i, p := range parts {
		out[i] = string(p)
	}
	return out, nil
}

func flagKey(id flagID) []byte       { return key(string(id.project), string(id.key)) }
func segmentKey(id segmentID) []byte { return key(string(id.env), string(id.key)) }

func versionKey(id versionID) []byte {
	return key(string(id.env), string('0'+rune(id.kind))+id.key)
}

func refKey(id refID) []byte {
	return binary.BigEndian.AppendUint64(under(string(id.env), string(id.ref.Key)), uint64(id.ref.Generation))
}

func parseRefKey(k []byte) (refID, error) {
	parts, err := split(k, 3)
	if err != nil {
		return refID{}, err
	}
	if len(parts[2]) != 8 {
		return refID{}, fmt.Errorf("row key %q: %w", k, store.ErrCorrupt)
	}
	return refID{segment.EnvID(parts[0]), segment.Ref{
		Key: segment.Key(parts[1]), Generation: segment.Generation(binary.BigEndian.Uint64([]byte(parts[2]))),
	}}, nil
}

func keysKey(id refID, rev segment.Revision) []byte {
	return binary.BigEndian.AppendUint64(refKey(id), uint64(rev))
}

func fileKey(env segment.EnvID, id store.FileID) []byte { return append(under(string(env)), id[:]...) }

// number is a row value that holds one number.
func number[T ~int | ~uint64](n T) []byte { return binary.AppendUvarint(nil, uint64(n)) }

func parseNumber(b []byte) (uint64, error) {
	n, w := binary.Uvarint(b)
	if w <= 0 {
		return 0, fmt.Errorf("number %x: %w", b, store.ErrCorrupt)
	}
	return n, nil
}

// objectRow is the row of a catalog object, or the deletion of it.
func objectRow[V any](table store.Table, k []byte, v *V) (store.Row, error) {
	if v == nil {
		return store.Row{Table: table, Key: k}, nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return store.Row{}, fmt.Errorf("write row %q: %w", k, err)
	}
	return store.Row{Table: table, Key: k, Value: b}, nil
}

// appendObjects adds the rows of staged objects.
func appendObjects[K comparable, V any](rows []store.Row, table store.Table, all map[K]*V, keyOf func(K) []byte) ([]store.Row, error) {
	for k, v := range all {
		row, err := objectRow(table, keyOf(k), v)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// rows returns the rows of everything staged but memberships.
func (o *overlay) rows() (rows []store.Row, err error) {
	steps := []func() error{
		func() error {
			rows, err = appendObjects(rows, tableProject, o.projects, func(k catalog.ProjectKey) []byte { return key(string(k)) })
			return err
		},
		func() error {
			rows, err = appendObjects(rows, tableEnvironment, o.environments, func(k segment.EnvID) []byte { return key(string(k)) })
			return err
		},
		func() error { rows, err = appendObjects(rows, tableFlag, o.flags, flagKey); return err },
		func() error { rows, err = appendObjects(rows, tableSegment, o.segments, segmentKey); return err },
		func() error {
			rows, err = appendObjects(rows, tableToken, o.tokens, func(k catalog.ID) []byte { return key(string(k)) })
			return err
		},
		func() error {
			rows, err = appendObjects(rows, tableMember, o.members, func(k catalog.ID) []byte { return key(string(k)) })
			return err
		},
		func() error {
			rows, err = appendObjects(rows, tableRole, o.roles, func(k catalog.ID) []byte { return key(string(k)) })
			return err
		},
		func() error { rows, err = appendObjects(rows, tableWebhook, o.webhooks, webhookKey); return err },
		func() error {
			rows, err = appendObjects(rows, tableRelayConfig, o.relayConfigs, func(k catalog.ID) []byte { return key(string(k)) })
			return err
		},
		func() error {
			rows, err = appendObjects(rows, tableSink, o.sinks, func(k catalog.ID) []byte { return key(string(k)) })
			return err
		},
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	for id, n := range o.versions {
		rows = append(rows, store.Row{Table: tableVersion, Key: versionKey(id), Value: number(n)})
	}
	for id, g := range o.generations {
		rows = append(rows, store.Row{Table: tableGeneration, Key: segmentKey(id), Value: number(g)})
	}
	return rows, nil
}

// membershipRow says where the membership of a ref lies.
type membershipRow struct {
	created segment.Revision
	cut     segment.Revision // the rosters contain the log exactly up to here
	counts  segment.Counts   // at the cut
	rosters []store.FileID   // newest first
	began   segment.Revision // when it was published; 0 if it grew from nothing
}

func (r *membershipRow) encode() []byte {
	b := binary.AppendUvarint(nil, uint64(r.created))
	b = binary.AppendUvarint(b, uint64(r.cut))
	b = binary.AppendVarint(b, r.counts.Included)
	b = binary.AppendVarint(b, r.counts.Excluded)
	b = binary.AppendUvarint(b, uint64(len(r.rosters)))
	for _, id := range r.rosters {
		b = append(b, id[:]...)
	}
	b = append(b, 0) // sessions say themselves whether they are superseded
	return binary.AppendUvarint(b, uint64(r.began))
}

func decodeMembershipRow(b []byte) (membershipRow, error) {
	d := decoder{b: b}
	r := membershipRow{created: segment.Revision(d.uvarint()), cut: segment.Revision(d.uvarint())}
	r.counts = segment.Counts{Included: d.varint(), Excluded: d.varint()}
	for range d.count(uint64(len(store.FileID{}))) {
		var id store.FileID
		copy(id[:], d.take(uint64(len(id))))
		r.rosters = append(r.rosters, id)
	}
	if len(d.b) > 0 { // rows of the first version end here
		d.uvarint()
		r.began = segment.Revision(d.uvarint())
	}
	if d.broken || len(d.b) > 0 {
		return membershipRow{}, fmt.Errorf("membership row %x: %w", b, store.ErrCorrupt)
	}
	return r, nil
}
