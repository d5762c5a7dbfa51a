package api

import (
	"net/http"
	"slices"
	"strconv"
	"unicode/utf8"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/ingest"
	"muster/internal/segment"
)

type setChangeJSON struct {
	Add    []string `json:"add,omitzero"`
	Remove []string `json:"remove,omitzero"`
}

// memberChangeJSON names contexts that join or leave the two sets of a big segment.
type memberChangeJSON struct {
	Included setChangeJSON `json:"included,omitzero"`
	Excluded setChangeJSON `json:"excluded,omitzero"`
}

func (s *server) editContexts(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	return s.editMembers(w, r, who, "")
}

func (s *server) editUsers(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	return s.editMembers(w, r, who, segment.DefaultKind)
}

// editMembers changes the members of an unbounded segment. When it answers, the change is durable
// and every evaluation on this node sees it.
func (s *server) editMembers(w http.ResponseWriter, r *http.Request, who catalog.Caller, kind segment.ContextKind) error {
	at := segmentPathOf(r)
	var body memberChangeJSON
	if err := decodeBody(w, r, maxContextsBytes, &body); err != nil {
		return err
	}
	idempotency, err := idempotencyKey(r)
	if err != nil {
		return err
	}
	run, err := s.ingest.Edit(r.Context(), who, ingest.Edit{
		Project: at.project, Environment: at.env, Segment: at.key, Kind: kind,
		AddIncluded: body.Included.Add, RemoveIncluded: body.Included.Remove,
		AddExcluded: body.Excluded.Add, RemoveExcluded: body.Excluded.Remove,
		UserAgent: r.UserAgent(), Idempotency: idempotency,
	})
	if err != nil {
		return err
	}
	w.Header().Set("X-Muster-Revision", strconv.FormatUint(uint64(run.Revision), 10))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// idempotencyKey returns what the sender calls the request, so that a repeat changes nothing.
func idempotencyKey(r *http.Request) (string, error) {
	key := r.Header.Get("Idempotency-Key")
	if len(key) > segment.MaxMessageIDBytes || !utf8.ValidString(key) {
		return "", fault.Invalidf("an Idempotency-Key has 1 to %d characters", segment.MaxMessageIDBytes)
	}
	return key, nil
}

// instructMembers carries out the instructions of a semantic patch that are about the members of a
// big segment, and answers with the segment. The members of a synced segment belong to its tool.
func (s *server) instructMembers(w http.ResponseWriter, r *http.Request, who catalog.Caller, how admin.Change, m catalog.MemberInstructions) error {
	at := segmentPathOf(r)
	seg, err := s.admin.Segment(r.Context(), who, at.project, at.env, at.key)
	if err != nil {
		return err
	}
	if err := checkMatch(r, seg.Version); err != nil {
		return err
	}
	switch {
	case how.DryRun:
		return fault.Invalidf("instructions about the members of a big segment have no dry run")
	case seg.Source != nil && m.Import == "":
		return fault.Invalidf("the members of segment %s belong to %s; sync from there, or change single ones with POST …/contexts", seg.Key, seg.Source.Tool)
	}
	if m.Import != "" {
		_, err = s.ingest.ProcessImport(r.Context(), who, importTarget(r), segment.RunID(m.Import))
	} else {
		err = s.editInstructed(w, r, who, seg, how.Comment, m)
	}
	if err != nil {
		return err
	}
	if seg, err = s.admin.Segment(r.Context(), who, at.project, at.env, at.key); err != nil {
		return err
	}
	return s.answerSegment(w, r, seg)
}

func (s *server) editInstructed(w http.ResponseWriter, r *http.Request, who catalog.Caller, seg *catalog.Segment, comment string, m catalog.MemberInstructions) error {
	at := segmentPathOf(r)
	idempotency, err := idempotencyKey(r)
	if err != nil {
		return err
	}
	if err := s.checkOneSet(r, who, seg, m.AddIncluded, segment.Exclude, m.RemoveExcluded); err != nil {
		return err
	}
	if err := s.checkOneSet(r, who, seg, m.AddExcluded, segment.Include, m.RemoveIncluded); err != nil {
		return err
	}
	run, err := s.ingest.Edit(r.Context(), who, ingest.Edit{
		Project: at.project, Environment: at.env, Segment: at.key,
		AddIncluded: m.AddIncluded, RemoveIncluded: m.RemoveIncluded, AddExcluded: m.AddExcluded, RemoveExcluded: m.RemoveExcluded,
		Comment: comment, UserAgent: r.UserAgent(), Idempotency: idempotency,
	})
	if err != nil {
		return err
	}
	w.Header().Set("X-Muster-Revision", strconv.FormatUint(uint64(run.Revision), 10))
	return nil
}

// checkOneSet refuses to add keys to one set of a segment that stay in the other, as LaunchDarkly's
// instructions do. POST …/contexts takes them: there both sets are independent.
func (s *server) checkOneSet(r *http.Request, who catalog.Caller, seg *catalog.Segment, added []string, other segment.Ops, leaving []string) error {
	for _, key := range added {
		state, err := s.history.Membership(r.Context(), who, seg, key)
		if err != nil {
			return err
		}
		if state&other != 0 && !slices.Contains(leaving, key) {
			return fault.Invalidf("%q would be included and excluded", clip(key))
		}
	}
	return nil
}

type membershipJSON struct {
	Key      string `json:"userKey" doc:"The context key, whatever its kind"`
	Included bool   `json:"included"`
	Excluded bool   `json:"excluded"`
}

// getMembership answers whether the segment includes or excludes a context. A context that was
// never in it is an answer too, not an error.
func (s *server) getMembership(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	at, key := segmentPathOf(r), r.PathValue("contextKey")
	seg, err := s.admin.Segment(r.Context(), who, at.project, at.env, at.key)
	if err != nil {
		return err
	}
	state, err := s.history.Membership(r.Context(), who, seg, key)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, membershipJSON{key, state&segment.Include != 0, state&segment.Exclude != 0})
}
