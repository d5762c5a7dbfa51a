// Package policy is the access language: statements over actions and resources, and the one
// evaluator that every check goes through.
//
// The language is that of LaunchDarkly's custom roles. The package is pure: it knows no catalog,
// no tokens and no HTTP. Callers hand in the concrete resource with its tags and get yes or no.
package policy

import "slices"

// Effect is what a matching statement does.
type Effect string

// The two effects.
const (
	Allow Effect = "allow"
	Deny  Effect = "deny"
)

// Statement is one element of a policy. Exactly one of Resources and NotResources, and exactly
// one of Actions and NotActions, is set. Statements are kept and returned exactly as they came.
type Statement struct {
	Effect       Effect
	Resources    []string
	NotResources []string
	Actions      []string
	NotActions   []string
}

// Clone returns a copy that shares nothing changeable with s.
func (s Statement) Clone() Statement {
	s.Resources, s.NotResources = slices.Clone(s.Resources), slices.Clone(s.NotResources)
	s.Actions, s.NotActions = slices.Clone(s.Actions), slices.Clone(s.NotActions)
	return s
}

// Equal reports whether two statements are written the same.
func (s Statement) Equal(o Statement) bool {
	return s.Effect == o.Effect && slices.Equal(s.Resources, o.Resources) && slices.Equal(s.NotResources, o.NotResources) &&
		slices.Equal(s.Actions, o.Actions) && slices.Equal(s.NotActions, o.NotActions)
}

// Base is what a role grants where none of its statements matches.
type Base string

// The base permissions.
const (
	NoAccess Base = "no_access"
	Reader   Base = "reader" // every action that begins with "view"
)

// Role is a base permission and a policy, evaluated together: inside one role a matching deny wins
// over every allow.
type Role struct {
	Name   string
	Base   Base
	Policy []Statement
}

// Action is something that can be done to a resource, such as "updateIncluded".
type Action string

