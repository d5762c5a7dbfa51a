package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"muster/internal/catalog"
	"muster/internal/delivery"
	"muster/internal/relayfeed"
	"muster/internal/segment"
	"muster/internal/sink"
	"muster/internal/store"
	"muster/internal/webhook"
)

// status answers GET /status in the shape of LaunchDarkly's Relay Proxy, which monitoring set-ups
// already read. It needs no credential and shows none whole.
type status struct {
	store    store.Store
	delivery *delivery.Delivery
	relays   *relayfeed.Feed
	webhooks *webhook.Sender
	sinks    *sink.Keeper
	started  time.Time
}

func newStatus(s store.Store, d *delivery.Delivery, f *relayfeed.Feed, w *webhook.Sender, k *sink.Keeper) *status {
	return &status{store: s, delivery: d, relays: f, webhooks: w, sinks: k, started: time.Now()}
}

// embeddedStore is what the store is called.
const embeddedStore = "embedded"

type statusJSON struct {
	Environments  map[string]environmentStatus `json:"environments"`
	Status        string                       `json:"status"` // "healthy" or "degraded"
	Version       string                       `json:"version"`
	ClientVersion string                       `json:"clientVersion"`
	StartedAt     int64                        `json:"startedAt"` // Unix ms
	Store         string                       `json:"store"`
	Disk          *diskStatus                  `json:"disk,omitempty"` // absent when it can't be asked
	Webhooks      []webhookStatus              `json:"webhooks,omitempty"`
	Sinks         []sinkStatus                 `json:"sinks,omitempty"`
}

// sinkStatus is how a store outside is doing that muster keeps current. One that is on and can't be written to is
// degraded service: SDKs read it.
type sinkStatus struct {
	ID             catalog.ID    `json:"id"`
	EnvID          segment.EnvID `json:"envId"`
	Kind           string        `json:"kind"`
	State          string        `json:"state"`
	LagRevisions   uint64        `json:"lagRevisions"`
	LagSeconds     float64       `json:"lagSeconds"`
	SynchronizedOn int64         `json:"synchronizedOn"` // Unix ms
}

// webhookStatus is how a webhook is doing. A receiver that fails is no failure of muster's.
type webhookStatus struct {
	ID         catalog.ID `json:"id"`
	State      string     `json:"state"` // "current", "behind", "failing" or "off"
	LagEntries uint64     `json:"lagEntries"`
	LagSeconds float64    `json:"lagSeconds"`
}

func webhookStatusOf(w webhook.Status) webhookStatus {
	j := webhookStatus{ID: w.ID, State: "current", LagEntries: w.LagEntries, LagSeconds: w.Lag.Round(time.Millisecond).Seconds()}
	switch {
	case !w.On:
		j.State = "off"
	case w.Failing:
		j.State = "failing"
	case w.LagEntries > 0:
		j.State = "behind"
	}
	return j
}

// diskStatus is in bytes. While less is free than is kept in reserve, pushes are answered 429.
type diskStatus struct {
	Free    uint64 `json:"freeBytes"`
	Size    uint64 `json:"sizeBytes"`
	Reserve uint64 `json:"reserveBytes"`
}

type environmentStatus struct {
	SDKKey           string           `json:"sdkKey"`
	EnvID            segment.EnvID    `json:"envId"`
	EnvKey           string           `json:"envKey"`
	EnvName          string           `json:"envName"`
	ProjKey          string           `json:"projKey"`
	ProjName         string           `json:"projName"`
	MobileKey        string           `json:"mobileKey"`
	Status           string           `json:"status"` // "connected" or "disconnected"
	ConnectionStatus stateStatus      `json:"connectionStatus"`
	DataStoreStatus  storeStatus      `json:"dataStoreStatus"`
	BigSegmentStatus bigSegmentStatus `json:"bigSegmentStatus"`
	Revision         segment.Revision `json:"revision"`
	Relays           []relayStatus    `json:"relays,omitempty"` // that keep members of big segments
}

