package api

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/history"
	"muster/internal/segment"
)

// sourceJSON is a tool as it syncs into an environment.
type sourceJSON struct {
	Key            string   `json:"key" doc:"The integration key of the tool"`
	Name           string   `json:"name,omitzero" doc:"What people call it here; absent: as the tool is called"`
	Connected      bool     `json:"connected" doc:"Whether its calls are taken"`
	DisconnectedAt int64    `json:"disconnectedAt,omitzero" doc:"Unix milliseconds"`
	Segments       int      `json:"segments" doc:"How many it owns"`
	Members        int64    `json:"members" doc:"Of these together"`
	LastRun        *runJSON `json:"lastRun,omitzero" doc:"Its newest"`
	// What takes longer to find out; absent in lists.
	Flags  *int              `json:"flags,omitzero" doc:"How many have rules that name one of its segments; absent in lists"`
	Tokens []sourceTokenJSON `json:"tokens,omitzero" doc:"That its last 200 runs came with, the one used last first; absent in lists"`
	Links  links             `json:"_links"`
}

type sourceTokenJSON struct {
	ID       string `json:"_id"`
	Name     string `json:"name,omitzero"`
	LastCall int64  `json:"lastCall" doc:"Unix milliseconds"`
	Runs     int    `json:"runs" doc:"How many of the last 200"`
}

// sourceRuns is how many runs of a source are looked through for its tokens.
const sourceRuns = 200

// sourceKeyOf reads the source that a path names. Integration keys are the same in any case.
func sourceKeyOf(r *http.Request) string { return strings.ToLower(r.PathValue("integrationKey")) }

// sourceOf renders a source as lists do.
func (s *server) sourceOf(r *http.Request, who catalog.Caller, src admin.Source) (sourceJSON, error) {
	at := segmentPathOf(r)
	path := "/projects/" + string(at.project) + "/environments/" + string(at.env) + "/sources/" + src.Key
	j := sourceJSON{
		Key: src.Key, Name: src.Name, Connected: src.DisconnectedAt.IsZero(), DisconnectedAt: unixMilli(src.DisconnectedAt), Segments: len(src.Segments),
		Links: links{"self": apiLink(path), "guard": apiLink(path + "/guard")},
	}
	l := s.newSegmentList(r.Context(), who)
	for _, seg := range src.Segments {
		j.Members += l.members(seg)
	}
	newest, _, err := s.history.Runs(r.Context(), who, at.project, at.env, history.RunQuery{Tool: src.Key, Limit: 1})
	if err != nil {
		return j, err
	}
	if len(newest) > 0 {
		last := s.runOf(r.Context(), who, at, newest[0])
		j.LastRun = &last
	}
	return j, nil
}

func (s *server) listSources(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	p, err := pageOf(r.URL.Query(), maxPage)
	if err != nil {
		return err
	}
	at := segmentPathOf(r)
	all, err := s.admin.Sources(r.Context(), who, at.project, at.env)
	if err != nil {
		return err
	}
	var failed error
	body := paged(r, p, all, func(src admin.Source) sourceJSON {
		j, err := s.sourceOf(r, who, src)
		if err != nil {
			failed = err
		}
		return j
	})
	if failed != nil {
		return failed
	}
	return writeJSON(w, http.StatusOK, body)
}

func (s *server) getSource(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	at := segmentPathOf(r)
	src, err := s.admin.Source(r.Context(), who, at.project, at.env, sourceKeyOf(r))
	if err != nil {
		return err
	}
	if _, tool := s.tools.Lookup(src.Key); !tool && !src.Known() {
		return fault.NotFoundf("there is no source %q in environment %s, and no tool of that key", src.Key, at.env)
	}
	return s.writeSource(w, r, who, src)
}

// writeSource answers with a source and what takes longer to find out.
func (s *server) writeSource(w http.ResponseWriter, r *http.Request, who catalog.Caller, src admin.Source) error {
	at := segmentPathOf(r)
	j, err := s.sourceOf(r, who, src)
	if err != nil {
		return err
	}
	used, err := s.admin.FlagsOfSegments(r.Context(), who, at.project, at.env)
	if err != nil {
		return err
	}
	runs, _, err := s.history.Runs(r.Context(), who, at.project, at.env, history.RunQuery{Tool: src.Key, Limit: sourceRuns})
	if err != nil {
		return err
	}
	flags := make(map[catalog.FlagKey]struct{})
	for _, seg := range src.Segments {
		for _, f := range used[seg.Key] {
			flags[f.Key] = struct{}{}
		}
	}
	j.Flags, j.Tokens = new(len(flags)), tokensOf(runs)
	return writeJSON(w, http.StatusOK, j)
}

// tokensOf returns the tokens that runs, newest first, came with.
func tokensOf(runs []segment.Run) []sourceTokenJSON {
	tokens := []sourceTokenJSON{}
	for _, run := range runs {
		if run.Actor.Kind != "token" {
			continue
		}
		i := slices.IndexFunc(tokens, func(t sourceTokenJSON) bool { return t.ID == run.Actor.ID })
		if i < 0 {
			i = len(tokens)
			tokens = append(tokens, sourceTokenJSON{ID: run.Actor.ID, Name: run.Actor.Name, LastCall: unixMilli(run.ReceivedAt)})
		}
		tokens[i].Runs++
	}
	return tokens
}

// sourceFields are what people say of a source; one that is disconnected is so from now on.
func sourceFields(now time.Time) fields[*catalog.SourceDetails] {
	return fields[*catalog.SourceDetails]{
		"name": field(func(d *catalog.SourceDetails) *string { return &d.Name }),
		"connected": asField(func(d *catalog.SourceDetails, connected bool) {
			d.DisconnectedAt = now
			if connected {
				d.DisconnectedAt = time.Time{}
			}
		}),
	}
}

// patchableSource is what a patch of a source sees.
type patchableSource struct {
	Name      string `json:"name"`
	Connected bool   `json:"connected"`
}

func (s *server) patchSource(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	at := segmentPathOf(r)
	p, err := readFieldPatch(w, r)
	if err != nil {
		return err
	}
	src, err := s.admin.ChangeSource(r.Context(), who, at.project, at.env, sourceKeyOf(r), p.how(), func(d *catalog.SourceDetails) error {
		before, after, err := p.edited(patchableSource{d.Name, d.DisconnectedAt.IsZero()})
		if err != nil {
			return err
		}
		return sourceFields(s.now()).assign(d, before, after, "")
	})
	if err != nil {
		return err
	}
	return s.writeSource(w, r, who, src)
}

func (s *server) deleteSource(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	at := segmentPathOf(r)
	if err := s.admin.ForgetSource(r.Context(), who, at.project, at.env, sourceKeyOf(r)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
