package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/segment"
	"muster/internal/sink"
)

// sinkStateJSON is how a sink is doing, in muster's own words.
type sinkStateJSON struct {
	ID            string            `json:"_id"`
	Links         links             `json:"_links"`
	State         string            `json:"state" enum:"off,paused,current,behind,walking,failed"`
	Since         int64             `json:"since,omitzero" doc:"Unix milliseconds"`
	Message       string            `json:"message"`
	Complete      bool              `json:"complete" doc:"Whether the store has everything up to revision"`
	Revision      uint64            `json:"revision"`
	LagRevisions  uint64            `json:"lagRevisions"`
	LagSeconds    float64           `json:"lagSeconds"`
	Synchronized  int64             `json:"synchronizedOn" doc:"What SDKs read from the store, Unix milliseconds; 0 if there is nothing"`
	Written       uint64            `json:"written" doc:"Changes of members that the store acknowledged since the server started"`
	Rate          float64           `json:"membersPerSecond"`
	Walk          *sinkWalkJSON     `json:"walk,omitzero"`
	Error         string            `json:"error,omitzero"`
	Errors        []sinkErrorJSON   `json:"errors"`
	Damage        string            `json:"damage,omitzero" doc:"What muster itself can't read, so that the store can't be told of it"`
	Verification  *verificationJSON `json:"verification,omitzero"`
	Segments      []loadedJSON      `json:"segments,omitzero"`
	TotalSegments int               `json:"totalSegments,omitzero"`
}

// sinkWalkJSON is how far a walk through all members is.
type sinkWalkJSON struct {
	Members int64 `json:"members"`
	Of      int64 `json:"of"`
}

func sinkWalkOf(st sink.Status) *sinkWalkJSON {
	if st.Walk == 0 {
		return nil
	}
	return &sinkWalkJSON{st.Walked, st.Walk}
}

// loadedJSON is how far the members of a segment have come.
type loadedJSON struct {
	Key        string `json:"key"`
	Generation uint64 `json:"generation"`
	Loaded     bool   `json:"loaded"`
	Revision   uint64 `json:"revision,omitzero"`
	Members    int64  `json:"members"`
}

// verificationJSON is what came of comparing a store with the truth.
type verificationJSON struct {
	Full    bool             `json:"full"`
	Repair  bool             `json:"repair"`
	Began   int64            `json:"began" doc:"Unix milliseconds"`
	Ended   int64            `json:"ended,omitzero"`
	Checked int64            `json:"checked"`
	Missing int64            `json:"missing"`
	Extra   int64            `json:"extra"`
	Foreign int64            `json:"foreign" doc:"Texts in the store that are no refs"`
	Samples []differenceJSON `json:"samples"`
	Error   string           `json:"error,omitzero"`
}

type differenceJSON struct {
	Ref  string `json:"ref"`
	Hash string `json:"hash" doc:"SHA-256 of the context key, in base64"`
	Set  string `json:"set" enum:"included,excluded"`
	What string `json:"what" enum:"missing,extra"`
}

func verificationOf(v *sink.Verification) *verificationJSON {
	if v == nil {
		return nil
	}
	return &verificationJSON{
		Full: v.Full, Repair: v.Repair, Began: unixMilli(v.Began), Ended: unixMilli(v.Ended), Checked: v.Checked, Missing: v.Missing, Extra: v.Extra, Foreign: v.Foreign, Error: v.Error,
		Samples: each(v.Samples, func(d sink.Difference) differenceJSON {
			j := differenceJSON{Ref: d.Ref.String(), Hash: d.Hash.String(), Set: "included", What: "extra"}
			if d.Excluded {
				j.Set = "excluded"
			}
			if d.Missing {
				j.What = "missing"
			}
			return j
		}),
	}
}

func sinkErrorOf(m sink.Mishap) sinkErrorJSON { return sinkErrorJSON{m.Message, unixMilli(m.At)} }

// recent is how old the time of synchronization may be of a store that SDKs can trust.
const recent = 2 * time.Minute

// trusted reports whether SDKs that read the store trust it.
func trusted(st sink.Status, now time.Time) bool {
	return st.Complete && now.Sub(st.Synchronized) < recent
}

