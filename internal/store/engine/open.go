package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/roster"
)

// Open reads what log and files hold and returns an engine that serves it. The caller closes log
// and files after the engine.
func Open(ctx context.Context, log store.Log, files store.Files, o Options) (*Engine, error) {
	e := &Engine{
		reading: reading{objects: newObjects()}, log: log, files: files, o: o.withDefaults(),
		writing: context.WithoutCancel(ctx), foldNow: make(chan struct{}, 1), mergeNow: make(chan struct{}, 1),
	}
	e.ctx, e.stop = context.WithCancel(e.writing)
	e.environments.Store(&map[segment.EnvID]*environment{})
	e.publications.work = make(chan struct{}, 1)
	e.names.n = make(map[store.FileID]int)
	e.loading = roster.NewMemory(e.o.LoadBytes)
	if err := e.load(ctx); err != nil {
		e.stop()
		return nil, fmt.Errorf("open store: %w", err)
	}
	for _, env := range *e.environments.Load() {
		e.running.Go(env.serve)
	}
	e.running.Go(e.foldWhenNeeded)
	e.running.Go(e.mergeWhenNeeded)
	e.running.Go(e.settlePublications)
	e.running.Go(e.tendLogs)
	e.running.Go(e.forgetOld)
	e.running.Go(e.hintWhenNeeded)
	return e, nil
}

func (e *Engine) load(ctx context.Context) error {
	if err := e.finishDrops(ctx); err != nil {
		return err
	}
	if err := e.loadObjects(ctx); err != nil {
		return err
	}
	if err := e.loadAuditOrder(ctx); err != nil {
		return err
	}
	if err := e.loadLedger(ctx); err != nil {
		return fmt.Errorf("count runs: %w", err)
	}
	all := make(map[segment.EnvID]*environment)
	for id := range e.objects.byID {
		all[id] = newEnvironment(e, id)
	}
	e.environments.Store(&all)
	if err := e.loadMemberships(ctx); err != nil {
		return fmt.Errorf("read memberships: %w", err)
	}
	for id, env := range all {
		if err := env.replay(ctx); err != nil {
			return fmt.Errorf("replay log of environment %s: %w", id, err)
		}
	}
	if err := e.retainDocuments(ctx); err != nil {
		return fmt.Errorf("read documents: %w", err)
	}
	if err := errors.Join(e.loadPoints(ctx), e.loadPublications(ctx), e.loadSessions(ctx)); err != nil {
		return fmt.Errorf("read points and sessions: %w", err)
	}
	if err := errors.Join(e.loadGraves(ctx), e.loadEpochs(ctx)); err != nil {
		return fmt.Errorf("read graves: %w", err)
	}
	return e.sweep(ctx)
}

// finishDrops deletes what the deletion of environments left when the process ended.
func (e *Engine) finishDrops(ctx context.Context) error {
	var left []segment.EnvID
	for row, err := range e.log.Rows(ctx, tableDropped, nil, false) {
		if err != nil {
			return fmt.Errorf("read dropped environments: %w", err)
		}
		left = append(left, segment.EnvID(row.Key))
	}
	for _, id := range left {
		if err := e.drop(ctx, id); err != nil {
			if err := e.omit("deleted environment "+string(id), err); err != nil {
				return fmt.Errorf("drop environment %s: %w", id, err)
			}
			e.dropped.Store(id, nil)
		}
	}
	return nil
}

