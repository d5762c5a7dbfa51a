package delivery

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// AutoConfig is the stream of a configuration of relays: every environment that its policy selects,
// with its credentials, then each change of that. It is used by one goroutine, which must Close it.
type AutoConfig struct {
	d       *Delivery
	id      catalog.ID
	filters bool

	stop   func()
	wake   chan struct{} // holds something while there may be news
	news   atomic.Bool   // something was written that may matter
	opened bool          // the first message was returned
	// sent is what the relay was told of each environment, and version the one that it is told with.
	sent        map[segment.EnvID]relayEnvironment
	sentFilters map[catalog.ID]relayFilter
	version     int64
}

// relayEnvironment is an environment as ld-relay v8 reads it (its package autoconfig).
type relayEnvironment struct {
	EnvID      segment.EnvID      `json:"envID"`
	EnvKey     catalog.EnvKey     `json:"envKey"`
	EnvName    string             `json:"envName"`
	ProjKey    catalog.ProjectKey `json:"projKey"`
	ProjName   string             `json:"projName"`
	MobKey     string             `json:"mobKey"`
	SDKKey     relaySDKKey        `json:"sdkKey"`
	DefaultTTL int                `json:"defaultTtl"` // minutes
	SecureMode bool               `json:"secureMode"`
	Version    int64              `json:"version"`
}

type relaySDKKey struct {
	Value    string           `json:"value"`
	Expiring relayExpiringKey `json:"expiring,omitzero"`
}

type relayExpiringKey struct {
	Value     string `json:"value"`
	Timestamp int64  `json:"timestamp"` // Unix milliseconds
}

// relayFilter is a payload filter as ld-relay v8 reads it. It serves each environment of the project a second
// time, as what the filter leaves, and asks this server for that: rules are none of its business.
type relayFilter struct {
	ProjKey catalog.ProjectKey `json:"projKey"`
	Key     catalog.FilterKey  `json:"key"`
	Version int64              `json:"version"`
}

// AutoConfig opens the stream of a configuration of relays. Filters says that the relay knows payload
// filters.
func (d *Delivery) AutoConfig(id catalog.ID, filters bool) (*AutoConfig, error) {
	if d.ctx.Err() != nil {
		return nil, fault.Unavailablef("muster is stopping; try again").Because(ErrClosed)
	}
	a := &AutoConfig{d: d, id: id, filters: filters, wake: make(chan struct{}, 1)}
	a.news.Store(true)
	a.signal()
	unwatch := d.store.Watch(a.told)
	unclose := context.AfterFunc(d.ctx, a.signal)
	a.stop = func() { unwatch(); unclose() }
	return a, nil
}

// Close ends the stream.
func (a *AutoConfig) Close() { a.stop() }

// told is called with everything that is written.
func (a *AutoConfig) told(what *store.Written) {
	for _, o := range what.Objects {
		switch o.Kind {
		case store.ProjectObject, store.EnvironmentObject, store.RelayConfigObject:
			a.news.Store(true)
			a.signal()
			return
		}
	}
}

func (a *AutoConfig) signal() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// Ready holds something when Next may have something to say.
func (a *AutoConfig) Ready() <-chan struct{} { return a.wake }

// Next returns what the relay does not know yet, without waiting. An error is the reason for the end of
// the stream.
func (a *AutoConfig) Next() (Message, error) {
	if a.d.ctx.Err() != nil {
		return Message{}, ErrClosed
	}
	if !a.news.Swap(false) {
		return Message{}, nil
	}
	c, ok := a.d.store.RelayConfig(a.id)
	if !ok {
		return Message{}, ErrGone
	}
	now := a.d.o.Now()
	a.version = a.d.relayVersion(now)
	selected, filters := a.selected(c, now)
	m := Message{Environment: true}
	if !a.opened {
		m.Bytes = a.put(selected, filters)
	} else {
		m.Bytes = a.difference(selected, filters)
	}
	a.opened, a.sent, a.sentFilters = true, selected, filters
	return m, nil
}

// relayVersion returns a version for what a relay is told. Relays drop an object whose version did not
// grow, whatever stream it came by, and a deletion has one too. So versions grow over all streams, and
// with the clock over restarts. The environment's own version would not do: a policy can hide and show
// it unchanged.
func (d *Delivery) relayVersion(now time.Time) int64 {
	for {
		last := d.lastRelayVersion.Load()
		next := max(last+1, now.UnixMilli())
		if d.lastRelayVersion.CompareAndSwap(last, next) {
			return next
		}
	}
}

