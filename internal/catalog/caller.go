package catalog

import (
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
)

// Caller is who asks for something, as every write path and read path receives it.
type Caller struct {
	Principal policy.Principal
	Actor     segment.Actor
	// Token is the access token used; nil for a caller that is muster itself.
	Token *Token
	// Member is the account member behind the call; nil for muster itself.
	Member *Member
	// Session is set when the call came by one. Then Token may be nil: the account member gave a password.
	Session *SignIn
	// Administers is true when the caller acts with the admin or owner role, uncapped.
	Administers bool
}

// Check returns nil if the caller may do the action, and otherwise an error that names the action
// and the resource. A caller that may not view a project, or from whom a policy hides it, gets
// NotFound, as if it did not exist.
func (c Caller) Check(action policy.Action, on policy.Resource) error {
	if c.Principal.Allows(action, on) {
		return nil
	}
	if action == policy.ViewProject || c.Principal.Hides(on) {
		return fault.NotFoundf("%s does not exist, or this credential lacks the action %s on its project", on, policy.ViewProject)
	}
	return fault.Forbiddenf("this credential lacks the action %s on %s; an administrator can add it to the token's role", action, on).Lacking(string(action), on.String())
}

// ProjectResource is the resource of a project.
func ProjectResource(p *Project) policy.Resource {
	return policy.Resource{{Kind: "proj", Name: string(p.Key), Tags: p.Tags}}
}

// EnvironmentResource is the resource of an environment of p.
func EnvironmentResource(p *Project, e *Environment) policy.Resource {
	return append(ProjectResource(p), policy.Part{Kind: "env", Name: string(e.Key), Tags: e.Tags, Critical: e.Critical})
}

// SegmentResource is the resource of a segment, which need not exist yet.
func SegmentResource(p *Project, e *Environment, key segment.Key, tags []string) policy.Resource {
	return append(EnvironmentResource(p, e), policy.Part{Kind: "segment", Name: string(key), Tags: tags})
}

// FlagResource is the resource of a flag in one environment; the flag need not exist yet.
func FlagResource(p *Project, e *Environment, key FlagKey, tags []string) policy.Resource {
	return append(EnvironmentResource(p, e), policy.Part{Kind: "flag", Name: string(key), Tags: tags})
}
