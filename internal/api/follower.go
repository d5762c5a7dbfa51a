package api

import (
	"cmp"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"time"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/delivery"
	"muster/internal/relayfeed"
	"muster/internal/segment"
	"muster/internal/sink"
)

// followerJSON is who follows an environment, and how far.
type followerJSON struct {
	ID           string  `json:"_id"`
	Kind         string  `json:"kind" enum:"sdk,stream,relay,poll,redis,sink"`
	Name         string  `json:"name"`
	Address      string  `json:"address,omitzero"`
	Version      string  `json:"version,omitzero"`
	Count        int     `json:"count"`
	Since        int64   `json:"since" doc:"Unix milliseconds"`
	LastSeen     int64   `json:"lastSeen,omitzero" doc:"When an SDK that polls last did, in Unix milliseconds"`
	State        string  `json:"state" enum:"current,behind,walking,paused,off,failed"`
	Revision     uint64  `json:"revision"`
	Cursor       string  `json:"cursor,omitzero" doc:"Of a relay: what it has in its store once it has taken what it was told"`
	LagRevisions uint64  `json:"lagRevisions"`
	LagSeconds   float64 `json:"lagSeconds"`
	Error        string  `json:"error,omitzero"`

	IntegrationID string            `json:"integrationId,omitzero" doc:"Of a persistent store; its integrationKey is version"`
	Lags          []float64         `json:"lags,omitzero" doc:"Of a persistent store: the largest lag of each of the last minutes, in seconds, 60 at most, oldest first"`
	Walk          *sinkWalkJSON     `json:"walk,omitzero" doc:"Of a persistent store that is told everything"`
	Verification  *verificationJSON `json:"verification,omitzero" doc:"Of a persistent store: its newest comparison with the truth"`
}

// isNews reports whether a follower differs from what it was in more than what passes by itself.
func (f followerJSON) isNews(before followerJSON) bool {
	if f.State == string(delivery.Current) {
		before.LagRevisions, before.LagSeconds, before.LastSeen, before.Cursor = f.LagRevisions, f.LagSeconds, f.LastSeen, f.Cursor
	}
	return !reflect.DeepEqual(f, before)
}

// The kinds of followers.
const (
	sinkFollower   = "sink"   // a store that muster keeps current
	sdkFollower    = "sdk"    // a server-side SDK
	streamFollower = "stream" // a client-side stream
	relayFollower  = "relay"  // a relay that keeps members of big segments
	pollFollower   = "poll"   // an SDK that polls
	redisFollower  = "redis"  // a connection to the Redis-protocol endpoint
)

func followerKind(r delivery.Reader) string {
	switch r.Side {
	case delivery.ServerSide:
		return sdkFollower
	case delivery.Polling:
		return pollFollower
	case delivery.Redis:
		return redisFollower
	default:
		return streamFollower
	}
}

// followerID names a follower as long as it is connected.
func followerID(r delivery.Reader) string {
	if r.ID == 0 {
		id := followerKind(r) + ":" + r.Name + "/" + r.Version
		if r.Address != "" { // one that polls
			id += "@" + r.Address
		}
		return id
	}
	return followerKind(r) + "-" + strconv.FormatUint(r.ID, 10)
}

func followerOf(r delivery.Reader) followerJSON {
	j := followerJSON{
		ID: followerID(r), Kind: followerKind(r), Name: r.Name, Address: r.Address, Version: r.Version, Count: r.Count,
		Since: unixMilli(r.Since), State: string(r.State), Revision: uint64(r.Revision), LagRevisions: r.LagRevisions,
		LagSeconds: r.Lag.Round(time.Millisecond).Seconds(),
		LastSeen:   unixMilli(r.Seen),
	}
	if r.State == delivery.Failed {
		j.Error = "the log of the environment can't be read at this moment; muster keeps trying"
	}
	return j
}

// relayOf shows a relay. It says nothing of itself where it asks for members, so that its name is that of
// its kind.
func relayOf(f relayfeed.Follower) followerJSON {
	j := followerJSON{
		ID: relayFollower, Kind: relayFollower, Name: "Relay Proxy", Address: f.Address, Count: f.Count, Since: unixMilli(f.Since), State: string(f.State),
		Revision: uint64(f.Revision), Cursor: f.Cursor, LagRevisions: f.LagRevisions, LagSeconds: f.Lag.Round(time.Millisecond).Seconds(), Error: f.Error,
	}
	if f.ID != 0 {
		j.ID += "-" + strconv.FormatUint(f.ID, 10)
	}
	return j
}

// followers returns who follows an environment, those that came first at the beginning.
func (s *server) followers(env segment.EnvID) []followerJSON {
	all := each(s.delivery.Readers(env), followerOf)
	all = append(all, each(s.relays.Followers(env), relayOf)...)
	all = append(all, s.sinkFollowers(env)...)
	slices.SortStableFunc(all, func(a, b followerJSON) int { return cmp.Compare(a.Since, b.Since) })
	return all
}

// listFollowers lists who follows an environment.
func (s *server) listFollowers(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	at := segmentPathOf(r)
	p, err := pageOf(r.URL.Query(), maxPage)
	if err != nil {
		return err
	}
	env, err := s.admin.Environment(r.Context(), who, at.project, at.env)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, paged(r, p, s.followers(env.ID), func(f followerJSON) followerJSON { return f }))
}

// followersByID returns who follows an environment, by the names that the API gives them.
func (s *server) followersByID(env segment.EnvID) map[string]followerJSON {
	all := make(map[string]followerJSON)
	for _, f := range s.followers(env) {
		all[f.ID] = f
	}
	return all
}

// resyncJSON says from where on everything is told once more, and to whom that is at least.
type resyncJSON struct {
	Revision uint64 `json:"revision" doc:"Behind it everything is told once more"`
	Relays   int    `json:"relays" doc:"That follow the environment at this moment"`
	Sinks    int    `json:"sinks" doc:"Persistent stores of the environment that are on and not paused"`
	Waiting  int    `json:"sinksWaiting" doc:"Persistent stores that are off or paused, which do so when they come back"`
}

// resync makes relays and persistent stores take all members of an environment once more.
func (s *server) resync(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	at := segmentPathOf(r)
	comment, err := readComment(w, r)
	if err != nil {
		return err
	}
	env, revision, err := s.admin.Resync(r.Context(), who, at.project, at.env, admin.Change{Comment: comment})
	if err != nil {
		return err
	}
	answer := resyncJSON{Revision: uint64(revision)}
	for _, st := range s.sinks.Statuses() {
		switch {
		case st.Env != env.ID:
		case st.State == sink.Off || st.State == sink.Paused:
			answer.Waiting++
		default:
			answer.Sinks++
		}
	}
	for _, f := range s.relays.Followers(env.ID) {
		answer.Relays += f.Count
	}
	return writeJSON(w, http.StatusAccepted, answer)
}
