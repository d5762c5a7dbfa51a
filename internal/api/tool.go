package api

import (
	"net/http"

	"muster/internal/catalog"
	"muster/internal/connector"
)

// toolJSON is a tool that can push, and how a person connects it.
type toolJSON struct {
	Key       string        `json:"key"`
	Name      string        `json:"name"`
	Overview  string        `json:"overview,omitzero"`
	Author    string        `json:"author,omitzero"`
	Example   bool          `json:"example,omitzero" doc:"Not a tool but an example of a format"`
	Native    string        `json:"native" enum:"address,fixed,none" doc:"Whether the tool's own connector to LaunchDarkly takes another address, has one built in, or does not exist"`
	Path      string        `json:"path" doc:"Behind publicUrl, or else the address that a page was asked by. {{environmentId}} stands for the id of the environment"`
	BasicAuth bool          `json:"basicAuthentication" doc:"The token goes in as the password of basic authentication, instead of the header Authorization"`
	Body      string        `json:"body,omitzero" doc:"What to send where the tool lets people write it: {{environmentId}} and {{contextKind}} stand for their values, words in capitals for what the tool fills in"`
	Steps     []string      `json:"steps"`
	Can       toolCanJSON   `json:"can"`
	Cannot    []string      `json:"cannot"`
	Websites  toolLinksJSON `json:"websites"`
}

// toolCanJSON is what the format of a tool can say beside adding and removing members.
type toolCanJSON struct {
	Replace     bool `json:"replace" doc:"The whole list at once"`
	ContextKind bool `json:"contextKind" doc:"Of which kind the members are"`
	Link        bool `json:"link" doc:"Where the cohort is in the tool"`
	Description bool `json:"description"`
	MessageID   bool `json:"messageId" doc:"A repeat is known by it"`
	Cohorts     bool `json:"cohorts" doc:"Several cohorts in one request"`
}

type toolLinksJSON struct {
	Site    string `json:"site,omitzero"`
	Docs    string `json:"docs,omitzero"`
	Support string `json:"support,omitzero"`
}

type toolsJSON struct {
	Items      []toolJSON `json:"items"`
	TotalCount int        `json:"totalCount"`
	PublicURL  string     `json:"publicUrl,omitzero" doc:"Where tools reach muster, if somebody has said so (--public-url)"`
	Links      links      `json:"_links"`
}

// listTools lists the tools whose pushes muster understands.
func (s *server) listTools(w http.ResponseWriter, _ *http.Request, _ catalog.Caller) error {
	items := each(s.tools.All(), toolOf)
	return writeJSON(w, http.StatusOK, toolsJSON{items, len(items), s.publicURL, links{"self": apiLink("/tools")}})
}

func toolOf(m *connector.Manifest) toolJSON {
	g, can := m.Guide, m.Abilities()
	j := toolJSON{
		Key: string(m.Key), Name: m.Name, Overview: m.Overview, Author: m.Author, Example: g.Example, Native: string(g.Native),
		Path: prefix + "/segment-targets/" + string(m.Key), BasicAuth: g.Password, Body: g.Body, Steps: g.Steps,
		Can:      toolCanJSON{can.Replace, can.Kind, can.Link, can.Description, can.MessageID, can.Cohorts},
		Cannot:   append([]string{}, g.Cannot...),
		Websites: toolLinksJSON(m.Links),
	}
	if g.Addressed {
		j.Path += "?environmentId=" + connector.GuideEnvironment
	}
	return j
}
