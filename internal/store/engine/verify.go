package engine

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
)

// verifier is one verification at work.
type verifier struct {
	*store.Verification
	e     *Engine
	ctx   context.Context
	yield func(store.Checked, error) bool
	files map[store.FileID]error // rosters that were read, each once
	began time.Time              // of the work since the last rest
}

// errEnough ends a verification of which the caller wants no more.
var errEnough = errors.New("nobody wants to know more")

// Verify reads everything that is stored.
func (e *Engine) Verify(ctx context.Context, progress *store.Verification) iter.Seq2[store.Checked, error] {
	return func(yield func(store.Checked, error) bool) {
		v := &verifier{Verification: progress, e: e, ctx: ctx, yield: yield, files: make(map[store.FileID]error), began: time.Now()}
		if err := v.all(); err != nil && !errors.Is(err, errEnough) {
			yield(store.Checked{}, fmt.Errorf("verify: %w", err))
		}
	}
}

func (v *verifier) all() error {
	environments := *v.e.environments.Load()
	of := 2
	for id := range environments {
		of += 1 + len(v.e.Segments(id))
	}
	v.Of.Store(int64(of))
	if err := v.rows(); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(environments)) {
		if err := v.environment(environments[id]); err != nil {
			return err
		}
	}
	if err := v.named(); err != nil {
		return err
	}
	return v.orphans()
}

// rest lets others work as long as this verification did since the last rest. It is called often.
func (v *verifier) rest() error {
	const stint = 5 * time.Millisecond
	worked := time.Since(v.began)
	if worked < stint {
		return nil
	}
	if !v.Hasty {
		select {
		case <-v.ctx.Done():
		case <-v.e.ctx.Done():
		case <-time.After(worked):
		}
	}
	v.began = time.Now()
	if v.e.closed.Load() {
		return store.ErrClosed
	}
	return v.ctx.Err()
}

// finding is what is known so far of an object.
type finding struct{ store.Checked }

// maxProblems is how many problems of one object are told.
const maxProblems = 20

// blame notes a problem; it returns err if that says nothing about what is stored.
func (f *finding) blame(what string, err error) error {
	if !errors.Is(err, store.ErrCorrupt) && !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	f.problem("%s: %v", what, err)
	return nil
}

func (f *finding) problem(format string, args ...any) {
	switch {
	case len(f.Problems) < maxProblems:
		f.Problems = append(f.Problems, fmt.Sprintf(format, args...))
	case len(f.Problems) == maxProblems:
		f.Problems = append(f.Problems, "there are more")
	}
}

func (v *verifier) report(f *finding) error {
	v.Objects.Add(1)
	if !v.yield(f.Checked, nil) {
		return errEnough
	}
	return v.rest()
}

// rows decodes every row there is.
func (v *verifier) rows() error {
	f := &finding{store.Checked{Kind: store.CheckedRows}}
	n := 0
	for table := tableProject; table <= lastTable; table++ {
		for row, err := range v.e.log.Rows(v.ctx, table, nil, false) {
			what := fmt.Sprintf("table %d", table)
			if err == nil {
				n++
				what = fmt.Sprintf("table %d, row %q", table, row.Key)
				err = checkRow(row)
			}
			if err != nil {
				if err := f.blame(what, err); err != nil {
					return err
				}
			}
			if err := v.rest(); err != nil {
				return err
			}
		}
	}
	f.Notes = append(f.Notes, fmt.Sprintf("%d rows", n))
	return v.report(f)
}

