package api

import (
	"net/http"
	"strings"

	"muster/internal/catalog"
	"muster/internal/policy"
	"muster/internal/usage"
)

// seenContextJSON is a context that SDKs sent in events.
type seenContextJSON struct {
	Kind     string `json:"kind"`
	Key      string `json:"key"`
	LastSeen int64  `json:"lastSeen" doc:"Unix milliseconds"`
	Count    uint64 `json:"count" doc:"Events that named it in the hour of lastSeen"`
	Name     string `json:"sdkName,omitzero"`
	Version  string `json:"sdkVersion,omitzero"`
}

// listSeenContexts lists the contexts that an environment remembers. Keys are members of segments, so
// that whoever lists them must be allowed to view those of every segment.
func (s *server) listSeenContexts(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	q := r.URL.Query()
	p, err := pageOf(q, maxPage)
	if err != nil {
		return err
	}
	project, err := s.admin.Project(r.Context(), who, projectKey(r))
	if err != nil {
		return err
	}
	env, err := s.admin.Environment(r.Context(), who, projectKey(r), environmentKey(r))
	if err != nil {
		return err
	}
	if err := who.Check(policy.ViewMembers, catalog.SegmentResource(project, env, "*", nil)); err != nil {
		return err
	}
	kind, begins := q.Get("kind"), q.Get("query")
	all := s.usage.Contexts(env, func(c usage.SeenContext) bool {
		return (kind == "" || kind == string(c.Kind)) && strings.HasPrefix(c.Key, begins)
	})
	return writeJSON(w, http.StatusOK, paged(r, p, all, func(c usage.SeenContext) seenContextJSON {
		return seenContextJSON{string(c.Kind), c.Key, unixMilli(c.Last), c.Count, c.SDK.Name, c.SDK.Version}
	}))
}