// sinkSentence says for people how a sink is doing.
func sinkSentence(st sink.Status) string {
	switch {
	case st.State == sink.Off:
		return "The integration is off: nothing is written to the store, and SDKs that read it will call it stale."
	case st.State == sink.Paused:
		return "Somebody paused the integration: nothing is written to the store, and SDKs that read it will call it stale."
	case st.State == sink.Failed && st.Error != "":
		return "Muster keeps trying: " + st.Error + "."
	case st.Damage != "":
		return "Not everything is in the store, because muster can't read it itself: " + st.Damage + "."
	case st.State == sink.Filling && st.Complete:
		return fmt.Sprintf("Everything is written once more, about %d of %d members so far; SDKs go on to trust the store.", st.Walked, st.Walk)
	case st.State == sink.Filling:
		return fmt.Sprintf("The store is being filled, about %d of %d members so far.", st.Walked, st.Walk)
	case st.State == sink.Current:
		return "The store has everything."
	case st.State == sink.Behind && !st.Since.IsZero():
		return fmt.Sprintf("The store is %d revisions behind, which are being written.", st.LagRevisions)
	}
	return "Muster has not reached the store yet."
}

// sinkStatus returns what LaunchDarkly's clients are told of a sink.
func (s *server) sinkStatus(id catalog.ID, problem string) sinkStatusJSON {
	now := s.now()
	st, ok := s.sinks.Status(id)
	j := sinkStatusJSON{PotentiallyStale: true, Errors: []sinkErrorJSON{}, Message: sinkSentence(st)}
	if ok {
		j.Available = trusted(st, now)
		j.PotentiallyStale = !j.Available
		j.LastSync = unixMilli(st.Synchronized)
		if st.Error != "" {
			j.Errors = each(st.Errors, sinkErrorOf)
			j.LastError = j.Errors[0].Timestamp
		}
	}
	if problem != "" && len(j.Errors) == 0 {
		j.Errors = []sinkErrorJSON{{Message: problem}}
	}
	return j
}

func (s *server) sinkState(st sink.Status, path string) sinkStateJSON {
	return sinkStateJSON{
		ID: string(st.ID), Links: links{"self": apiLink(path + "/status"), "parent": apiLink(path)}, State: string(st.State), Since: unixMilli(st.Since),
		Message: sinkSentence(st), Complete: st.Complete, Revision: uint64(st.Revision), LagRevisions: st.LagRevisions,
		LagSeconds: st.Lag.Round(time.Millisecond).Seconds(), Synchronized: unixMilli(st.Synchronized), Written: st.Written, Rate: st.Rate,
		Error: st.Error, Errors: each(st.Errors, sinkErrorOf), Damage: st.Damage, Walk: sinkWalkOf(st), Verification: verificationOf(st.Verification),
	}
}

// sinkStateAt returns how the sink of a request is doing.
func (s *server) sinkStateAt(r *http.Request, id catalog.ID) (sinkStateJSON, error) {
	st, ok := s.sinks.Status(id)
	if !ok {
		return sinkStateJSON{}, fault.NotFoundf("there is no integration %s", id)
	}
	return s.sinkState(st, pathOfSink(r)), nil
}

// writeSinkState answers with how a sink is doing.
func (s *server) writeSinkState(w http.ResponseWriter, r *http.Request, status int, id catalog.ID) error {
	j, err := s.sinkStateAt(r, id)
	if err != nil {
		return err
	}
	return writeJSON(w, status, j)
}

func pathOfSink(r *http.Request) string {
	at := sinkPath(r)
	return sinksPath + "/" + string(at.Project) + "/" + string(at.Env) + "/" + string(at.Kind) + "/" + string(at.ID)
}

func (s *server) getSinkState(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	p, err := pageOf(r.URL.Query(), maxPage)
	if err != nil {
		return err
	}
	found, err := s.admin.Sink(r.Context(), who, sinkPath(r))
	if err != nil {
		return err
	}
	j, err := s.sinkStateAt(r, found.ID)
	if err != nil {
		return err
	}
	loaded := paged(r, p, s.sinks.Loaded(found.ID), func(l sink.Loaded) loadedJSON {
		return loadedJSON{string(l.Key), uint64(l.Generation), l.Whole, uint64(l.Revision), l.Members}
	})
	j.Segments, j.TotalSegments = loaded.Items, loaded.TotalCount
	return writeJSON(w, http.StatusOK, j)
}

type verifySinkJSON struct {
	Full   bool `json:"full,omitzero" doc:"Everybody instead of a sample"`
	Repair bool `json:"repair,omitzero" doc:"Put right what is wrong"`
}

