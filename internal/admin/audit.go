package admin

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"muster/internal/catalog"
	"muster/internal/policy"
	"muster/internal/store"
)

const (
	// defaultAuditLimit is how many entries a query without a limit returns.
	defaultAuditLimit = 20
	// maxAuditBytes bounds the value before and after a change; larger ones, such as segments with
	// thousands of targets, are left out of the entry.
	maxAuditBytes = 256 << 10
)

// done is what the audit log is told of a change.
type done struct {
	kind    string
	name    string
	verb    string
	on      policy.Resource
	project catalog.ProjectKey
	env     catalog.EnvKey
	how     Change
	// details say what this change did where detailVerbs would say something else.
	details map[policy.Action]string
	// before and after are the values, nil pointers included, with secrets masked.
	before, after any
}

// detailVerbs says what an update did when it did one thing.
var detailVerbs = map[policy.Action]string{
	policy.UpdateName:           "updated the name of",
	policy.UpdateDescription:    "updated the description of",
	policy.UpdateTags:           "updated the tags of",
	policy.UpdateIncluded:       "updated the included targets of",
	policy.UpdateExcluded:       "updated the excluded targets of",
	policy.UpdateRules:          "updated the rules of",
	policy.UpdateGuard:          "updated the guard of",
	policy.UpdateOn:             "toggled",
	policy.UpdateTargets:        "updated the targets of",
	policy.UpdateFallthrough:    "updated the default rule of",
	policy.UpdateOffVariation:   "updated the off variation of",
	policy.UpdatePrerequisites:  "updated the prerequisites of",
	policy.UpdateFlagVariations: "updated the variations of",
	policy.UpdateGlobalArchived: "archived or restored",
	policy.UpdateProjectName:    "updated the name of",
	policy.UpdateAPIKey:         "rotated the SDK key of",
	policy.UpdateMobileKey:      "rotated the mobile key of",
	policy.UpdateContextKind:    "updated a context kind of",
	policy.CreateContextKind:    "added a context kind to",

	policy.UpdateURL:        "updated the URL of",
	policy.UpdateSecret:     "updated the secret of",
	policy.UpdateStatements: "updated the statements of",

	policy.UpdatePolicy:                 "updated the policy of",
	policy.UpdateBasePermissions:        "updated the base permissions of",
	policy.UpdateRole:                   "updated the role of",
	policy.UpdateCustomRole:             "updated the custom roles of",
	policy.UpdateAccessTokenName:        "updated the name of",
	policy.UpdateAccessTokenDescription: "updated the description of",
	policy.UpdateAccessTokenPolicy:      "updated the policy of",
	policy.UpdateAccessTokenExpiry:      "updated the expiry of",
	policy.UpdateRelayConfigName:        "updated the name of",
	policy.UpdateRelayConfigPolicy:      "updated the policy of",
	policy.UpdateConfiguration:          "updated the configuration of",
}

func (a *Admin) audit(tx store.Tx, who catalog.Caller, es effects, d done) error {
	accesses := es.accesses()
	verb := d.verb
	var details []string
	for _, e := range accesses {
		if detail := cmp.Or(d.details[e.Action], detailVerbs[e.Action]); detail != "" {
			details = append(details, "- "+detail+" `"+e.Resource+"`")
			if single(es) {
				verb = detail
			}
		}
	}
	before, err := auditJSON(d.before)
	if err != nil {
		return err
	}
	after, err := auditJSON(d.after)
	if err != nil {
		return err
	}
	tx.Audit(catalog.AuditEntry{
		ID:          catalog.NewID(),
		At:          a.now(),
		Kind:        d.kind,
		Name:        d.name,
		Accesses:    accesses,
		Description: strings.Join(details, "\n"),
		Short:       verb + " " + d.name,
		Comment:     d.how.Comment,
		Actor:       who.Actor,
		TitleVerb:   verb,
		Target:      d.on.String(),
		Project:     d.project,
		Env:         d.env,
		Before:      before,
		After:       after,
		Delta:       keptBytes(d.how.Delta),
		Merge:       keptBytes(d.how.Merge),
	})
	return nil
}

func single(es effects) bool {
	for _, e := range es {
		if e.action != es[0].action {
			return false
		}
	}
	return true
}

