package policy

// BuiltIn returns the role that a built-in role word stands for: reader, writer, admin, owner or
// no_access. That the owner is nobody else's to change is not a matter of policy.
func BuiltIn(word string) (Role, bool) {
	r := Role{Name: word, Base: Reader}
	switch word {
	case "reader":
	case "writer":
		r.Policy = []Statement{{Effect: Allow, Actions: []string{"*"}, Resources: []string{
			"proj/*", "proj/*:env/*", "proj/*:env/*:segment/*", "proj/*:env/*:flag/*",
			"proj/*:context-kind/*", "proj/*:payload-filter/*", "integration/*", "webhook/*",
		}}}
	case "admin", "owner":
		r.Policy = []Statement{{Effect: Allow, Actions: []string{"*"}, Resources: []string{"*"}}}
	case "no_access":
		r.Base = NoAccess
	default:
		return Role{}, false
	}
	return r, true
}
