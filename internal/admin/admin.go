// Package admin is the one write path for catalog and access: it authorises each effect of a
// change on the concrete resource, validates, and commits the change with its audit entry and its
// log entry in one step. Reads go through it too, so that nothing hidden by a policy leaves it.
//
// It knows no HTTP and no JSON of the REST API: transports hand in domain values, or a function
// that changes a clone of one.
package admin

import (
	"context"
	"errors"
	"sync"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/seal"
	"muster/internal/segment"
	"muster/internal/store"
)

// Admin changes and shows what people configure. Every method takes the caller first, returns
// *fault.Error for what the caller did wrong: NotFound also for what the caller may not view,
// Forbidden with action and resource for a known object.
type Admin struct {
	store     store.Store
	keys      *seal.Keys
	now       func() time.Time
	lists     catalog.ListLimit
	auditScan int // entries of the audit log that one query reads at most
	// waitsFor are the names of the followers that a move waits for, by turnID.
	waitsFor sync.Map
}

// New returns the write path over a store. Secrets that muster must be able to use are sealed with the
// keys before they reach it.
func New(s store.Store, keys *seal.Keys, now func() time.Time) *Admin {
	return &Admin{store: s, keys: keys, now: now, lists: catalog.DefaultListLimit, auditScan: maxAuditScan}
}

// LimitLists sets how many targets segments may list. It must be called before anything else.
func (a *Admin) LimitLists(l catalog.ListLimit) { a.lists = l }

// Change says how to treat a change.
type Change struct {
	Comment string
	DryRun  bool // validate, authorise, return the result; keep nothing
	// Delta and Merge are the JSON Patch or merge patch as it was sent, for the audit log.
	Delta, Merge []byte
}

// NewProject is what a caller gives to create a project.
type NewProject struct {
	Key                 catalog.ProjectKey
	Name                string
	Tags                []string
	DefaultAvailability *catalog.Availability // nil: with a mobile key
	Environments        []NewEnvironment      // none: test and production
}

// NewEnvironment is what a caller gives to create an environment.
type NewEnvironment struct {
	Key                catalog.EnvKey
	Name               string
	Color              string
	DefaultTTL         int
	SecureMode         bool
	DefaultTrackEvents bool
	ConfirmChanges     bool
	RequireComments    bool
	Critical           bool
	Tags               []string
	// Credentials that only administrators may choose, so that SDKs keep theirs when a project moves
	// here; empty ones are made up.
	ID        segment.EnvID
	SDKKey    string
	MobileKey string
	// Source is the environment of the project whose flag configurations the new one begins with;
	// "" for the defaults of each flag. SourceVersion is the version that it must have, 0 for any.
	Source        catalog.EnvKey
	SourceVersion int
}

// NewSegment is what a caller gives to create a segment by hand.
type NewSegment struct {
	Key         segment.Key
	Name        string
	Description string
	Tags        []string
	Unbounded   bool
	Kind        segment.ContextKind // of an unbounded segment; "" = user
}

// NewFlag is what a caller gives to create a flag.
type NewFlag struct {
	Key              catalog.FlagKey
	Name             string
	Description      string
	Variations       []catalog.Variation // none: boolean true, false
	Defaults         *catalog.Defaults   // nil: first on, last off
	Temporary        *bool               // nil: true
	Tags             []string
	Availability     *catalog.Availability // nil: the project's default
	IncludeInSnippet *bool                 // Availability.EnvironmentID by its old name; Availability counts before it
	CustomProperties map[string]catalog.CustomProperty
	MaintainerID     catalog.ID
	On               bool // initial state in every environment
	// Prerequisites in every environment from the start.
	Prerequisites []NewPrerequisite
	// CloneOf is the flag whose variations and configurations the new one begins with; "" for none.
	// Variations, Defaults, On and Prerequisites can't be given beside it; of the other fields those
	// that are set count.
	CloneOf catalog.FlagKey
}

// NewPrerequisite names the variation that a flag must serve first.
type NewPrerequisite struct {
	Key         catalog.FlagKey
	VariationID string
}

// FlagCopy says what of a flag's configuration is copied from where to where.
type FlagCopy struct {
	Source, Target               catalog.EnvKey
	SourceVersion, TargetVersion int             // of the configurations, 0 for any
	Parts                        []policy.Action // of catalog.CopyParts
}

// NewToken is what a caller gives to create an access token.
type NewToken struct {
	Name        string
	Description string
	Service     bool
	// What it may do: one of the three. A custom role is named by its id or its key.
	Role              catalog.BaseRole
	CustomRoles       []string
	InlineRole        []policy.Statement
	DefaultAPIVersion int // 0: the current one
	// Secret is what only administrators may choose; an empty one is made up.
	Secret string
	Expiry time.Time // zero: none
}

// AuditQuery selects audit entries.
type AuditQuery struct {
	After, Before time.Time
	Text          string
	Spec          string     // resource specifier; "" = all
	Actor         catalog.ID // account member, whose personal tokens count too, or token; "" = all
	// Statements select entries of which one access passes; none select all.
	Statements []policy.Statement
	Limit      int
}

// errDryRun ends an update that must keep nothing.
var errDryRun = errors.New("dry run")

// update runs fn in the scope's order and keeps what it staged, unless how says to keep nothing.
// fn may run more than once.
func (a *Admin) update(ctx context.Context, scope store.Scope, how Change, fn func(store.Tx) error) error {
	_, err := a.store.Update(ctx, scope, func(tx store.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		if how.DryRun {
			return errDryRun
		}
		return nil
	})
	if errors.Is(err, errDryRun) {
		return nil
	}
	if errors.Is(err, store.ErrNoEnvironment) {
		return fault.NotFoundf("the environment does not exist any more").Because(err)
	}
	return err
}

// updateIn runs fn in the order of an environment, with the project and the environment as they are then.
func (a *Admin) updateIn(
	ctx context.Context, p catalog.ProjectKey, e catalog.EnvKey, how Change, fn func(store.Tx, *catalog.Project, *catalog.Environment) error,
) error {
	_, env, err := findEnvironment(a.store, p, e)
	if err != nil {
		return err
	}
	return a.update(ctx, store.Scope{Env: env.ID}, how, func(tx store.Tx) error {
		project, env, err := findEnvironment(tx, p, e)
		if err != nil {
			return err
		}
		return fn(tx, project, env)
	})
}
