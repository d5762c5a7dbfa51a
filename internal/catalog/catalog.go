// Package catalog holds what people configure: projects, environments, flags, the details of
// segments, access tokens, custom roles, account members, and the audit entries of changing them.
//
// It gives the types, their validation, and the meaning of a patch. Values are immutable once
// handed to the store: to change one, Clone it, change the clone, put the clone. It knows no
// storage and no HTTP; the JSON of the REST API lives in package api, the JSON of the SDK data
// model in sdkdata.go here, because the log carries it.
package catalog

import (
	"cmp"
	"time"

	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"

	"muster/internal/policy"
	"muster/internal/segment"
)

// ID is the identity of an object that has no key of its own: 24 lower-case hexadecimal digits.
type ID string

// ProjectKey is a project's key, unique in the account, immutable.
type ProjectKey string

// EnvKey is an environment's key, unique in its project, immutable.
type EnvKey string

// FlagKey is a flag's key, unique in its project, immutable.
type FlagKey string

// Project owns flags and environments.
type Project struct {
	ID                  ID
	Key                 ProjectKey
	Name                string
	Tags                []string
	DefaultAvailability Availability
	CreatedAt           time.Time
	ContextKinds        []ContextKind
	// Filters are in the order of their creation.
	Filters []*PayloadFilter `json:",omitempty"`
}

// ContextKind is a type of context that a project knows.
type ContextKind struct {
	Key         segment.ContextKind
	Name        string
	Description string
	Version     int
	CreatedAt   time.Time
	ModifiedAt  time.Time
	CreatedFrom string // "default", "auto-add" or "manual"
	Archived    bool
	Hidden      bool
}

// Availability says which client-side SDKs receive a flag.
type Availability struct {
	MobileKey     bool
	EnvironmentID bool
}

// Environment owns segments, flag configurations and credentials.
type Environment struct {
	ID                 segment.EnvID
	Project            ProjectKey
	Key                EnvKey
	Name               string
	Color              string
	DefaultTTL         int // minutes
	SecureMode         bool
	DefaultTrackEvents bool
	RequireComments    bool
	ConfirmChanges     bool
	Critical           bool
	RecordContexts     bool // which contexts SDKs send in events is remembered
	Tags               []string
	SDKKey             string
	MobileKey          string
	ExpiringSDKKeys    []ExpiringKey
	CreatedAt          time.Time
	Version            int // grows with every change
	// Resyncs is how often those who keep the members elsewhere were asked to take everything once more.
	Resyncs int
	// Guard holds the limits that were set for the segments of the environment.
	Guard *segment.GuardSettings
	// SourceGuards holds those that were set for the segments of a source, by integration key.
	SourceGuards map[string]*segment.GuardSettings
	// Sources holds what people say of the sources, by integration key.
	Sources map[string]SourceDetails
}

// ExpiringKey is a rotated SDK key that still works until Expiry.
type ExpiringKey struct {
	Key    string
	Expiry time.Time
}

// Segment is what people and SDKs know of a segment beside its members.
type Segment struct {
	ID          ID
	Env         segment.EnvID
	Key         segment.Key
	Name        string
	Description string
	Tags        []string
	CreatedAt   time.Time
	ModifiedAt  time.Time
	Version     int // grows with settings and rules, not with big membership
	Generation  segment.Generation
	// Origin is the generation with which the engine began to keep the members; 0: it still is Generation.
	Origin segment.Generation `json:",omitempty"`
	// Turn is set while the segment moves from one generation to the next.
	Turn *Turn `json:",omitempty"`
	Salt string

	// Unbounded segments keep their members in the membership engine; the lists below are empty.
	Unbounded bool
	Kind      segment.ContextKind // of an unbounded segment

	Included         []string
	Excluded         []string
	IncludedContexts []ContextTargets
	ExcludedContexts []ContextTargets
	Rules            []SegmentRule
	// Move is set while the targets of a list are moving into the membership engine.
	Move *Move

	// Source is set on a synced segment.
	Source *Source
	// Guard holds the limits that were set on this segment, Hold a run that its guard keeps. SDKs see
	// neither.
	Guard *segment.GuardSettings
	Hold  *Hold
	// Discarded is a hold that somebody decided against, as long as that can be taken back. There is none
	// beside a Hold. A synced segment differs from what its tool believes as long as it is set.
	Discarded *Discarded `json:",omitempty"`
	// ExpiresAt is when the segment is deleted, unless a rule names it: a test sync made it, and its tool has
	// synced it at no other time. Zero: never.
	ExpiresAt time.Time
}

// Move says how far the targets of a list have moved into the membership engine. Until the segment
// becomes unbounded, SDKs evaluate the list in its definition.
type Move struct {
	Kind  segment.ContextKind // of all targets, and of the unbounded segment to be
	Begun time.Time
	// Filled is when the engine's members last became those of the list, and Version the version of
	// the segment whose list that was.
	Filled  time.Time
	Version int
}