// checkRow returns an error that wraps [store.ErrCorrupt] unless a row can be decoded.
func checkRow(row store.Row) error {
	var err error
	switch row.Table {
	case tableProject, tableEnvironment, tableFlag, tableSegment, tableToken, tableMember, tableRole, tableWebhook, tableWebhookProgress,
		tableRelayConfig, tableSink, tableRun, tableAudit,
		tablePoint, tablePublication, tableSession, tableDocument:
		var v struct{}
		err = decodeJSON(row, &v)
		if err == nil {
			_, err = filesNamed(row)
		}
	case tableVersion, tableGeneration, tableFloor, tableFile, tableFollower:
		_, err = parseNumber(row.Value)
	case tableMembership:
		_, err = decodeMembershipRow(row.Value)
	case tableKeys:
		err = checkKeys(row.Value)
	case tableTail:
		_, err = decodeChanges(row.Value)
	case tablePage, tableJournal:
		if _, filed := partFileID(row.Value); !filed {
			if len(row.Value) == 0 {
				return fmt.Errorf("it is empty: %w", store.ErrCorrupt)
			}
			_, err = decodeChanges(row.Value[1:])
		}
	case tableRunTally:
		_, err = decodeTally(row.Value)
	case tableGraves:
		_, err = decodeGraves(row.Value)
	case tableAuditOrder:
		if len(row.Key) != 8 || len(row.Value) != len(auditKey(time.Time{}, 0)) {
			err = fmt.Errorf("it is not the place of an audit entry: %w", store.ErrCorrupt)
		}
	}
	return err
}

// checkKeys checks the keys of an entry, of which there may be any number.
func checkKeys(b []byte) error {
	d := decoder{b: b}
	for len(d.b) > 0 && !d.broken {
		d.take(d.uvarint())
	}
	if d.broken {
		return fmt.Errorf("keys of an entry: %w", store.ErrCorrupt)
	}
	return nil
}

// held is a membership as it was when the verification of its environment began.
type held struct {
	m      *membership
	row    membershipRow
	layers *layers
	counts segment.Counts
	logged segment.Counts // by how much entries after the cut change the size
	finding
}

// environment verifies the log of an environment and the members of its segments.
func (v *verifier) environment(env *environment) error {
	all := make(map[segment.Ref]*held)
	env.commit.Lock()
	head, after := segment.Revision(env.head.Load()), env.trimmed
	floor := env.floor
	env.view.Load().refs.each(func(m *membership) bool {
		all[m.ref] = &held{
			m: m, row: m.row, layers: m.layers.Load(), counts: *m.counts.Load(),
			finding: finding{store.Checked{Env: env.id, Segment: m.ref.Key, Kind: store.CheckedMembers}},
		}
		return true
	})
	env.commit.Unlock()
	err := v.log(env, after, head, all)
	if errors.Is(err, store.ErrTrimmed) { // entries that nobody needs were deleted before the start
		err = v.log(env, floor, head, all)
	}
	if err != nil {
		return err
	}
	for _, seg := range v.e.Segments(env.id) {
		if h := all[seg.Home()]; h != nil && seg.Unbounded {
			if err := v.members(h); err != nil {
				return err
			}
			if err := v.report(&h.finding); err != nil {
				return err
			}
		} else {
			v.Objects.Add(1)
		}
	}
	return nil
}

// log reads the entries of a log, and looks for the changes after the cut of each membership in its
// tables.
func (v *verifier) log(env *environment, after, head segment.Revision, all map[segment.Ref]*held) error {
	f := &finding{store.Checked{Env: env.id, Kind: store.CheckedLog}}
	n := 0
	for r, err := range v.e.log.Read(v.ctx, env.id, after) {
		if err == nil && r.Revision > head {
			break
		}
		var en *entry
		if err == nil {
			en, err = decodeEntry(r.Value)
		}
		if errors.Is(err, store.ErrTrimmed) && n == 0 {
			return err
		}
		if err != nil {
			if err := f.blame(fmt.Sprintf("revision %d", r.Revision), err); err != nil {
				return err
			}
			continue
		}
		n++
		for _, d := range en.deltas {
			if h := all[d.ref]; h != nil && r.Revision > h.row.cut && !d.aside {
				h.logged = plus(h.logged, d.change)
				h.check(r.Revision, d)
			}
		}
		if err := v.rest(); err != nil {
			return err
		}
	}
	f.Notes = append(f.Notes, fmt.Sprintf("%d entries up to revision %d", n, head))
	return v.report(f)
}

