package admin

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/store"
)

// MaxNewMembers is how many account members one call can add.
const MaxNewMembers = 50

// maxAccountMembers is how many people an account can have.
const maxAccountMembers = 10_000

// NewMember is what a caller gives to add an account member.
type NewMember struct {
	Email     string
	FirstName string
	LastName  string
	// Role or CustomRoles, which are named by id or key.
	Role        catalog.BaseRole
	CustomRoles []string
	Password    string // what is to be kept of it; "": no password yet
}

// memberResource is the resource of an account member; one that is about to be added has no id.
func memberResource(id catalog.ID) policy.Resource {
	return policy.Resource{{Kind: "member", Name: string(id)}}
}

func seesMember(who catalog.Caller, m *catalog.Member) bool {
	self := who.Member != nil && who.Member.ID == m.ID
	return self || who.Administers || who.Principal.Allows(policy.ViewMember, memberResource(m.ID))
}

// Members returns the account members whom the caller may see, at least the one behind the call.
func (a *Admin) Members(_ context.Context, who catalog.Caller) ([]*catalog.Member, error) {
	var visible []*catalog.Member
	for _, m := range a.store.Members() {
		if seesMember(who, m) {
			visible = append(visible, m)
		}
	}
	return visible, nil
}

// Member returns one account member.
func (a *Admin) Member(_ context.Context, who catalog.Caller, id catalog.ID) (*catalog.Member, error) {
	return findMember(a.store, who, id)
}

func findMember(from store.Catalog, who catalog.Caller, id catalog.ID) (*catalog.Member, error) {
	m, ok := from.Member(id)
	if !ok || !seesMember(who, m) {
		return nil, fault.NotFoundf("there is no account member %.80q that this credential may view", id)
	}
	return m, nil
}

func memberDone(verb string, before, after *catalog.Member) done {
	m := cmp.Or(after, before)
	return done{kind: "member", name: m.Email, verb: verb, on: memberResource(m.ID), before: withoutSecrets(before), after: withoutSecrets(after)}
}

func withoutSecrets(m *catalog.Member) *catalog.Member {
	if m == nil {
		return nil
	}
	c := *m
	c.Password, c.SignIns = "", nil
	return &c
}

// toAddMembers is what adding account members needs.
var toAddMembers = effects{{policy.CreateMember, memberResource("")}}

// MayAddMembers refuses a caller who can't add so many account members. It is asked before their passwords
// are hashed, which is work.
func (a *Admin) MayAddMembers(who catalog.Caller, n int) error {
	if n == 0 || n > MaxNewMembers {
		return fault.Invalidf("the body names %d account members; give 1 to %d", n, MaxNewMembers)
	}
	return toAddMembers.authorise(who)
}