func (s *server) verifySink(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	var body verifySinkJSON
	if err := decodeSpare(w, r, &body); err != nil {
		return err
	}
	found, err := s.admin.SinkToRun(r.Context(), who, sinkPath(r))
	if err != nil {
		return err
	}
	if err := s.sinks.Verify(found.ID, body.Full, body.Repair); err != nil {
		return err
	}
	return s.writeSinkState(w, r, http.StatusAccepted, found.ID)
}

type rebuildSinkJSON struct {
	TakeOver bool `json:"takeOver,omitzero" doc:"Also if somebody else kept the store so far"`
}

func (s *server) rebuildSink(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	var body rebuildSinkJSON
	if err := decodeSpare(w, r, &body); err != nil {
		return err
	}
	found, err := s.admin.SinkToRun(r.Context(), who, sinkPath(r))
	if err != nil {
		return err
	}
	if err := s.sinks.Rebuild(found.ID, body.TakeOver); err != nil {
		return err
	}
	return s.writeSinkState(w, r, http.StatusAccepted, found.ID)
}

func (s *server) pauseSink(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	return s.setPaused(w, r, who, true)
}

func (s *server) resumeSink(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	return s.setPaused(w, r, who, false)
}

func (s *server) setPaused(w http.ResponseWriter, r *http.Request, who catalog.Caller, paused bool) error {
	changed, err := s.admin.PauseSink(r.Context(), who, sinkPath(r), paused)
	if err != nil {
		return err
	}
	return s.writeSinkState(w, r, http.StatusOK, changed.ID)
}

// triedSinkJSON is whether a sink would work.
type triedSinkJSON struct {
	Works bool     `json:"works"`
	Error string   `json:"error,omitzero"`
	Notes []string `json:"notes" doc:"What an operator should know though it works"`
}

// trySinkFor is how long a store has to answer when it is tried.
const trySinkFor = 20 * time.Second

func (s *server) trySink(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	at, n, err := readNewSink(w, r)
	if err != nil {
		return err
	}
	tried, err := s.admin.TriedSink(r.Context(), who, at, n)
	if err != nil {
		return err
	}
	return s.tried(w, r, tried)
}

// tryKeptSinkJSON is what to try instead of what is kept.
type tryKeptSinkJSON struct {
	Config jsontext.Value `json:"config,omitzero" doc:"As a PATCH would have it; a masked secret stands for the one that is kept"`
}

func (s *server) tryKeptSink(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	var body tryKeptSinkJSON
	if r.ContentLength != 0 {
		if err := decodeBody(w, r, maxBodyBytes, &body); err != nil {
			return err
		}
	}
	tried, err := s.admin.TriedChange(r.Context(), who, sinkPath(r), func(one *admin.Sink) error {
		if body.Config == nil {
			return nil
		}
		return sinkFields["config"](one, body.Config)
	})
	if err != nil {
		return err
	}
	return s.tried(w, r, tried)
}

func (s *server) tried(w http.ResponseWriter, r *http.Request, tried *catalog.Sink) error {
	ctx, cancel := context.WithTimeout(r.Context(), trySinkFor)
	defer cancel()
	notes, err := s.sinks.Try(ctx, tried)
	j := triedSinkJSON{Works: err == nil, Notes: each(notes, func(n string) string { return n })}
	if err != nil {
		j.Error = fault.From(err).Message
		if ctx.Err() != nil {
			j.Error = fmt.Sprintf("the store doesn't answer within %v", trySinkFor)
		}
	}
	return writeJSON(w, http.StatusOK, j)
}

// sinkFollowers returns the sinks of an environment, as followers.
func (s *server) sinkFollowers(env segment.EnvID) []followerJSON {
	var all []followerJSON
	for _, st := range s.sinks.Statuses() {
		if st.Env != env {
			continue
		}
		all = append(all, followerJSON{
			ID: sinkFollower + "-" + string(st.ID), Kind: sinkFollower, Name: st.Name, Address: st.Address, Version: string(st.Kind), Count: 1,
			Since: unixMilli(st.Since), State: string(st.State), Revision: uint64(st.Revision), LagRevisions: st.LagRevisions,
			LagSeconds: st.Lag.Round(time.Millisecond).Seconds(), Error: st.Error,
			IntegrationID: string(st.ID), Walk: sinkWalkOf(st), Verification: verificationOf(st.Verification),
			Lags: each(st.Lags, func(lag time.Duration) float64 { return lag.Round(100 * time.Millisecond).Seconds() }),
		})
	}
	return all
}