// check looks for the changes of an entry in the tables.
func (h *held) check(rev segment.Revision, d *delta) {
	if d.file != nil {
		if !slices.ContainsFunc(h.layers.older, func(l layer) bool { return l.file != nil && l.file.id == d.file.id }) {
			h.problem("the changes of revision %d in file %x are not laid over its rosters", rev, d.file.id)
		}
		return
	}
	for i := range d.hashes {
		if h.layers.tabled(&d.hashes[i]) == 0 {
			h.problem("revision %d changes %s, which is in no table", rev, d.hashes[i])
			return
		}
	}
}

// tabled returns what the tables among the layers say of a context.
func (l *layers) tabled(h *segment.Hash) (ops segment.Ops) {
	if l.live != nil {
		ops = l.live.find(h)
	}
	for _, older := range l.older {
		if older.table != nil {
			ops = ops.Over(older.table.find(h))
		}
	}
	return ops
}

// members verifies the rosters of a membership, each alone and all together.
func (v *verifier) members(h *held) error {
	h.Members = h.counts.Included + h.counts.Excluded
	err := h.layers.err
	if err == nil {
		err = v.rosters(h)
	}
	if err != nil {
		h.m.hurt(err)
		return h.blame("members", err)
	}
	if was := h.m.damage.Load(); was != nil && len(h.Problems) == 0 {
		h.problem("members could not be read before: %v", *was)
	}
	if now := plus(h.row.counts, h.logged); now != h.counts && len(h.Problems) == 0 {
		h.problem("rosters and log have %d included and %d excluded contexts, it is counted %d and %d", now.Included, now.Excluded, h.counts.Included, h.counts.Excluded)
	}
	return nil
}

func (v *verifier) rosters(h *held) error {
	var filed []layer
	for _, l := range h.layers.older {
		if l.file == nil {
			continue
		}
		h.Bytes += l.file.roster.Summary().Bytes
		if err := v.roster(l.file.id, l.file); err != nil {
			return err
		}
		if slices.Contains(h.row.rosters, l.file.id) {
			filed = append(filed, l)
		}
	}
	if len(filed) != len(h.row.rosters) {
		h.problem("its row names %d rosters, of which %d are in use", len(h.row.rosters), len(filed))
		return nil
	}
	counts, err := v.count(filed)
	if err == nil && counts != h.row.counts {
		h.problem("its rosters have %d included and %d excluded contexts, its row says %d and %d", counts.Included, counts.Excluded, h.row.counts.Included, h.row.counts.Excluded)
	}
	return err
}

// count returns the size of the membership that layers are together.
func (v *verifier) count(all []layer) (n segment.Counts, err error) {
	if len(all) == 1 && all[0].file != nil {
		return all[0].file.roster.Counts(), nil // its verification has counted them
	}
	i := 0
	for c, err := range mergedLayers(true, all, nil) {
		if i++; err == nil && i%4096 == 0 {
			err = v.rest()
		}
		if err != nil {
			return n, err
		}
		n = n.Add(c.Ops)
	}
	return n, nil
}

// roster verifies a roster as it is on disk, once. If it was replaced since, open is verified.
func (v *verifier) roster(id store.FileID, open *file) error {
	if err, ok := v.files[id]; ok {
		return err
	}
	f, err := v.e.openFile(v.ctx, id) // anew, so that everything is read again
	if errors.Is(err, iofs.ErrNotExist) && open != nil && !v.e.named(id) {
		f, err = open, nil
	}
	if err == nil {
		err = f.verify(v.rest)
		v.Bytes.Add(f.roster.Summary().Bytes)
	}
	if err != nil && v.ctx.Err() != nil {
		return v.ctx.Err()
	}
	v.files[id] = err
	return err
}

// named verifies what rows name beside memberships.
func (v *verifier) named() error {
	for _, table := range naming {
		if table == tableMembership {
			continue
		}
		for row, err := range v.e.log.Rows(v.ctx, table, nil, false) {
			if err != nil {
				break // it was reported with the rows
			}
			if err := v.namedBy(row); err != nil {
				return err
			}
		}
	}
	return nil
}

// kinds are what the rows that name files are about.
var kinds = map[store.Table]store.CheckedKind{
	tableFile: store.CheckedLog, tablePoint: store.CheckedPoint, tablePublication: store.CheckedPublication,
	tableSession: store.CheckedSession, tablePage: store.CheckedSession, tableJournal: store.CheckedSession, tableDocument: store.CheckedDocument,
	tableGraves: store.CheckedGraves,
}