// loadObjects reads the catalog.
func (e *Engine) loadObjects(ctx context.Context) error {
	over := &overlay{}
	err := errors.Join(
		loadTable(ctx, e.log, tableProject, func(_ []byte, v *catalog.Project) error { stage(&over.projects, v.Key, v); return nil }),
		loadTable(ctx, e.log, tableEnvironment, func(_ []byte, v *catalog.Environment) error { stage(&over.environments, v.ID, v); return nil }),
		loadTable(ctx, e.log, tableFlag, func(_ []byte, v *catalog.Flag) error {
			stage(&over.flags, flagID{v.Project, v.Key}, v)
			return nil
		}),
		loadTable(ctx, e.log, tableSegment, func(_ []byte, v *catalog.Segment) error {
			stage(&over.segments, segmentID{v.Env, v.Key}, v)
			return nil
		}),
		loadTable(ctx, e.log, tableToken, func(_ []byte, v *catalog.Token) error { stage(&over.tokens, v.ID, v); return nil }),
		loadTable(ctx, e.log, tableMember, func(_ []byte, v *catalog.Member) error { stage(&over.members, v.ID, v); return nil }),
		loadTable(ctx, e.log, tableRole, func(_ []byte, v *catalog.Role) error { stage(&over.roles, v.ID, v); return nil }),
		loadTable(ctx, e.log, tableWebhook, func(_ []byte, v *catalog.Webhook) error { stage(&over.webhooks, v.ID, v); return nil }),
		loadTable(ctx, e.log, tableRelayConfig, func(_ []byte, v *catalog.RelayConfig) error { stage(&over.relayConfigs, v.ID, v); return nil }),
		loadTable(ctx, e.log, tableSink, func(_ []byte, v *catalog.Sink) error { stage(&over.sinks, v.ID, v); return nil }),
		e.loadLast(ctx, over),
	)
	if err != nil {
		return fmt.Errorf("read catalog: %w", err)
	}
	e.objects.apply(over)
	return nil
}

func loadTable[V any](ctx context.Context, log store.Log, table store.Table, add func(k []byte, v *V) error) error {
	for row, err := range log.Rows(ctx, table, nil, false) {
		if err != nil {
			return err
		}
		v := new(V)
		if err := json.Unmarshal(row.Value, v); err != nil {
			return fmt.Errorf("row %q: %w: %w", row.Key, store.ErrCorrupt, err)
		}
		if err := add(row.Key, v); err != nil {
			return err
		}
	}
	return nil
}

// loadLast reads the last versions and generations.
func (e *Engine) loadLast(ctx context.Context, over *overlay) error {
	for row, err := range e.log.Rows(ctx, tableVersion, nil, false) {
		if err != nil {
			return err
		}
		parts, err := split(row.Key, 2)
		if err != nil || len(parts[1]) < 2 {
			return fmt.Errorf("row key %q: %w", row.Key, store.ErrCorrupt)
		}
		n, err := parseNumber(row.Value)
		if err != nil {
			return err
		}
		id := versionID{segment.EnvID(parts[0]), definitionID{segment.DefinitionKind(parts[1][0] - '0'), parts[1][1:]}}
		stage(&over.versions, id, int(n))
	}
	for row, err := range e.log.Rows(ctx, tableGeneration, nil, false) {
		if err != nil {
			return err
		}
		parts, err := split(row.Key, 2)
		if err != nil {
			return err
		}
		n, err := parseNumber(row.Value)
		if err != nil {
			return err
		}
		stage(&over.generations, segmentID{segment.EnvID(parts[0]), segment.Key(parts[1])}, segment.Generation(n))
	}
	return nil
}

// loadMemberships opens the rosters of every ref.
func (e *Engine) loadMemberships(ctx context.Context) error {
	for row, err := range e.log.Rows(ctx, tableFile, nil, false) {
		if err != nil {
			if err := e.omit("files of the log", err); err != nil {
				return err
			}
			break
		}
		if n := len(row.Key) - len(store.FileID{}); n > 0 {
			e.retain(store.FileID(row.Key[n:]))
		}
	}
	begin := make(map[segment.EnvID][]*membership)
	known := make(map[refID]bool)
	for row, err := range e.log.Rows(ctx, tableMembership, nil, false) {
		var id refID
		if err == nil {
			id, err = parseRefKey(row.Key)
		}
		if err != nil {
			if err := e.omit("memberships", err); err != nil {
				return err
			}
			break // the others are found by the names of their segments
		}
		m, err := e.loadMembership(ctx, id, row.Value, nil)
		if err != nil {
			return err
		}
		begin[id.env] = append(begin[id.env], m)
		known[id] = true
	}
	missing, err := e.missingMemberships(ctx, known)
	if err != nil {
		return err
	}
	for _, m := range missing {
		begin[m.env] = append(begin[m.env], m)
	}
	for id, ms := range begin {
		if env := e.environment(id); env != nil {
			env.view.Store(&view{refs: (&refs{}).changed(ms, nil)})
		}
	}
	return nil
}