// The actions that muster checks today.
const (
	ViewProject Action = "viewProject"

	CreateSegment     Action = "createSegment"
	DeleteSegment     Action = "deleteSegment"
	UpdateName        Action = "updateName"
	UpdateDescription Action = "updateDescription"
	UpdateTags        Action = "updateTags"
	UpdateIncluded    Action = "updateIncluded"
	UpdateExcluded    Action = "updateExcluded"
	UpdateRules       Action = "updateRules"
	ViewMembers       Action = "viewMembers"
	// What LaunchDarkly has no action for: wire names of muster's own, all on segments.
	RollbackSegment     Action = "rollbackSegment"
	ReplaceMembers      Action = "replaceMembers"
	OverrideShrinkGuard Action = "overrideShrinkGuard"
	UpdateGuard         Action = "updateGuard"
	ExportMembers       Action = "exportMembers"

	UpdateEnvironmentSettings Action = "updateEnvironmentSettings" // muster's own, on an environment: those who follow it and the sources that sync into it

	VerifyStore Action = "verifyStore" // on the account

	CreateProject      Action = "createProject"
	DeleteProject      Action = "deleteProject"
	CreateEnvironment  Action = "createEnvironment"
	DeleteEnvironment  Action = "deleteEnvironment"
	ViewSDKKey         Action = "viewSdkKey"
	CreateFlag         Action = "createFlag"
	CloneFlag          Action = "cloneFlag"
	DeleteFlag         Action = "deleteFlag"
	CreateContextKind  Action = "createContextKind"
	CreateAccessToken  Action = "createAccessToken"
	DeleteAccessToken  Action = "deleteAccessToken"
	UpdateOn           Action = "updateOn"
	UpdateTargets      Action = "updateTargets"
	UpdateFallthrough  Action = "updateFallthrough"
	UpdateOffVariation Action = "updateOffVariation"

	UpdateProjectName                   Action = "updateProjectName"
	UpdateDefaultClientSideAvailability Action = "updateDefaultClientSideAvailability"
	UpdateContextKind                   Action = "updateContextKind"
	UpdateColor                         Action = "updateColor"
	UpdateTTL                           Action = "updateTtl"
	UpdateAPIKey                        Action = "updateApiKey"
	UpdateMobileKey                     Action = "updateMobileKey"
	UpdateSecureMode                    Action = "updateSecureMode"
	UpdateDefaultTrackEvents            Action = "updateDefaultTrackEvents"
	UpdateRequireComments               Action = "updateRequireComments"
	UpdateConfirmChanges                Action = "updateConfirmChanges"
	UpdateCritical                      Action = "updateCritical"
	UpdateTemporary                     Action = "updateTemporary"
	UpdateGlobalArchived                Action = "updateGlobalArchived"
	UpdateDeprecated                    Action = "updateDeprecated"
	UpdateFlagVariations                Action = "updateFlagVariations"
	UpdateFlagDefaultVariations         Action = "updateFlagDefaultVariations"
	UpdateFlagCustomProperties          Action = "updateFlagCustomProperties"
	UpdateClientSideFlagAvailability    Action = "updateClientSideFlagAvailability"
	UpdateMaintainer                    Action = "updateMaintainer"
	UpdatePrerequisites                 Action = "updatePrerequisites"
	UpdateTrackEvents                   Action = "updateTrackEvents"
	CopyFlagConfigFrom                  Action = "copyFlagConfigFrom"
	CopyFlagConfigTo                    Action = "copyFlagConfigTo"
	UpdateFlagSalt                      Action = "updateFlagSalt"
	UpdateFlagConfigMigrationSettings   Action = "updateFlagConfigMigrationSettings"
	ImportSDKData                       Action = "importSdkData"

	CreateRole            Action = "createRole"
	DeleteRole            Action = "deleteRole"
	UpdatePolicy          Action = "updatePolicy"
	UpdateBasePermissions Action = "updateBasePermissions"

	CreateMember     Action = "createMember"
	DeleteMember     Action = "deleteMember"
	UpdateRole       Action = "updateRole"
	UpdateCustomRole Action = "updateCustomRole"
	// LaunchDarkly publishes no action for it.
	UpdateMemberPassword Action = "updateMemberPassword"

	CreateWebhook           Action = "createWebhook"
	DeleteWebhook           Action = "deleteWebhook"
	UpdateURL               Action = "updateUrl"
	UpdateSecret            Action = "updateSecret"
	UpdateStatements        Action = "updateStatements"
	CreateRelayConfig       Action = "createRelayAutoConfiguration"
	DeleteRelayConfig       Action = "deleteRelayAutoConfiguration"
	ResetRelayConfig        Action = "resetRelayAutoConfiguration"
	UpdateRelayConfigName   Action = "updateRelayAutoConfigurationName"
	UpdateRelayConfigPolicy Action = "updateRelayAutoConfigurationPolicy"

	// LaunchDarkly publishes no actions for these.
	UpdateRecordContexts Action = "updateRecordContexts" // on an environment
	CreatePayloadFilter  Action = "createPayloadFilter"
	UpdatePayloadFilter  Action = "updatePayloadFilter"
	DeletePayloadFilter  Action = "deletePayloadFilter"

	CreateIntegration   Action = "createIntegration"
	DeleteIntegration   Action = "deleteIntegration"
	UpdateConfiguration Action = "updateConfiguration"

	ResetAccessToken             Action = "resetAccessToken"
	UpdateAccessTokenName        Action = "updateAccessTokenName"
	UpdateAccessTokenDescription Action = "updateAccessTokenDescription"
	UpdateAccessTokenPolicy      Action = "updateAccessTokenPolicy"
	UpdateAccessTokenExpiry      Action = "updateAccessTokenExpiry"

	// What LaunchDarkly shows to everybody: wire names of muster's own, in every reader's base.
	ViewRole        Action = "viewRole"
	ViewMember      Action = "viewMember"
	ViewAccessToken Action = "viewAccessToken"
	ViewWebhook     Action = "viewWebhook"
	ViewRelayConfig Action = "viewRelayAutoConfiguration"
)

// Part is one level of a concrete resource, such as the environment in
// "proj/web:env/production:segment/vip". Name is empty for an object whose id does not exist yet.
type Part struct {
	Kind     string
	Name     string
	Tags     []string
	Critical bool // of an environment
}

// Resource is a concrete resource with what its levels carry at this moment.
type Resource []Part

// Principal is who asks: the roles that grant, and for a personal token the roles of its owner
// that cap them. The zero Principal may do nothing.
type Principal struct {
	// Roles are united: the most permissive wins.
	Roles []Role
	// Owner caps Roles when Capped is true.
	Owner  []Role
	Capped bool
}
