package policy

import (
	"slices"
	"strings"

	"muster/internal/fault"
)

// String returns the specifier of the resource, without tags: "proj/web:env/test:segment/a". An
// object whose id does not exist yet is written "webhook/*".
func (r Resource) String() string { return r.text(false) }

// Tagged returns the specifier with what statements can ask of each level, as [ParseResource] reads
// it: "proj/web:env/test;eu,{critical:true}:segment/a;synced".
func (r Resource) Tagged() string { return r.text(true) }

func (r Resource) text(tagged bool) string {
	var b strings.Builder
	for i := range r {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(r[i].Kind)
		switch {
		case r[i].Name != "":
			b.WriteString("/" + r[i].Name)
		case r[i].Kind != accountKind:
			b.WriteString("/*")
		}
		if tagged {
			b.WriteString(r[i].quals())
		}
	}
	return b.String()
}

// quals returns what stands behind the name of a part.
func (p *Part) quals() string {
	quals := slices.Clone(p.Tags)
	if p.Critical {
		quals = append(quals, "{critical:true}")
	}
	if len(quals) == 0 {
		return ""
	}
	return ";" + strings.Join(quals, ",")
}

// ParseResource reads a concrete resource, each level with its tags behind a semicolon and, for
// an environment, with its {critical:true}: the inverse of [Resource.Tagged].
func ParseResource(spec string) (Resource, error) {
	if spec == "" {
		return nil, fault.Invalidf("the resource %s", errEmpty)
	}
	var r Resource
	for rest, more := spec, true; more; {
		var first string
		first, rest, more = cutLevel(rest)
		l, err := parseLevel(first)
		if err != nil {
			return nil, fault.Invalidf("the resource %q %s", spec, err)
		}
		p, ok := l.part()
		if !ok {
			return nil, fault.Invalidf("the resource %q is not one concrete resource", spec)
		}
		r = append(r, p)
	}
	return r, nil
}

// part returns the part that a level without wildcards names.
func (l level) part() (Part, bool) {
	if (l.name == "") != (l.kind == accountKind) {
		return Part{}, false
	}
	p := Part{Kind: l.kind, Name: l.name}
	if p.Name == "*" {
		p.Name = ""
	}
	if strings.ContainsAny(p.Name, "*{}") {
		return Part{}, false
	}
	if l.quals == "" {
		return p, true
	}
	p.Tags = strings.Split(l.quals, ",")
	p.Tags = slices.DeleteFunc(p.Tags, func(q string) bool {
		set := l.kind == "env" && (q == "{critical:true}" || q == "critical:true")
		p.Critical = p.Critical || set
		return set
	})
	for _, tag := range p.Tags {
		if strings.ContainsAny(tag, "*{}:") {
			return Part{}, false
		}
	}
	return p, true
}
