package policy

// Allows reports whether the principal may do the action on the resource.
func (p Principal) Allows(action Action, on Resource) bool { panic("not built yet") }

// String returns the specifier of the resource, without tags: "proj/web:env/test:segment/a".
func (r Resource) String() string { panic("not built yet") }

// Validate returns an error that names the first wrong statement by its index.
func Validate(statements []Statement) error { panic("not built yet") }
