package api

import (
	"net/http"
	"slices"
	"strings"

	"muster/internal/catalog"
)

// listTags answers with the tags of everything that the caller may view, or of some kinds of it.
func (s *server) listTags(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	query := r.URL.Query()
	var kinds []string
	for _, v := range query["kind"] {
		kinds = append(kinds, strings.Split(v, ",")...)
	}
	all, err := s.admin.Tags(r.Context(), who, kinds)
	if err != nil {
		return err
	}
	p, err := pageOf(query, maxPage)
	if err != nil {
		return err
	}
	prefix := query.Get("pre")
	all = slices.DeleteFunc(all, func(tag string) bool { return !strings.HasPrefix(tag, prefix) })
	return writeJSON(w, http.StatusOK, paged(r, p, all, func(tag string) string { return tag }))
}
