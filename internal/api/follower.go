package api

import (
	"net/http"
	"strconv"
	"time"

	"muster/internal/catalog"
	"muster/internal/delivery"
	"muster/internal/segment"
)

// followerJSON is who follows an environment, and how far.
type followerJSON struct {
	ID           string  `json:"_id"`
	Kind         string  `json:"kind" enum:"sdk,stream"`
	Name         string  `json:"name"`
	Address      string  `json:"address,omitzero"`
	Version      string  `json:"version,omitzero"`
	Count        int     `json:"count"`
	Since        int64   `json:"since" doc:"Unix milliseconds"`
	State        string  `json:"state" enum:"current,behind,failed"`
	Revision     uint64  `json:"revision"`
	LagRevisions uint64  `json:"lagRevisions"`
	LagSeconds   float64 `json:"lagSeconds"`
	Error        string  `json:"error,omitzero"`
}

// The kinds of followers. Relays and sinks will be further ones.
const (
	sdkFollower    = "sdk"    // a server-side SDK
	streamFollower = "stream" // a client-side stream
)

func followerKind(r delivery.Reader) string {
	if r.Side == delivery.ServerSide {
		return sdkFollower
	}
	return streamFollower
}

// followerID names a follower as long as it is connected.
func followerID(r delivery.Reader) string {
	if r.ID == 0 {
		return followerKind(r) + ":" + r.Name + "/" + r.Version
	}
	return followerKind(r) + "-" + strconv.FormatUint(r.ID, 10)
}

func followerOf(r delivery.Reader) followerJSON {
	j := followerJSON{
		ID: followerID(r), Kind: followerKind(r), Name: r.Name, Address: r.Address, Version: r.Version, Count: r.Count,
		Since: unixMilli(r.Since), State: string(r.State), Revision: uint64(r.Revision), LagRevisions: r.LagRevisions,
		LagSeconds: r.Lag.Round(time.Millisecond).Seconds(),
	}
	if r.State == delivery.Failed {
		j.Error = "the log of the environment can't be read at this moment; muster keeps trying"
	}
	return j
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
	return writeJSON(w, http.StatusOK, paged(r, p, s.delivery.Readers(env.ID), followerOf))
}

// followersByID returns who follows an environment, by the names that the API gives them.
func (s *server) followersByID(env segment.EnvID) map[string]delivery.Reader {
	all := make(map[string]delivery.Reader)
	for _, r := range s.delivery.Readers(env) {
		all[followerID(r)] = r
	}
	return all
}