// Turn is the move of a segment from one generation to the next. While it lasts all members are
// members of both, so that SDKs find them under whichever they ask for.
type Turn struct {
	From, To segment.Generation
	Begun    time.Time
	// Taken is when every follower that was waited for had all members under To; zero: not yet. LeftOut
	// are those that were not waited for any longer.
	Taken   time.Time
	LeftOut []string
	// Switched is when To was published to SDKs; zero: they still ask for From.
	Switched time.Time
	Reason   TurnReason
}

// TurnState says how far a segment has come on its way to another generation.
type TurnState string

// How far segments have come: followers take all members under the next generation; they have, and SDKs are told
// soon; SDKs ask for it, and the one before is still there.
const (
	TurnFilling  TurnState = "filling"
	TurnWaiting  TurnState = "waiting"
	TurnSwitched TurnState = "switched"
)

// State returns how far the segment has come.
func (t *Turn) State() TurnState {
	switch {
	case !t.Switched.IsZero():
		return TurnSwitched
	case !t.Taken.IsZero():
		return TurnWaiting
	default:
		return TurnFilling
	}
}

// TurnReason says why a segment moves to another generation.
type TurnReason string

// Why segments move: somebody asked for it, or more contexts are remembered to have left than are members.
const (
	TurnRequested TurnReason = "request"
	TurnGraves    TurnReason = "graves"
)

// Hold says which run of a segment is held.
type Hold struct {
	Run     segment.RunID
	At      time.Time
	Removed int
	Reason  segment.HoldReason
	Whole   bool // the run brings a whole list
}

// Discarded is a hold that somebody decided against.
type Discarded struct {
	Hold
	Until time.Time // when what the run holds is dropped
}

// Drifted reports whether somebody else than the segment's tool changed its members, or decided against
// what the tool sent.
func (s *Segment) Drifted() bool {
	return s.Source != nil && (s.Source.Drifted || s.Discarded != nil)
}

// Ref returns the ref under which SDKs find the segment's members.
func (s *Segment) Ref() segment.Ref {
	return segment.Ref{Key: s.Key, Generation: s.Generation}
}

// Home returns the ref under which the engine keeps the segment's members. It stays the same when the
// segment moves to another generation.
func (s *Segment) Home() segment.Ref {
	return segment.Ref{Key: s.Key, Generation: cmp.Or(s.Origin, s.Generation)}
}

// Refs returns the refs under which all members are told to followers, in order: one, and two while the
// segment moves from one generation to the next.
func (s *Segment) Refs() []segment.Ref {
	if t := s.Turn; t != nil {
		return []segment.Ref{{Key: s.Key, Generation: t.From}, {Key: s.Key, Generation: t.To}}
	}
	return []segment.Ref{s.Ref()}
}

// InEngine reports whether the membership engine keeps members under the segment's ref: of an
// unbounded segment, and of one whose targets are moving there.
func (s *Segment) InEngine() bool { return s.Unbounded || s.Move != nil }

// Source says which tool owns a synced segment and which of its details people took over.
type Source struct {
	Tool         string // integration key
	ExternalID   string
	ExternalName string // the tool's latest name, also after a manual edit
	// ExternalDescription is the same for the description; empty if the tool never sent one.
	ExternalDescription string
	URL                 string // link to the cohort in the tool
	// The details that a person edited: no sync changes them any more.
	NameEdited        bool
	DescriptionEdited bool
	TagsEdited        bool
	// Who edited them last; nil if that is not known.
	NameEdit        *Edit
	DescriptionEdit *Edit
	TagsEdit        *Edit
	// Drifted marks a membership that somebody else than the tool changed.
	Drifted bool
	// Partial marks a segment recreated by a delta: it lacks the members that the tool sent before.
	Partial bool
}

// Edit says who edited something by hand, and when. It never changes.
type Edit struct {
	By segment.Actor
	At time.Time
}

// ContextTargets is a list of context keys of one kind.
type ContextTargets struct {
	Kind   segment.ContextKind
	Values []string
}

// Clause is one condition of a rule.
type Clause struct {
	ID        string // UUID
	Kind      segment.ContextKind
	Attribute string
	Op        string
	Values    []ldvalue.Value
	Negate    bool
}

// SegmentRule puts matching contexts into a segment.
type SegmentRule struct {
	ID          string
	Description string
	Clauses     []Clause
	Weight      *int // per 100,000; nil matches all
	BucketBy    string
	RolloutKind segment.ContextKind
}