// relayStatus is how a relay is doing. One whose database fails is no failure of muster's.
type relayStatus struct {
	Address      string  `json:"address,omitempty"` // absent for several
	Count        int     `json:"count"`
	State        string  `json:"state"` // "current", "behind", "walking" or "failed"
	LagRevisions uint64  `json:"lagRevisions"`
	LagSeconds   float64 `json:"lagSeconds"`
	Error        string  `json:"error,omitempty"`
}

func relayStatusOf(f relayfeed.Follower) relayStatus {
	return relayStatus{
		Address: f.Address, Count: f.Count, State: string(f.State), LagRevisions: f.LagRevisions,
		LagSeconds: f.Lag.Round(time.Millisecond).Seconds(), Error: f.Error,
	}
}

type stateStatus struct {
	State      string `json:"state"`
	StateSince int64  `json:"stateSince"` // Unix ms
}

type storeStatus struct {
	stateStatus
	Database string `json:"database"`
}

type bigSegmentStatus struct {
	Available          bool  `json:"available"`
	PotentiallyStale   bool  `json:"potentiallyStale"`
	LastSynchronizedOn int64 `json:"lastSynchronizedOn"` // Unix ms
}

func (s *status) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	answer := statusJSON{Environments: map[string]environmentStatus{}, Status: "healthy", Version: version(), StartedAt: s.started.UnixMilli(), Store: embeddedStore}
	if room, err := s.store.Room(); err == nil {
		answer.Disk = &diskStatus{room.Free, room.Size, room.Reserve}
		if room.Low() {
			answer.Status = "degraded"
		}
	}
	for _, p := range s.store.Projects() {
		for _, e := range s.store.Environments(p.Key) {
			env := environmentStatus{
				SDKKey: masked(e.SDKKey), MobileKey: masked(e.MobileKey),
				EnvID: e.ID, EnvKey: string(e.Key), EnvName: e.Name, ProjKey: string(p.Key), ProjName: p.Name,
				Status:           "connected",
				ConnectionStatus: stateStatus{State: "VALID", StateSince: s.started.UnixMilli()},
				DataStoreStatus:  storeStatus{stateStatus{"VALID", s.started.UnixMilli()}, embeddedStore},
			}
			head, err := s.store.Head(e.ID)
			synchronized, ok := s.delivery.SynchronizedOn(e.ID)
			env.Revision = head
			env.BigSegmentStatus = bigSegmentStatus{Available: ok, PotentiallyStale: !ok, LastSynchronizedOn: synchronized.UnixMilli()}
			for _, f := range s.relays.Followers(e.ID) {
				env.Relays = append(env.Relays, relayStatusOf(f))
			}
			if s.damaged(e.ID) {
				answer.Status = "degraded"
			}
			if err != nil || !ok {
				env.Status, env.ConnectionStatus.State, answer.Status = "disconnected", "INTERRUPTED", "degraded"
			}
			answer.Environments[p.Name+" "+e.Name] = env
		}
	}
	for _, hook := range s.webhooks.Statuses() {
		answer.Webhooks = append(answer.Webhooks, webhookStatusOf(hook))
	}
	for _, st := range s.sinks.Statuses() {
		answer.Sinks = append(answer.Sinks, sinkStatus{
			ID: st.ID, EnvID: st.Env, Kind: string(st.Kind), State: string(st.State), LagRevisions: st.LagRevisions,
			LagSeconds: st.Lag.Round(time.Millisecond).Seconds(), SynchronizedOn: max(0, st.Synchronized.UnixMilli()),
		})
		if st.State == sink.Failed || st.Damage != "" {
			answer.Status = "degraded"
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(answer) // the reader is gone if this fails
}

// damaged reports whether stored members of an environment can't be read. Which, its segments tell.
func (s *status) damaged(env segment.EnvID) bool {
	return slices.ContainsFunc(s.store.Segments(env), func(seg *catalog.Segment) bool {
		return s.store.Damage(env, seg.Ref()) != nil
	})
}

// masked hides a credential the way the Relay Proxy does: its kind and its last five characters.
func masked(secret string) string {
	const shown = 5
	if len(secret) < 2*shown {
		return ""
	}
	return secret[:4] + "********-****-****-****-*******" + secret[len(secret)-shown:]
}