func (v *verifier) namedBy(row store.Row) error {
	names, err := filesNamed(row)
	if err != nil || len(names) == 0 && row.Table != tablePoint {
		return nil //nolint:nilerr // it was reported with the rows
	}
	f := &finding{store.Checked{Kind: kinds[row.Table]}}
	env, below, _ := strings.Cut(string(row.Key), "\x00")
	f.Env = segment.EnvID(env)
	switch row.Table {
	case tableDocument:
		f.Name = below
	case tableFile:
		f.Name = fmt.Sprintf("file %x", names[0])
	case tablePublication:
		if id, err := parsePublicationKey(row.Key); err == nil {
			f.Segment, f.Name = id.key, fmt.Sprintf("revision %d", id.revision)
		}
	default:
		key, rest, _ := strings.Cut(below, "\x00")
		f.Segment = segment.Key(key)
		f.Name, _, _ = strings.Cut(rest, "\x00")
	}
	v.Of.Add(1)
	gone := func() bool { // since the row was read
		_, ok, err := v.e.log.Row(v.ctx, row.Table, row.Key)
		return err == nil && !ok
	}
	switch row.Table {
	case tableDocument:
		err = v.document(f, row)
	case tablePoint:
		err = v.point(f, row)
	default:
		for _, id := range names {
			if err = v.roster(id, nil); err != nil {
				break
			}
		}
	}
	if err != nil && !gone() {
		if err := f.blame("files", err); err != nil {
			return err
		}
	}
	return v.report(f)
}

// point verifies the rosters of a point, and its size.
func (v *verifier) point(f *finding, row store.Row) error {
	p, err := decodePoint(row)
	if err != nil {
		return err
	}
	f.Members = total(p.Counts)
	var all []layer
	for _, id := range p.Rosters {
		if err := v.roster(id, nil); err != nil {
			return err
		}
		open, err := v.e.openFile(v.ctx, id)
		if err != nil {
			return err
		}
		f.Bytes += open.roster.Summary().Bytes
		all = append(all, layer{file: open})
	}
	counts, err := v.count(all)
	if err == nil && counts != p.Filed {
		f.problem("its rosters have %d included and %d excluded contexts, its row says %d and %d", counts.Included, counts.Excluded, p.Filed.Included, p.Filed.Excluded)
	}
	return err
}

// document reads a document. It has no checksum of its own.
func (v *verifier) document(f *finding, row store.Row) error {
	var d documentRow
	if err := decodeJSON(row, &d); err != nil {
		return err
	}
	open, err := v.e.files.Open(v.ctx, d.File)
	if err != nil {
		return err
	}
	doc := document{open}
	defer func() { _ = doc.Close() }() // it was only read
	if f.Bytes = doc.Size(); f.Bytes != d.Size {
		f.problem("its file has %d bytes, its row says %d", f.Bytes, d.Size)
	}
	buf := make([]byte, roomStep)
	for off := int64(0); off < f.Bytes; off += int64(len(buf)) {
		if _, err := doc.ReadAt(buf[:min(int64(len(buf)), f.Bytes-off)], off); err != nil {
			return err
		}
		if err := v.rest(); err != nil {
			return err
		}
	}
	v.Bytes.Add(f.Bytes)
	return nil
}

// orphans counts the files that no row names.
func (v *verifier) orphans() error {
	f := &finding{store.Checked{Kind: store.CheckedFiles}}
	n, orphans := 0, 0
	for id, err := range v.e.files.List(v.ctx) {
		if err != nil {
			if err := f.blame("list of files", err); err != nil {
				return err
			}
			break
		}
		if n++; !v.e.named(id) {
			orphans++
		}
	}
	f.Notes = append(f.Notes, fmt.Sprintf("%d files", n))
	if orphans > 0 {
		f.Notes = append(f.Notes, fmt.Sprintf("%d files are named by no row: work that is under way, or left by it; the next start sweeps these", orphans))
	}
	return v.report(f)
}
