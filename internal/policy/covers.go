package policy

import "strings"

// Covers reports whether the principal holds at least what the role would grant, so that it may
// hand the role out. It errs on the side of no: a role that it can't decide about is not covered.
func (p Principal) Covers(role Role) bool {
	return coveredBy(p.Roles, role) && (!p.Capped || coveredBy(p.Owner, role))
}

// grant is a set of actions on a set of resources, each written as one pattern.
type grant struct {
	action   string
	resource string
}

var (
	everything = grant{action: "*", resource: "*"}
	allViews   = grant{action: "view*", resource: "*"}
)

func coveredBy(holder []Role, role Role) bool {
	if role.Base == Reader && !grantCovered(holder, allViews) {
		return false
	}
	for i := range role.Policy {
		if s := &role.Policy[i]; s.Effect == Allow && !allowCovered(holder, s) {
			return false
		}
	}
	return true
}

func allowCovered(holder []Role, s *Statement) bool {
	if len(s.NotActions) > 0 || len(s.NotResources) > 0 {
		return grantCovered(holder, everything)
	}
	for _, a := range s.Actions {
		for _, r := range s.Resources {
			if !grantCovered(holder, grant{a, r}) {
				return false
			}
		}
	}
	return true
}

func grantCovered(holder []Role, g grant) bool {
	for i := range holder {
		if holder[i].covers(g) {
			return true
		}
	}
	return false
}

func (r *Role) covers(g grant) bool {
	for i := range r.Policy {
		if s := &r.Policy[i]; s.Effect == Deny && s.mayTouch(g) {
			return false
		}
	}
	if r.Base == Reader && strings.HasPrefix(g.action, "view") {
		return true
	}
	for i := range r.Policy {
		if s := &r.Policy[i]; s.Effect == Allow && s.covers(g) {
			return true
		}
	}
	return false
}

func (s *Statement) covers(g grant) bool {
	return anyGlob(s.Actions, Action(g.action)) && anyCovers(s.Resources, g.resource)
}

func anyCovers(specs []string, spec string) bool {
	for _, s := range specs {
		if specifierCovers(s, spec) {
			return true
		}
	}
	return false
}

// specifierCovers reports whether wide names every resource that narrow names.
func specifierCovers(wide, narrow string) bool {
	if wide == "*" {
		return true
	}
	if narrow == "*" {
		return false
	}
	for {
		w, wideRest, wideMore := cutLevel(wide)
		n, narrowRest, narrowMore := cutLevel(narrow)
		wl, err := parseLevel(w)
		if err != nil {
			return false
		}
		nl, err := parseLevel(n)
		if err != nil || !wl.covers(nl) || wideMore != narrowMore {
			return false
		}
		if !wideMore {
			return true
		}
		wide, narrow = wideRest, narrowRest
	}
}

func (l level) covers(narrow level) bool {
	if l.kind != narrow.kind || (l.name == "") != (narrow.name == "") ||
		strings.Contains(l.name, "${") || !glob(l.name, narrow.name) {
		return false
	}
	for quals, more := l.quals, l.quals != ""; more; {
		var q string
		q, quals, more = strings.Cut(quals, ",")
		if !implied(q, narrow.quals) {
			return false
		}
	}
	return true
}

// implied reports whether whatever meets all of quals meets qual.
func implied(qual, quals string) bool {
	selector := strings.ContainsAny(qual, "{:")
	for more := quals != ""; more; {
		var q string
		q, quals, more = strings.Cut(quals, ",")
		if q == qual || !selector && !strings.ContainsAny(q, "{:") && glob(qual, q) {
			return true
		}
	}
	return false
}

// mayTouch reports whether the statement could match something in the grant, or could hide the
// project around it.
func (s *Statement) mayTouch(g grant) bool {
	if s.mayTouchAction(g.action) && s.mayTouchResource(g.resource) {
		return true
	}
	if !s.matchesAction(ViewProject) {
		return false
	}
	project, _, _ := cutLevel(g.resource)
	return s.mayTouchResource(project)
}

func (s *Statement) mayTouchAction(action string) bool {
	if len(s.NotActions) > 0 {
		return !anyGlob(s.NotActions, Action(action))
	}
	for _, a := range s.Actions {
		if mayMeet(a, action) {
			return true
		}
	}
	return false
}

func (s *Statement) mayTouchResource(spec string) bool {
	if len(s.NotResources) > 0 {
		return !anyCovers(s.NotResources, spec)
	}
	for _, r := range s.Resources {
		if specifiersMayMeet(r, spec) {
			return true
		}
	}
	return false
}

// specifiersMayMeet reports whether two specifiers could name one resource. It leaves tags aside,
// which can come and go.
func specifiersMayMeet(a, b string) bool {
	if a == "*" || b == "*" {
		return true
	}
	for {
		x, aRest, aMore := cutLevel(a)
		y, bRest, bMore := cutLevel(b)
		xl, xErr := parseLevel(x)
		yl, yErr := parseLevel(y)
		if xErr != nil || yErr != nil {
			return true
		}
		if xl.kind != yl.kind || aMore != bMore || !mayMeet(xl.name, yl.name) {
			return false
		}
		if !aMore {
			return true
		}
		a, b = aRest, bRest
	}
}

// mayMeet reports whether some text could match both globs.
func mayMeet(a, b string) bool {
	if strings.Contains(a, "${") || strings.Contains(b, "${") {
		return true
	}
	for len(a) > 0 && len(b) > 0 && a[0] != '*' && b[0] != '*' {
		if a[0] != b[0] {
			return false
		}
		a, b = a[1:], b[1:]
	}
	if a == "" || b == "" {
		return strings.Trim(a+b, "*") == ""
	}
	for a[len(a)-1] != '*' && b[len(b)-1] != '*' {
		if a[len(a)-1] != b[len(b)-1] {
			return false
		}
		a, b = a[:len(a)-1], b[:len(b)-1]
		if a == "" || b == "" {
			return true
		}
	}
	return true
}
