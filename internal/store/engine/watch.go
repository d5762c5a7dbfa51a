package engine

import (
	"encoding/json"
	"sync"
	"sync/atomic"

	"muster/internal/segment"
	"muster/internal/store"
)

// watchers are told what was written.
type watchers struct {
	n   atomic.Int64 // how many there are, so that a write without any costs one look
	mu  sync.RWMutex // held for reading while they are told
	all map[*func(*store.Written)]struct{}
}

// Watch makes tell be called with what every later write did.
func (e *Engine) Watch(tell func(*store.Written)) (stop func()) {
	w := &e.watchers
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = make(map[*func(*store.Written)]struct{})
	}
	w.all[&tell] = struct{}{}
	w.n.Add(1)
	return sync.OnceFunc(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.all, &tell)
		w.n.Add(-1)
	})
}

func (w *watchers) tell(what *store.Written) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	for tell := range w.all {
		(*tell)(what)
	}
}

// tell tells those who watch what a visible step did.
func (s *step) tell() {
	if s.e.watchers.n.Load() == 0 {
		return
	}
	what := &store.Written{At: s.at, Heads: s.heads, Audited: len(s.audited)}
	for _, r := range s.recorded {
		what.Runs = append(what.Runs, r.run)
	}
	for _, d := range s.deltas {
		what.Members = append(what.Members, store.SegmentName{Env: d.m.env, Key: d.ref.Key})
	}
	for k, p := range s.over.projects {
		what.Objects = append(what.Objects, store.Object{Kind: store.ProjectObject, Project: k, Key: string(k), Deleted: p == nil})
	}
	for id, v := range s.over.environments {
		o := store.Object{Kind: store.EnvironmentObject, Env: id, Deleted: v == nil}
		if v != nil {
			o.Project, o.Key, o.Version = v.Project, string(v.Key), v.Version
		}
		what.Objects = append(what.Objects, o)
	}
	for id, f := range s.over.flags {
		o := store.Object{Kind: store.FlagObject, Project: id.project, Key: string(id.key), Deleted: f == nil}
		if f != nil {
			o.Version = f.Version
		}
		what.Objects = append(what.Objects, o)
	}
	for id, v := range s.over.segments {
		o := store.Object{Kind: store.SegmentObject, Env: id.env, Key: string(id.key), Deleted: v == nil}
		if v != nil {
			o.Version = v.Version
		}
		what.Objects = append(what.Objects, o)
	}
	for id, v := range s.over.webhooks {
		what.Objects = append(what.Objects, store.Object{Kind: store.WebhookObject, Key: string(id), Deleted: v == nil})
	}
	for id, v := range s.over.relayConfigs {
		what.Objects = append(what.Objects, store.Object{Kind: store.RelayConfigObject, Key: string(id), Deleted: v == nil})
	}
	for id, v := range s.over.sinks {
		o := store.Object{Kind: store.SinkObject, Key: string(id), Deleted: v == nil}
		if v != nil {
			o.Env, o.Version = v.Env, v.Version
		}
		what.Objects = append(what.Objects, o)
	}
	s.e.watchers.tell(what)
}

// tellCounted tells those who watch that the effect of a publication is in the row of its run.
func (e *Engine) tellCounted(row []byte) {
	var run segment.Run
	if e.watchers.n.Load() > 0 && json.Unmarshal(row, &run) == nil {
		e.watchers.tell(&store.Written{At: e.o.Now(), Runs: []segment.Run{run}})
	}
}
