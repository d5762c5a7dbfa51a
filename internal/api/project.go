package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
)

type availabilityJSON struct {
	MobileKey     bool `json:"usingMobileKey"`
	EnvironmentID bool `json:"usingEnvironmentId"`
}

// projectJSON is a project. Environments is absent, a collection or, where the project was just
// written, an array.
type projectJSON struct {
	Links                     links            `json:"_links,omitzero" required:"true"`
	ID                        string           `json:"_id"`
	Key                       string           `json:"key"`
	Name                      string           `json:"name"`
	Tags                      []string         `json:"tags"`
	IncludeInSnippetByDefault bool             `json:"includeInSnippetByDefault"` // usingEnvironmentId by its old name
	DefaultAvailability       availabilityJSON `json:"defaultClientSideAvailability"`
	Environments              any              `json:"environments,omitzero" doc:"With expand=environments a collection of them; an array in the answer to a request that wrote the project"`
}

func projectOf(p *catalog.Project) projectJSON {
	return projectJSON{
		ID:                        string(p.ID),
		Key:                       string(p.Key),
		Name:                      p.Name,
		Tags:                      p.Tags,
		IncludeInSnippetByDefault: p.DefaultAvailability.EnvironmentID,
		DefaultAvailability:       availabilityJSON(p.DefaultAvailability),
	}
}

func linkedProject(p *catalog.Project) projectJSON {
	j := projectOf(p)
	path := "/projects/" + j.Key
	j.Links = links{
		"self":         apiLink(path),
		"environments": apiLink(path + "/environments"),
		"flagDefaults": apiLink(path + "/flag-defaults"),
	}
	return j
}

var projectFields = fields[*catalog.Project]{
	"name":                      field(func(p *catalog.Project) *string { return &p.Name }),
	"tags":                      field(func(p *catalog.Project) *[]string { return &p.Tags }),
	"includeInSnippetByDefault": field(func(p *catalog.Project) *bool { return &p.DefaultAvailability.EnvironmentID }),
	"defaultClientSideAvailability": asField(func(p *catalog.Project, v availabilityJSON) {
		p.DefaultAvailability = catalog.Availability(v)
	}),
	"requireViewAssociationForNewFlags":    noViews,
	"requireViewAssociationForNewSegments": noViews,
}

// noViews takes that nothing needs a view, which Terraform sends on every creation of a project.
func noViews(_ *catalog.Project, text jsontext.Value) error {
	var required bool
	if err := decode(text, &required); err != nil {
		return err
	}
	if required {
		return fault.Invalidf("muster has no views")
	}
	return nil
}

var projectOrders = orders[*catalog.Project]{
	"name":      func(a, b *catalog.Project) int { return byText(a.Name, b.Name) },
	"createdOn": func(a, b *catalog.Project) int { return a.CreatedAt.Compare(b.CreatedAt) },
}

func projectMatches(p *catalog.Project, t term) bool {
	switch t.field {
	case "query":
		return mentions(t.value, string(p.Key), p.Name)
	case "tags":
		return hasTags(p.Tags, t.value)
	case "keys":
		return slices.Contains(anyOf(t.value), string(p.Key))
	}
	return true
}

func (s *server) listProjects(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	query := r.URL.Query()
	all, err := s.admin.Projects(r.Context(), who)
	if err != nil {
		return err
	}
	p, all, err := narrowed(query, 20, all, projectMatches, projectOrders)
	if err != nil {
		return err
	}
	var failed error
	body := paged(r, p, all, func(p *catalog.Project) projectJSON {
		j, err := s.expandedProject(r, who, p)
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

// expandedProject renders a project, with its environments if the request asks for them.
func (s *server) expandedProject(r *http.Request, who catalog.Caller, p *catalog.Project) (projectJSON, error) {
	j := linkedProject(p)
	if !expands(r, "environments") {
		return j, nil
	}
	envs, err := s.admin.Environments(r.Context(), who, p.Key)
	if err != nil {
		return j, err
	}
	list := collection[environmentJSON]{Items: []environmentJSON{}, TotalCount: len(envs)}
	list.Links = links{"self": apiLink("/projects/" + j.Key + "/environments")}
	for _, e := range envs {
		list.Items = append(list.Items, linkedEnvironment(e))
	}
	j.Environments = list
	return j, nil
}

// expands reports whether the request names the member in its parameter expand.
func expands(r *http.Request, member string) bool {
	for _, v := range r.URL.Query()["expand"] {
		if slices.Contains(strings.Split(v, ","), member) {
			return true
		}
	}
	return false
}

// writtenProject renders a project that was just written: with all its environments.
func (s *server) writtenProject(r *http.Request, who catalog.Caller, p *catalog.Project) projectJSON {
	list := []environmentJSON{}
	// A caller that may write but not view gets its project without them.
	if envs, err := s.admin.Environments(r.Context(), who, p.Key); err == nil {
		for _, e := range envs {
			list = append(list, linkedEnvironment(e))
		}
	}
	j := linkedProject(p)
	j.Environments = list
	return j
}

func projectKey(r *http.Request) catalog.ProjectKey {
	return catalog.ProjectKey(r.PathValue("projectKey"))
}

type newProjectJSON struct {
	Key                       string               `json:"key"`
	Name                      string               `json:"name"`
	Tags                      []string             `json:"tags,omitzero"`
	IncludeInSnippetByDefault bool                 `json:"includeInSnippetByDefault,omitzero"`
	DefaultAvailability       *availabilityJSON    `json:"defaultClientSideAvailability,omitzero"`
	Environments              []newEnvironmentJSON `json:"environments,omitzero" doc:"test and production if absent"`
}

func (s *server) createProject(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	var body newProjectJSON
	if err := decodeBody(w, r, maxBodyBytes, &body); err != nil {
		return err
	}
	if body.DefaultAvailability == nil && body.IncludeInSnippetByDefault {
		body.DefaultAvailability = &availabilityJSON{MobileKey: true, EnvironmentID: true}
	}
	n := admin.NewProject{
		Key: catalog.ProjectKey(body.Key), Name: body.Name, Tags: body.Tags,
		DefaultAvailability: (*catalog.Availability)(body.DefaultAvailability),
	}
	for _, e := range body.Environments {
		n.Environments = append(n.Environments, e.environment())
	}
	p, err := s.admin.CreateProject(r.Context(), who, n)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, s.writtenProject(r, who, p))
}

func (s *server) getProject(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	p, err := s.admin.Project(r.Context(), who, projectKey(r))
	if err != nil {
		return err
	}
	j, err := s.expandedProject(r, who, p)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, j)
}

func (s *server) patchProject(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	patch, err := readFieldPatch(w, r)
	if err != nil {
		return err
	}
	p, err := s.admin.ChangeProject(r.Context(), who, projectKey(r), patch.how(), func(p *catalog.Project) error {
		before, after, err := patch.edited(projectOf(p))
		if err != nil {
			return err
		}
		return projectFields.assign(p, before, after, "")
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.writtenProject(r, who, p))
}

func (s *server) deleteProject(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	if err := s.admin.DeleteProject(r.Context(), who, projectKey(r)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