// AddMembers adds account members, all of them or none. None gets more than the caller has.
func (a *Admin) AddMembers(ctx context.Context, who catalog.Caller, news []NewMember) ([]*catalog.Member, error) {
	if err := a.MayAddMembers(who, len(news)); err != nil {
		return nil, err
	}
	if doubled := doubledEmails(news); len(doubled) > 0 {
		return nil, emailFault(fault.CodeDuplicateEmails, doubled, "the body names %s more than once", listed("the addresses", doubled))
	}
	var added []*catalog.Member
	err := a.update(ctx, store.Account, Change{}, func(tx store.Tx) error {
		added = nil
		known := map[string]bool{}
		for _, m := range tx.Members() {
			known[strings.ToLower(m.Email)] = true
		}
		if total := len(known) + len(news); total > maxAccountMembers {
			return fault.TooLargef("the account would have %d members; at most %d are allowed", total, maxAccountMembers)
		}
		var taken []string
		for _, n := range news {
			if known[strings.ToLower(n.Email)] {
				taken = append(taken, n.Email)
			}
		}
		if len(taken) > 0 {
			return emailFault(fault.CodeEmailExists, taken, "%s belong to account members already", listed("the addresses", taken))
		}
		for i, n := range news {
			m, err := a.newMember(tx, who, n)
			if err != nil {
				return within(i, err)
			}
			tx.PutMember(m)
			if err := a.audit(tx, who, toAddMembers, memberDone("added the account member", nil, m)); err != nil {
				return err
			}
			added = append(added, m)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return added, nil
}

func (a *Admin) newMember(tx store.Tx, who catalog.Caller, n NewMember) (*catalog.Member, error) {
	if (n.Role == "") == (len(n.CustomRoles) == 0) {
		return nil, fault.Invalidf("an account member needs either a role or customRoles")
	}
	if n.Role == catalog.RoleOwner {
		return nil, fault.Invalidf("there is one owner; give the role admin")
	}
	roles, err := resolveRoles(tx, n.CustomRoles)
	if err != nil {
		return nil, err
	}
	m := &catalog.Member{
		ID: catalog.NewID(), Email: n.Email, FirstName: n.FirstName, LastName: n.LastName,
		// Without custom roles nothing may be left that nobody gave.
		Role: cmp.Or(n.Role, catalog.RoleNoAccess), CustomRoles: roles, Password: n.Password, CreatedAt: a.now(),
	}
	if err := m.Validate(); err != nil {
		return nil, err
	}
	return m, checkCovered(who, "the account member "+m.Email, m.Grants(tx.Role))
}

func doubledEmails(news []NewMember) []string {
	seen := map[string]bool{}
	var doubled []string
	for _, n := range news {
		email := strings.ToLower(n.Email)
		if seen[email] && !slices.Contains(doubled, n.Email) {
			doubled = append(doubled, n.Email)
		}
		seen[email] = true
	}
	return doubled
}

func emailFault(code fault.Code, emails []string, format string, args ...any) error {
	f := fault.New(fault.Invalid, code, format, args...)
	f.Emails = emails
	return f
}

// within names the element in which a value was wrong.
func within(i int, err error) error {
	f := fault.From(err)
	if f.Kind == fault.Internal {
		return err
	}
	return fault.New(f.Kind, f.Code, "element %d: %s", i, f.Message).Because(err)
}

// ChangeMember runs change on a clone of the account member, of whom the roles can change and, by the
// account member alone, name and address. The caller needs the action of every difference of roles and
// may hand out no more than it has. Custom roles may be named by their keys. change may run more than once.
func (a *Admin) ChangeMember(ctx context.Context, who catalog.Caller, id catalog.ID, how Change, change func(*catalog.Member) error) (*catalog.Member, error) {
	var result *catalog.Member
	err := a.update(ctx, store.Account, how, func(tx store.Tx) error {
		before, err := findMember(tx, who, id)
		if err != nil {
			return err
		}
		after := before.Clone()
		if err := change(after); err != nil {
			return err
		}
		if after.CustomRoles, err = resolveRoles(tx, namesOf(after.CustomRoles)); err != nil {
			return err
		}
		result = before
		es := memberEffects(before, after)
		renamed := before.FirstName != after.FirstName || before.LastName != after.LastName || before.Email != after.Email
		if len(es) == 0 && !renamed {
			return nil
		}
		if renamed {
			if err := checkRenamed(tx, who, before, after); err != nil {
				return err
			}
		}
		if err := es.authorise(who); err != nil {
			return err
		}
		if err := after.Validate(); err != nil {
			return err
		}
		verb := "updated the name or address of"
		if len(es) > 0 {
			verb = "updated the roles of"
			switch {
			case before.Role == catalog.RoleOwner:
				return fault.Forbiddenf("the roles of the owner of the account can't be changed")
			case after.Role == catalog.RoleOwner:
				return fault.Invalidf("there is one owner; give the role admin")
			}
			if err := checkCovered(who, "the account member "+after.Email, after.Grants(tx.Role)); err != nil {
				return err
			}
		}
		tx.PutMember(after)
		result = after
		d := memberDone(verb, before, after)
		d.how = how
		return a.audit(tx, who, es, d)
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// checkRenamed refuses another name or address that the caller may not give, or that somebody else has.
func checkRenamed(tx store.Tx, who catalog.Caller, before, after *catalog.Member) error {
	if err := checkOneself(tx, who, before); err != nil {
		return err
	}
	for _, m := range tx.Members() {
		if m.ID != after.ID && strings.EqualFold(m.Email, after.Email) {
			return emailFault(fault.CodeEmailExists, []string{after.Email}, "%s belongs to another account member already", after.Email)
		}
	}
	return nil
}

// DeleteMember deletes an account member with the personal tokens. Service tokens stay.
func (a *Admin) DeleteMember(ctx context.Context, who catalog.Caller, id catalog.ID) error {
	return a.update(ctx, store.Account, Change{}, func(tx store.Tx) error {
		m, err := findMember(tx, who, id)
		if err != nil {
			return err
		}
		es := effects{{policy.DeleteMember, memberResource(id)}}
		if err := es.authorise(who); err != nil {
			return err
		}
		if m.Role == catalog.RoleOwner {
			return fault.Forbiddenf("the owner of the account can't be deleted")
		}
		for _, t := range tx.Tokens() {
			if t.Owner == id && !t.Service {
				tx.DeleteToken(t.ID)
			}
		}
		tx.DeleteMember(id)
		return a.audit(tx, who, es, memberDone("deleted the account member", m, nil))
	})
}
