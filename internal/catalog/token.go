package catalog

import (
	"slices"

	"muster/internal/fault"
	"muster/internal/policy"
)

// CurrentAPIVersion is the version of the REST API that new tokens get.
const CurrentAPIVersion = 20240415

var apiVersions = []int{20160426, 20191212, 20210729, 20220603, CurrentAPIVersion}

// Validate returns a sentence about the first field that can't be as it is.
func (t *Token) Validate() error {
	if err := checkText("name", t.Name, MaxNameLength); err != nil {
		return err
	}
	if err := checkText("description", t.Description, MaxDescriptionLength); err != nil {
		return err
	}
	if !slices.Contains(apiVersions, t.DefaultAPIVersion) {
		return fault.Invalidf("defaultApiVersion %d is not a version of the API; the current one is %d", t.DefaultAPIVersion, CurrentAPIVersion)
	}
	ways := 0
	for _, given := range []bool{t.Role != "", len(t.CustomRoles) > 0, len(t.InlineRole) > 0} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return fault.Invalidf("a token needs exactly one of role, customRoleIds and inlineRole")
	}
	switch t.Role {
	case "", RoleReader, RoleWriter, RoleAdmin:
	default:
		return fault.Invalidf("role %q of a token must be reader, writer or admin", clip(string(t.Role)))
	}
	if err := checkRolesHeld(t.CustomRoles); err != nil {
		return err
	}
	return policy.Validate(t.InlineRole)
}

func checkRolesHeld(ids []ID) error {
	if len(ids) > MaxRolesHeld {
		return fault.Invalidf("%d custom roles are named; at most %d are allowed", len(ids), MaxRolesHeld)
	}
	return nil
}
