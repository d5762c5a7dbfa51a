package policy

import (
	"errors"
	"strings"
)

// Specifiers are matched straight from their text: that costs less than keeping parsed ones in
// step with policies that change, and allocates nothing.

var (
	errEmpty     = errors.New("is empty")
	errEmptyPart = errors.New("has an empty part")
	errNoName    = errors.New("has a slash without a name behind it")
	errKind      = errors.New("has a wildcard in the kind of a part")
	errQualifier = errors.New("has an empty tag or selector")
	errSecond    = errors.New("has a second semicolon in one part")
	errBrace     = errors.New("has a brace without its partner")
)

// accountKind is the one kind whose resource has no name.
const accountKind = "acct"

// level is one part of a specifier.
type level struct {
	kind  string
	name  string // glob, empty when the part has no slash
	quals string // qualifiers as written, without the semicolon
}

// cutLevel splits the first part off a specifier. A colon inside braces, or inside a selector
// written without braces, separates nothing.
func cutLevel(spec string) (first, rest string, more bool) {
	qual := -1 // where the present qualifier begins
	inBrace := false
	for i := range len(spec) {
		switch c := spec[i]; {
		case c == '{':
			inBrace = true
		case c == '}':
			inBrace = false
		case inBrace:
		case c == ';', c == ',' && qual >= 0:
			qual = i + 1
		case c == ':':
			if qual < 0 || !bareSelector(spec[qual:i], spec[i+1:]) {
				return spec[:i], spec[i+1:], true
			}
		}
	}
	return spec, "", false
}

// bareSelector reports whether a qualifier and what follows its colon are one selector, as in
// "critical:true" and "view:beta", rather than a tag and the next part.
func bareSelector(qual, rest string) bool {
	if end := strings.IndexAny(rest, ",:;"); end >= 0 {
		rest = rest[:end]
	}
	switch qual {
	case "critical":
		return rest == "true" || rest == "false"
	case "view":
		return rest != "" && !strings.Contains(rest, "/")
	}
	return false
}

func parseLevel(s string) (level, error) {
	// LaunchDarkly's own specification writes "proj/*:env/*;qa_*:/flag/*".
	s = strings.TrimPrefix(s, "/")
	if !balanced(s) {
		return level{}, errBrace
	}
	head, quals, qualified := strings.Cut(s, ";")
	var l level
	var named bool
	l.kind, l.name, named = strings.Cut(head, "/")
	l.quals = quals
	switch {
	case l.kind == "":
		return level{}, errEmptyPart
	case strings.Contains(l.kind, "*"):
		return level{}, errKind
	case named && l.name == "":
		return level{}, errNoName
	case qualified && quals == "":
		return level{}, errQualifier
	case strings.Contains(quals, ";"):
		return level{}, errSecond
	}
	for more := qualified; more; {
		var q string
		q, quals, more = strings.Cut(quals, ",")
		if q == "" {
			return level{}, errQualifier
		}
	}
	return l, nil
}

func balanced(s string) bool {
	open := false
	for i := range len(s) {
		switch s[i] {
		case '{':
			if open {
				return false
			}
			open = true
		case '}':
			if !open {
				return false
			}
			open = false
		}
	}
	return !open
}

// checkSpecifier returns what is wrong with a specifier, nil if nothing is.
func checkSpecifier(spec string) error {
	if spec == "" {
		return errEmpty
	}
	if spec == "*" {
		return nil
	}
	for more := true; more; {
		var first string
		first, spec, more = cutLevel(spec)
		if _, err := parseLevel(first); err != nil {
			return err
		}
	}
	return nil
}

// matchSpecifier reports whether the specifier names the resource.
func matchSpecifier(spec string, on Resource) bool {
	if spec == "*" {
		return true
	}
	for i := range on {
		first, rest, more := cutLevel(spec)
		l, err := parseLevel(first)
		if err != nil || !l.matches(&on[i]) || more != (i < len(on)-1) {
			return false
		}
		spec = rest
	}
	return len(on) > 0
}

func (l level) matches(p *Part) bool {
	if l.kind != p.Kind || (l.name == "") != (l.kind == accountKind) {
		return false
	}
	if strings.Contains(l.name, "${") || !glob(l.name, p.Name) {
		return false
	}
	for quals, more := l.quals, l.quals != ""; more; {
		var q string
		q, quals, more = strings.Cut(quals, ",")
		if !qualifies(q, p) {
			return false
		}
	}
	return true
}

// qualifies reports whether a qualifier holds for a part. Views and role attributes do not exist
// here, so a qualifier that needs one holds for nothing.
func qualifies(qual string, p *Part) bool {
	switch qual {
	case "{critical:true}", "critical:true":
		return p.Kind == "env" && p.Critical
	case "{critical:false}", "critical:false":
		return p.Kind == "env" && !p.Critical
	}
	if strings.ContainsAny(qual, "{:") {
		return false
	}
	for _, tag := range p.Tags {
		if glob(qual, tag) {
			return true
		}
	}
	return false
}

// glob reports whether the pattern, in which each star stands for any run of bytes, matches all
// of s. A star in s is matched by stars only, so it also tells that one pattern covers another.
func glob(pattern, s string) bool {
	star, back := -1, 0
	p, i := 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, back = p, i
			p++
		case p < len(pattern) && pattern[p] == s[i]:
			p++
			i++
		case star >= 0:
			back++
			p, i = star+1, back
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
