// Package admin is the one write path for catalog and access: it authorises each effect of a
// change on the concrete resource, validates, and commits the change with its audit entry and its
// log entry in one step. Reads go through it too, so that nothing hidden by a policy leaves it.
//
// It knows no HTTP and no JSON of the REST API: transports hand in domain values, or a function
// that changes a clone of one.
package admin

import (
	"context"
	"time"

	"muster/internal/catalog"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// Admin changes and shows what people configure. Every method takes the caller first, returns
// *fault.Error for what the caller did wrong: NotFound also for what the caller may not view,
// Forbidden with action and resource for a known object.
type Admin struct{ store store.Store }

// New returns the write path over a store.
func New(s store.Store, now func() time.Time) *Admin { return &Admin{store: s} }

// Change says how to treat a change.
type Change struct {
	Comment string
	DryRun  bool // validate, authorise, return the result; keep nothing
}

// NewProject is what a caller gives to create a project.
type NewProject struct {
	Key                       catalog.ProjectKey
	Name                      string
	Tags                      []string
	IncludeInSnippetByDefault bool
	DefaultAvailability       *catalog.Availability
	Environments              []NewEnvironment // none: test and production
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
	IncludeInSnippet *bool
	CustomProperties map[string]catalog.CustomProperty
	MaintainerID     catalog.ID
	On               bool // initial state in every environment
}

// NewToken is what a caller gives to create an access token.
type NewToken struct {
	Name              string
	Description       string
	Service           bool
	Role              catalog.BaseRole // or InlineRole
	InlineRole        []policy.Statement
	DefaultAPIVersion int // 0: the current one
}

// AuditQuery selects audit entries.
type AuditQuery struct {
	After, Before time.Time
	Text          string
	Spec          string // resource specifier; "" = all
	Limit         int
}

func (a *Admin) Projects(ctx context.Context, who catalog.Caller) ([]*catalog.Project, error) {
	panic("not built yet")
}

func (a *Admin) Project(ctx context.Context, who catalog.Caller, p catalog.ProjectKey) (*catalog.Project, error) {
	panic("not built yet")
}

func (a *Admin) CreateProject(ctx context.Context, who catalog.Caller, n NewProject) (*catalog.Project, error) {
	panic("not built yet")
}

func (a *Admin) ChangeProject(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, how Change, change func(*catalog.Project) error) (*catalog.Project, error) {
	panic("not built yet")
}

func (a *Admin) DeleteProject(ctx context.Context, who catalog.Caller, p catalog.ProjectKey) error {
	panic("not built yet")
}

// Environments returns environments with SDK and mobile keys masked for callers without
// viewSdkKey; so do the other methods that return one.
func (a *Admin) Environments(ctx context.Context, who catalog.Caller, p catalog.ProjectKey) ([]*catalog.Environment, error) {
	panic("not built yet")
}

func (a *Admin) Environment(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey) (*catalog.Environment, error) {
	panic("not built yet")
}

func (a *Admin) CreateEnvironment(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, n NewEnvironment) (*catalog.Environment, error) {
	panic("not built yet")
}

func (a *Admin) ChangeEnvironment(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, how Change, change func(*catalog.Environment) error) (*catalog.Environment, error) {
	panic("not built yet")
}

func (a *Admin) DeleteEnvironment(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey) error {
	panic("not built yet")
}

func (a *Admin) Segments(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey) ([]*catalog.Segment, error) {
	panic("not built yet")
}

func (a *Admin) Segment(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, s segment.Key) (*catalog.Segment, error) {
	panic("not built yet")
}

// SegmentFlags returns the flags with a rule that names the segment in this environment.
func (a *Admin) SegmentFlags(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, s segment.Key) ([]*catalog.Flag, error) {
	panic("not built yet")
}

func (a *Admin) CreateSegment(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, n NewSegment) (*catalog.Segment, error) {
	panic("not built yet")
}

// ChangeSegment runs change on a clone of the segment; the caller needs the action of every
// difference it makes. Name, description and tags of a synced segment count as edited by hand.
func (a *Admin) ChangeSegment(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, s segment.Key, how Change, change func(*catalog.Segment) error) (*catalog.Segment, error) {
	panic("not built yet")
}

func (a *Admin) DeleteSegment(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, s segment.Key) error {
	panic("not built yet")
}

func (a *Admin) Flags(ctx context.Context, who catalog.Caller, p catalog.ProjectKey) ([]*catalog.Flag, error) {
	panic("not built yet")
}

func (a *Admin) Flag(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, f catalog.FlagKey) (*catalog.Flag, error) {
	panic("not built yet")
}

func (a *Admin) CreateFlag(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, n NewFlag) (*catalog.Flag, error) {
	panic("not built yet")
}

func (a *Admin) ChangeFlag(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, f catalog.FlagKey, how Change, change func(*catalog.Flag) error) (*catalog.Flag, error) {
	panic("not built yet")
}

func (a *Admin) DeleteFlag(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, f catalog.FlagKey) error {
	panic("not built yet")
}

// SDKData returns the environment's flags and segments as {"flags":{…},"segments":{…}} in the SDK
// data model. Administrators only.
func (a *Admin) SDKData(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey) ([]byte, error) {
	panic("not built yet")
}

// PutSDKData creates or updates every flag and segment named in data, in one step, keeping salts,
// rule ids and versions where those grow. It deletes nothing. Administrators only.
func (a *Admin) PutSDKData(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, data []byte) error {
	panic("not built yet")
}

// Tokens returns the caller's own and all service tokens, or all for administrators who ask.
func (a *Admin) Tokens(ctx context.Context, who catalog.Caller, all bool) ([]*catalog.Token, error) {
	panic("not built yet")
}

func (a *Admin) Token(ctx context.Context, who catalog.Caller, id catalog.ID) (*catalog.Token, error) {
	panic("not built yet")
}

// CreateToken returns the token and its secret, which is kept nowhere.
func (a *Admin) CreateToken(ctx context.Context, who catalog.Caller, n NewToken) (*catalog.Token, string, error) {
	panic("not built yet")
}

func (a *Admin) DeleteToken(ctx context.Context, who catalog.Caller, id catalog.ID) error {
	panic("not built yet")
}

func (a *Admin) Members(ctx context.Context, who catalog.Caller) ([]*catalog.Member, error) {
	panic("not built yet")
}

// AuditEntries returns entries whose resource the caller may view, newest first.
func (a *Admin) AuditEntries(ctx context.Context, who catalog.Caller, q AuditQuery) ([]catalog.AuditEntry, error) {
	panic("not built yet")
}

// EnsureContextKind adds a context kind to a project if it lacks it.
func (a *Admin) EnsureContextKind(ctx context.Context, p catalog.ProjectKey, kind segment.ContextKind) error {
	panic("not built yet")
}

// Bootstrap is what a first start is given or makes up.
type Bootstrap struct {
	AdminToken   string // api-…
	SDKKey       string
	MobileKey    string
	ClientSideID segment.EnvID
}

// FirstStart creates project "default" with environments "production" and "test", an owner and an
// administrator's token, unless any project exists. It returns the credentials that hold now for
// production, AdminToken only when it was just created, and a line for each given value that
// differs from what is stored.
func (a *Admin) FirstStart(ctx context.Context, given Bootstrap) (now Bootstrap, warnings []string, err error) {
	panic("not built yet")
}
