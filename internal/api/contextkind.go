package api

import (
	"net/http"
	"slices"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/segment"
)

type contextKindJSON struct {
	Key          string `json:"key"`
	Name         string `json:"name"`
	Description  string `json:"description"`
	Version      int    `json:"version"`
	CreationDate int64  `json:"creationDate" doc:"Unix milliseconds"`
	LastModified int64  `json:"lastModified" doc:"Unix milliseconds"`
	CreatedFrom  string `json:"createdFrom" enum:"default,auto-add,manual"`
	Archived     bool   `json:"archived"`
	Hidden       bool   `json:"hideInTargeting"`
	Links        links  `json:"_links"`
}

func contextKindOf(p catalog.ProjectKey, k catalog.ContextKind) contextKindJSON {
	return contextKindJSON{
		Key: string(k.Key), Name: k.Name, Description: k.Description, Version: k.Version,
		CreationDate: k.CreatedAt.UnixMilli(), LastModified: k.ModifiedAt.UnixMilli(), CreatedFrom: k.CreatedFrom,
		Archived: k.Archived, Hidden: k.Hidden,
		Links: links{"parent": apiLink("/projects/" + string(p) + "/context-kinds")},
	}
}

// listContextKinds answers with all of them: clients don't page here.
func (s *server) listContextKinds(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	p, err := s.admin.Project(r.Context(), who, projectKey(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, collection[contextKindJSON]{
		Items:      each(p.ContextKinds, func(k catalog.ContextKind) contextKindJSON { return contextKindOf(p.Key, k) }),
		TotalCount: len(p.ContextKinds),
		Links:      links{"self": {Href: r.URL.EscapedPath(), Type: "application/json"}},
	})
}

type contextKindChangeJSON struct {
	Name        string  `json:"name"`
	Description *string `json:"description,omitzero"`
	Archived    *bool   `json:"archived,omitzero"`
	Hidden      *bool   `json:"hideInTargeting,omitzero"`
}

type contextKindChangedJSON struct {
	Status string `json:"status" enum:"success"`
	Links  links  `json:"_links"`
}

// putContextKind creates a context kind, or changes the members that the body has. Its version grows
// even when nothing else changes: clients wait for that.
func (s *server) putContextKind(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	var body contextKindChangeJSON
	if err := decodeBody(w, r, maxBodyBytes, &body); err != nil {
		return err
	}
	if body.Name == "" {
		return fault.Invalidf("name is missing")
	}
	key := segment.ContextKind(r.PathValue("contextKind"))
	_, err := s.admin.ChangeProject(r.Context(), who, projectKey(r), admin.Change{}, func(p *catalog.Project) error {
		i := slices.IndexFunc(p.ContextKinds, func(k catalog.ContextKind) bool { return k.Key == key })
		if i < 0 {
			i = len(p.ContextKinds)
			p.ContextKinds = append(p.ContextKinds, catalog.ContextKind{Key: key})
		}
		k := &p.ContextKinds[i]
		k.Version++
		k.Name = body.Name
		set(&k.Description, body.Description)
		set(&k.Archived, body.Archived)
		set(&k.Hidden, body.Hidden)
		return nil
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, contextKindChangedJSON{"success", links{"parent": apiLink("/projects/" + string(projectKey(r)) + "/context-kinds")}})
}

// set takes a value over if there is one.
func set[T any](into *T, v *T) {
	if v != nil {
		*into = *v
	}
}