// Flag is a feature flag of a project with its configuration in each environment.
type Flag struct {
	Project          ProjectKey
	Key              FlagKey
	Name             string
	Description      string
	Variations       []Variation
	Temporary        bool
	Tags             []string
	Archived         bool
	ArchivedAt       time.Time
	Deprecated       bool
	DeprecatedAt     time.Time
	MaintainerID     ID
	Defaults         Defaults
	Availability     Availability
	CustomProperties map[string]CustomProperty
	CreatedAt        time.Time
	Version          int // grows with every change in any environment
	Environments     map[EnvKey]*FlagConfig
}

// Variation is one value that a flag can serve.
type Variation struct {
	ID          string // UUID
	Value       ldvalue.Value
	Name        string
	Description string
}

// Defaults are the variations that new environments serve.
type Defaults struct {
	On, Off int
}

// CustomProperty is a named list of texts on a flag.
type CustomProperty struct {
	Name   string
	Values []string
}

// FlagConfig is a flag's targeting in one environment.
type FlagConfig struct {
	On                     bool
	Salt                   string
	Sel                    string
	Version                int // what SDKs see; grows with every change SDKs can see
	ModifiedAt             time.Time
	ModifiedBy             segment.Actor // zero: not known
	Targets                []Target
	ContextTargets         []Target
	Rules                  []FlagRule
	Fallthrough            Serve
	OffVariation           *int
	Prerequisites          []Prerequisite
	TrackEvents            bool
	TrackEventsFallthrough bool
	// Fields that only the SDK data model has; kept through a raw import.
	DebugEventsUntil     *int64 // Unix ms
	MigrationCheckRatio  *int
	Migration            bool
	SamplingRatio        *int
	ExcludeFromSummaries bool
}

// Target serves one variation to named contexts.
type Target struct {
	Kind      segment.ContextKind
	Variation int
	Values    []string
}

// FlagRule serves to contexts that match all its clauses.
type FlagRule struct {
	ID          string
	Ref         string
	Description string
	Clauses     []Clause
	Serve       Serve
	TrackEvents bool
	Disabled    bool
}

// Serve is a variation or a rollout over variations: exactly one is set.
type Serve struct {
	Variation *int
	Rollout   *Rollout
}

// Rollout spreads contexts over variations.
type Rollout struct {
	Kind       string // "" or "rollout" or "experiment"
	Context    segment.ContextKind
	BucketBy   string
	Seed       *int
	Variations []WeightedVariation
	// ExperimentAllocation is kept as it came; it only matters to the vendor's experiments.
	ExperimentAllocation ldvalue.Value
}

// WeightedVariation is a share of a rollout, in 1/1000 percent.
type WeightedVariation struct {
	Variation int
	Weight    int
	Untracked bool
}

// Prerequisite is a flag that must serve a variation first.
type Prerequisite struct {
	Key       FlagKey
	Variation int
}

// BaseRole is a built-in role of a token or account member.
type BaseRole string

// The built-in roles.
const (
	RoleReader   BaseRole = "reader"
	RoleWriter   BaseRole = "writer"
	RoleAdmin    BaseRole = "admin"
	RoleOwner    BaseRole = "owner" // exactly one account member
	RoleNoAccess BaseRole = "no_access"
)

// Token is an access token. The secret itself is never kept.
type Token struct {
	ID          ID
	Owner       ID // account member
	Name        string
	Description string
	HashedSecret
	Service bool // not capped by its owner's role
	// What it may do is one of these three.
	Role              BaseRole
	CustomRoles       []ID
	InlineRole        []policy.Statement
	DefaultAPIVersion int
	CreatedAt         time.Time
	ModifiedAt        time.Time
	UsedAt            time.Time // a while behind
	Expiry            time.Time // zero: it works until it is deleted
	SignIns           []SignIn
}

// Member is an account member: a person.
type Member struct {
	ID          ID
	Email       string
	FirstName   string
	LastName    string
	Role        BaseRole // counts when there are no custom roles
	CustomRoles []ID
	CreatedAt   time.Time
	SeenAt      time.Time // a while behind
	// Password is what is kept of the password: its salted hash, with how it was made. Empty: none.
	Password string
	SignIns  []SignIn // those by password
}

// AuditEntry records one change and who made it.
type AuditEntry struct {
	ID          ID
	At          time.Time
	Kind        string // "segment", "flag", "environment", "project", "token", ...
	Name        string // of the object
	Accesses    []Access
	Description string // Markdown
	Short       string // one line
	Comment     string
	Actor       segment.Actor
	TitleVerb   string // "updated the name of"
	Target      string // resource specifier of the object, "proj/web:env/test:segment/a"
	Project     ProjectKey
	Env         EnvKey
	Before      []byte // JSON representation, if any
	After       []byte
	Delta       []byte // JSON Patch as it was sent, if that made the change
	Merge       []byte // merge patch as it was sent
}
