package catalog

import (
	"cmp"
	"net/mail"
	"slices"
	"strings"

	"muster/internal/fault"
)

const maxEmailLength = 254

// Validate returns a sentence about the first field that can't be as it is.
func (m *Member) Validate() error {
	if a, err := mail.ParseAddress(m.Email); err != nil || a.Address != m.Email || len(m.Email) > maxEmailLength {
		return fault.Invalidf("email %q is not an address such as ann@example.com of at most %d bytes", clip(m.Email), maxEmailLength)
	}
	if err := checkText("firstName", m.FirstName, MaxNameLength); err != nil {
		return err
	}
	if err := checkText("lastName", m.LastName, MaxNameLength); err != nil {
		return err
	}
	if !slices.Contains([]BaseRole{RoleReader, RoleWriter, RoleAdmin, RoleOwner, RoleNoAccess}, m.Role) {
		return fault.Invalidf("role %q of an account member must be reader, writer, admin or no_access", clip(string(m.Role)))
	}
	return checkRolesHeld(m.CustomRoles)
}

// DisplayName is how the account member is called.
func (m *Member) DisplayName() string {
	return cmp.Or(strings.TrimSpace(m.FirstName+" "+m.LastName), m.Email)
}