func auditJSON(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write audit entry: %w", err)
	}
	if string(b) == "null" {
		return nil, nil
	}
	return keptBytes(b), nil
}

func keptBytes(b []byte) []byte {
	if len(b) > maxAuditBytes {
		return nil
	}
	return b
}

// maxAuditScan is how many entries one query reads at most: as many as take a tenth of a second to decode.
const maxAuditScan = 4000

// AuditPage is a part of the audit log, newest first.
type AuditPage struct {
	Entries []catalog.AuditEntry
	// Before is where the query can go on, if it read as much as one may before it was done.
	Before time.Time
}

// AuditEntries returns entries whose resource the caller may view, newest first. Those that
// concern no project are for administrators.
func (a *Admin) AuditEntries(ctx context.Context, who catalog.Caller, q AuditQuery) (AuditPage, error) {
	if q.Spec != "" {
		specified := []policy.Statement{{Effect: policy.Allow, Actions: []string{"*"}, Resources: []string{q.Spec}}}
		if err := policy.Validate(specified); err != nil {
			return AuditPage{}, err
		}
	}
	if err := policy.Validate(q.Statements); err != nil {
		return AuditPage{}, err
	}
	limit := q.Limit
	if limit <= 0 {
		limit = defaultAuditLimit
	}
	visible := auditViewer(a.store, who)
	var page AuditPage
	var last time.Time
	read := 0
	for e, err := range a.store.AuditEntries(ctx, q.Before) {
		if err != nil {
			return AuditPage{}, fmt.Errorf("read audit log: %w", err)
		}
		if !q.After.IsZero() && !e.At.After(q.After) {
			break
		}
		// A page ends between milliseconds, which is what clients go on from.
		if read >= a.auditScan && e.At.UnixMilli() != last.UnixMilli() {
			page.Before = time.UnixMilli(last.UnixMilli())
			break
		}
		read, last = read+1, e.At
		if !visible(e) || !mentions(e, q.Text) || !q.selects(e) || !a.didBy(e, q.Actor) {
			continue
		}
		if page.Entries = append(page.Entries, e); len(page.Entries) == limit {
			break
		}
	}
	return page, nil
}

func auditViewer(from store.Catalog, who catalog.Caller) func(catalog.AuditEntry) bool {
	seen := map[catalog.ProjectKey]bool{}
	return func(e catalog.AuditEntry) bool {
		if e.Project == "" {
			return who.Administers
		}
		visible, known := seen[e.Project]
		if !known {
			p, ok := from.Project(e.Project)
			if !ok {
				p = &catalog.Project{Key: e.Project}
			}
			visible = who.Principal.Allows(policy.ViewProject, catalog.ProjectResource(p))
			seen[e.Project] = visible
		}
		return visible
	}
}

func mentions(e catalog.AuditEntry, text string) bool {
	if text == "" {
		return true
	}
	text = strings.ToLower(text)
	for _, field := range []string{e.Name, e.Description, e.Short, e.Comment, e.Target, e.Actor.Name} {
		if strings.Contains(strings.ToLower(field), text) {
			return true
		}
	}
	return false
}

// selects reports whether the entry is about what the query's specifier and statements name.
func (q *AuditQuery) selects(e catalog.AuditEntry) bool {
	if q.Spec != "" && !e.Passes([]policy.Statement{{Effect: policy.Allow, Actions: []string{"*"}, Resources: []string{q.Spec}}}) {
		return false
	}
	return len(q.Statements) == 0 || e.Passes(q.Statements)
}

// didBy reports whether the account member or token is behind the entry; nobody is everybody.
func (a *Admin) didBy(e catalog.AuditEntry, actor catalog.ID) bool {
	if actor == "" || e.Actor.ID == string(actor) {
		return true
	}
	_, member := a.AuditActors(e)
	return member != nil && member.ID == actor
}

// AuditActors returns the token and the account member behind an entry, as far as they still exist.
func (a *Admin) AuditActors(e catalog.AuditEntry) (*catalog.Token, *catalog.Member) {
	var token *catalog.Token
	member := catalog.ID(e.Actor.ID)
	if e.Actor.Kind == "token" {
		var ok bool
		if token, ok = a.store.Token(catalog.ID(e.Actor.ID)); !ok || token.Service {
			return token, nil
		}
		member = token.Owner
	}
	m, _ := a.store.Member(member)
	return token, m
}