// openLayers opens the rosters that a membership's row names.
func (e *Engine) openLayers(ctx context.Context, m *membership) {
	l := &layers{}
	for _, id := range m.row.rosters {
		f, err := e.openFile(ctx, id)
		if err != nil {
			e.o.Logger.Error("segment can't be read", "environment", m.env, "ref", m.ref.String(), "error", err)
			l.err = fmt.Errorf("%w: %w", store.ErrCorrupt, err)
			continue
		}
		l.older = append(l.older, layer{file: f})
	}
	counts := m.row.counts
	m.layers.Store(l)
	m.counts.Store(&counts)
}

// replay lays the entries that are not in rosters over them.
func (env *environment) replay(ctx context.Context) error {
	e := env.e
	head, err := e.log.Head(ctx, env.id)
	if err != nil {
		return err
	}
	if b, ok, err := e.log.Row(ctx, tableFloor, []byte(env.id)); err != nil {
		return err
	} else if ok {
		n, err := parseNumber(b)
		if err != nil {
			return err
		}
		env.floor = segment.Revision(n)
	}
	env.head.Store(uint64(head))
	e.objects.revisions[env.id] = head
	refs := env.view.Load().refs
	var changed []*membership
	next := env.floor + 1
	for r, err := range e.log.Read(ctx, env.id, env.floor) {
		var en *entry
		if err == nil {
			en, err = decodeEntry(r.Value)
		}
		if err != nil {
			return env.lose(next, err)
		}
		next = r.Revision + 1
		for _, d := range en.deltas {
			if m := refs.find(d.ref); m != nil && r.Revision > m.row.cut {
				d.m, d.revision = m, r.Revision
				changed = append(changed, m)
				if err := e.replayDelta(ctx, d); err != nil {
					return fmt.Errorf("revision %d: %w", r.Revision, err)
				}
			}
		}
	}
	env.view.Store(&view{revision: head, refs: refs.renewed(changed...)})
	return nil
}

func (e *Engine) replayDelta(ctx context.Context, d *delta) error {
	d.counts = plus(*d.m.counts.Load(), d.change)
	if d.file != nil {
		f, err := e.openFile(ctx, d.file.id)
		if err != nil {
			l := *d.m.layers.Load()
			l.err = fmt.Errorf("%w: %w", store.ErrCorrupt, err)
			d.m.layers.Store(&l)
			if d.m.from == 0 { // the next start must find the entry again
				d.m.from = d.revision
			}
			e.o.Logger.Error("segment can't be read", "environment", d.m.env, "ref", d.ref.String(), "error", err)
			return nil
		}
		d.file.open = f
		d.install()
		return nil
	}
	d.offs = make([]uint32, len(d.hashes))
	keys, ok, err := e.log.Row(ctx, tableKeys, keysKey(refID{d.m.env, d.ref}, d.revision))
	if err == nil && ok {
		err = d.placeKeys(keys)
	}
	if err != nil { // who is a member is known all the same, by hash
		if err := e.omit("keys of "+d.ref.String(), err); err != nil {
			return err
		}
		d.m.hurt(fmt.Errorf("keys of revision %d: %w", d.revision, err))
		clear(d.offs)
	}
	e.pendingChanges.Add(d.install())
	return nil
}

// placeKeys takes the keys of a delta apart.
func (d *delta) placeKeys(keys []byte) error {
	dec := decoder{b: keys}
	for i := range d.offs {
		d.offs[i] = uint32(len(keys) - len(dec.b))
		dec.take(dec.uvarint())
	}
	if dec.broken || len(dec.b) > 0 {
		return fmt.Errorf("keys of %s: %w", d.ref, store.ErrCorrupt)
	}
	d.keys = keys
	return nil
}

// sweep deletes files that no row names: those of writes that never happened.
func (e *Engine) sweep(ctx context.Context) error {
	if e.omitted > 0 {
		e.o.Logger.Warn("files that no row names are kept, because rows that can't be read may name them")
		return nil
	}
	var orphans []store.FileID
	for id, err := range e.files.List(ctx) {
		if err != nil {
			return fmt.Errorf("list files: %w", err)
		}
		if !e.named(id) {
			orphans = append(orphans, id)
		}
	}
	for _, id := range orphans {
		e.deleteFile(ctx, id)
	}
	return nil
}
