package ingest

import (
	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// Target names a segment as people and API clients do.
type Target struct {
	Project     catalog.ProjectKey
	Environment catalog.EnvKey
	Segment     segment.Key
}

// place is a target that was found.
type place struct {
	project *catalog.Project
	env     *catalog.Environment
	seg     *catalog.Segment
}

func (p place) resource() policy.Resource {
	return catalog.SegmentResource(p.project, p.env, p.seg.Key, p.seg.Tags)
}

// find returns what a target names, if the caller may do the action to it.
func (t Target) find(c store.Catalog, who catalog.Caller, action policy.Action) (place, error) {
	p := place{}
	var ok bool
	if p.project, ok = c.Project(t.Project); !ok {
		return p, fault.NotFoundf("Unknown project key %s", t.Project)
	}
	if p.env, ok = c.EnvironmentByKey(t.Project, t.Environment); !ok {
		return p, fault.NotFoundf("Unknown environment key %s", t.Environment)
	}
	if p.seg, ok = c.Segment(p.env.ID, t.Segment); !ok {
		return p, fault.NotFoundf("Unknown segment key %s", t.Segment)
	}
	if action == policy.ViewProject {
		return p, who.Check(action, catalog.ProjectResource(p.project))
	}
	return p, who.Check(action, p.resource())
}

// auditOf returns the audit entry of something done to the members of a segment.
func (i *Ingest) auditOf(who catalog.Caller, p place, verb, description, comment string, actions ...policy.Action) catalog.AuditEntry {
	resource := p.resource()
	entry := catalog.AuditEntry{
		ID: catalog.NewID(), At: i.now(), Kind: "segment", Name: p.seg.Name, Actor: who.Actor, Comment: comment,
		TitleVerb: verb, Short: verb + " " + p.seg.Name, Description: description, Target: resource.String(),
		Project: p.project.Key, Env: p.env.Key,
	}
	for _, a := range actions {
		entry.Accesses = append(entry.Accesses, catalog.AccessTo(a, resource))
	}
	return entry
}