// selected returns the environments that the policy selects and the filters of their projects, without
// versions.
func (a *AutoConfig) selected(c *catalog.RelayConfig, now time.Time) (map[segment.EnvID]relayEnvironment, map[catalog.ID]relayFilter) {
	all, filters := map[segment.EnvID]relayEnvironment{}, map[catalog.ID]relayFilter{}
	for _, p := range a.d.store.Projects() {
		some := false
		for _, e := range a.d.store.Environments(p.Key) {
			if policy.Filter(c.Policy, catalog.EnvironmentResource(p, e)) {
				all[e.ID], some = relayed(p, e, now), true
			}
		}
		for _, f := range p.Filters {
			if some && a.filters {
				filters[f.ID] = relayFilter{ProjKey: p.Key, Key: f.Key}
			}
		}
	}
	return all, filters
}

func relayed(p *catalog.Project, e *catalog.Environment, now time.Time) relayEnvironment {
	r := relayEnvironment{
		EnvID: e.ID, EnvKey: e.Key, EnvName: e.Name, ProjKey: p.Key, ProjName: p.Name, MobKey: e.MobileKey,
		SDKKey: relaySDKKey{Value: e.SDKKey}, DefaultTTL: e.DefaultTTL, SecureMode: e.SecureMode,
	}
	// There is room for one: that which works longest.
	var longest catalog.ExpiringKey
	for _, old := range e.ExpiringSDKKeys {
		if old.Expiry.After(now) && !old.Expiry.Before(longest.Expiry) {
			longest = old
		}
	}
	if longest.Key != "" {
		r.SDKKey.Expiring = relayExpiringKey{longest.Key, longest.Expiry.UnixMilli()}
	}
	return r
}

func (a *AutoConfig) put(selected map[segment.EnvID]relayEnvironment, filters map[catalog.ID]relayFilter) []byte {
	var data struct {
		Environments map[segment.EnvID]relayEnvironment `json:"environments"`
		Filters      map[catalog.ID]relayFilter         `json:"filters,omitzero"`
	}
	data.Environments = make(map[segment.EnvID]relayEnvironment, len(selected))
	for id, e := range selected {
		e.Version = a.version
		data.Environments[id] = e
	}
	if a.filters {
		data.Filters = make(map[catalog.ID]relayFilter, len(filters))
		for id, f := range filters {
			f.Version = a.version
			data.Filters[id] = f
		}
	}
	return relayEvent(nil, "put", relayData{Path: "/", Data: data})
}

// difference returns the events that lead from what was sent to what is selected.
func (a *AutoConfig) difference(selected map[segment.EnvID]relayEnvironment, filters map[catalog.ID]relayFilter) []byte {
	events := differences(nil, environmentsPath, a.sent, selected, a.version, func(e relayEnvironment) relayEnvironment {
		e.Version = a.version
		return e
	})
	return differences(events, filtersPath, a.sentFilters, filters, a.version, func(f relayFilter) relayFilter {
		f.Version = a.version
		return f
	})
}

// Where a relay keeps what it is told.
const (
	environmentsPath = "/environments/"
	filtersPath      = "/filters/"
)

// differences appends the events that lead from some objects below a path to others.
func differences[ID ~string, T comparable](events []byte, path string, sent, now map[ID]T, version int64, versioned func(T) T) []byte {
	for _, id := range slices.Sorted(maps.Keys(sent)) {
		if _, ok := now[id]; !ok {
			events = relayEvent(events, "delete", relayDeletion{Path: path + string(id), Version: version})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(now)) {
		if old, ok := sent[id]; !ok || old != now[id] {
			events = relayEvent(events, "patch", relayData{Path: path + string(id), Data: versioned(now[id])})
		}
	}
	return events
}

type relayData struct {
	Path string `json:"path"`
	Data any    `json:"data"`
}

type relayDeletion struct {
	Path    string `json:"path"`
	Version int64  `json:"version"`
}

// relayEvent appends a server-sent event.
func relayEvent(to []byte, name string, data any) []byte {
	b := bytes.NewBuffer(to)
	b.WriteString("event: " + name + "\ndata: ")
	_ = json.NewEncoder(b).Encode(data) // nothing in it lacks a JSON form; it ends the line
	b.WriteByte('\n')
	return b.Bytes()
}
