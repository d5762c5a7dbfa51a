package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

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
		loadTable(ctx, e, tableProject, func(v *catalog.Project) { stage(&over.projects, v.Key, v) }),
		loadTable(ctx, e, tableEnvironment, func(v *catalog.Environment) { stage(&over.environments, v.ID, v) }),
		loadTable(ctx, e, tableFlag, func(v *catalog.Flag) { stage(&over.flags, flagID{v.Project, v.Key}, v) }),
		loadTable(ctx, e, tableSegment, func(v *catalog.Segment) { stage(&over.segments, segmentID{v.Env, v.Key}, v) }),
		loadTable(ctx, e, tableToken, func(v *catalog.Token) { stage(&over.tokens, v.ID, v) }),
		loadTable(ctx, e, tableMember, func(v *catalog.Member) { stage(&over.members, v.ID, v) }),
		loadTable(ctx, e, tableRole, func(v *catalog.Role) { stage(&over.roles, v.ID, v) }),
		loadTable(ctx, e, tableWebhook, func(v *catalog.Webhook) { stage(&over.webhooks, v.ID, v) }),
		loadTable(ctx, e, tableRelayConfig, func(v *catalog.RelayConfig) { stage(&over.relayConfigs, v.ID, v) }),
		loadTable(ctx, e, tableSink, func(v *catalog.Sink) { stage(&over.sinks, v.ID, v) }),
		e.loadLast(ctx, over),
	)
	if err != nil {
		return fmt.Errorf("read catalog: %w", err)
	}
	e.objects.apply(over)
	return nil
}

// loadTable decodes the rows of a table, which takes several processors, and adds them in no order.
func loadTable[V any](ctx context.Context, e *Engine, table store.Table, add func(*V)) error {
	var mu sync.Mutex
	var decoding errgroup.Group
	decoding.SetLimit(e.o.Workers)
	for row, err := range e.log.Rows(ctx, table, nil, false) {
		if err != nil {
			return errors.Join(err, decoding.Wait())
		}
		k, value := row.Key, bytes.Clone(row.Value)
		decoding.Go(func() error {
			v := new(V)
			if err := json.Unmarshal(value, v); err != nil {
				return fmt.Errorf("row %q: %w: %w", k, store.ErrCorrupt, err)
			}
			mu.Lock()
			defer mu.Unlock()
			add(v)
			return nil
		})
	}
	return decoding.Wait()
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
	var all []*membership
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
		m, err := e.loadMembership(id, row.Value, nil)
		if err != nil {
			return err
		}
		all = append(all, m)
		known[id] = true
	}
	missing, err := e.missingMemberships(ctx, known)
	if err != nil {
		return err
	}
	all = append(all, missing...)
	e.openAll(ctx, all)
	e.loadKnown(all)
	begin := make(map[segment.EnvID][]*membership)
	for _, m := range all {
		begin[m.env] = append(begin[m.env], m)
	}
	for id, ms := range begin {
		if env := e.environment(id); env != nil {
			env.view.Store(&view{refs: (&refs{}).changed(ms, nil)})
		}
	}
	return nil
}

// loadKnown notes which refs memberships are found under.
func (e *Engine) loadKnown(all []*membership) {
	for _, m := range all {
		if seg, ok := e.Segment(m.env, m.ref.Key); ok && seg.Home() == m.ref {
			refs := seg.Refs()
			m.known.Store(&refs)
		}
	}
}

// openAll opens the rosters of memberships, several at a time, because most of that is waiting for the disk.
func (e *Engine) openAll(ctx context.Context, all []*membership) {
	var opening errgroup.Group
	opening.SetLimit(4 * e.o.Workers)
	for _, m := range all {
		if m.layers.Load().err != nil {
			continue // its row can't be read
		}
		opening.Go(func() error {
			e.openLayers(ctx, m)
			return nil
		})
	}
	_ = opening.Wait() // none of them returns an error
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

// sweep deletes files that no row names: those of writes that never happened.
func (e *Engine) sweep(ctx context.Context) error {
	if e.omitted.Load() > 0 {
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
