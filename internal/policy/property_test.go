package policy

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The vocabulary is small so that statements and resources meet often.
var (
	names   = rapid.SampledFrom([]string{"a", "ab", "b", "crm-a"})
	globs   = rapid.SampledFrom([]string{"*", "a", "a*", "*b", "ab", "crm-*", "${roleAttribute/x}"})
	quals   = rapid.SampledFrom([]string{"", "", "", ";t1", ";t1,t2", ";t*", ";{critical:true}", ";critical:false", ";view:v"})
	tags    = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"t1", "t2", "u"}), 0, 3, rapid.ID)
	effects = rapid.SampledFrom([]Effect{Allow, Allow, Deny})
	entries = rapid.SampledFrom([]string{"*", "view*", "update*", "updateIncluded", "viewProject", "deleteSegment"})
	actions = rapid.SampledFrom([]Action{ViewProject, UpdateIncluded, DeleteSegment, UpdateTags, ViewMembers})
	kinds   = rapid.SampledFrom([][]string{
		{"proj"}, {"proj", "env"}, {"proj", "env", "segment"}, {"proj", "env", "segment"}, {"webhook"}, {"acct"},
	})
)

var resources = rapid.Custom(func(t *rapid.T) Resource {
	var r Resource
	for _, kind := range kinds.Draw(t, "kinds") {
		p := Part{Kind: kind}
		if kind != accountKind {
			p.Name, p.Tags = names.Draw(t, "name"), tags.Draw(t, "tags")
		}
		p.Critical = kind == "env" && rapid.Bool().Draw(t, "critical")
		r = append(r, p)
	}
	return r
})

var specifiers = rapid.Custom(func(t *rapid.T) string {
	spec := ""
	for i, kind := range kinds.Draw(t, "kinds") {
		if i > 0 {
			spec += ":"
		}
		spec += kind
		if kind != accountKind {
			spec += "/" + globs.Draw(t, "glob") + quals.Draw(t, "quals")
		}
	}
	if rapid.IntRange(0, 5).Draw(t, "star") == 0 {
		return "*"
	}
	return spec
})

var statements = rapid.Custom(func(t *rapid.T) Statement {
	s := Statement{Effect: effects.Draw(t, "effect")}
	if specs := rapid.SliceOfN(specifiers, 1, 3).Draw(t, "resources"); rapid.IntRange(0, 5).Draw(t, "complement") == 0 {
		s.NotResources = specs
	} else {
		s.Resources = specs
	}
	if list := rapid.SliceOfN(entries, 1, 3).Draw(t, "actions"); rapid.IntRange(0, 5).Draw(t, "complement") == 0 {
		s.NotActions = list
	} else {
		s.Actions = list
	}
	return s
})

var someRole = rapid.Custom(func(t *rapid.T) Role {
	return Role{
		Base:   rapid.SampledFrom([]Base{NoAccess, Reader}).Draw(t, "base"),
		Policy: rapid.SliceOfN(statements, 0, 4).Draw(t, "policy"),
	}
})

func TestPolicyProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		role := someRole.Draw(t, "role")
		on, action := resources.Draw(t, "resource"), actions.Draw(t, "action")
		if err := Validate(role.Policy); err != nil {
			t.Fatalf("a well-formed policy is refused: %v", err)
		}
		granted := (Principal{Roles: []Role{role}}).Allows(action, on)

		stricter := role
		deny := statements.Draw(t, "deny")
		deny.Effect = Deny
		stricter.Policy = append(slices.Clone(role.Policy), deny)
		if (Principal{Roles: []Role{stricter}}).Allows(action, on) && !granted {
			t.Fatal("a further deny granted more")
		}

		shuffled := role
		shuffled.Policy = slices.Clone(role.Policy)
		seed := rapid.Uint64().Draw(t, "seed")
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(shuffled.Policy), func(i, j int) {
			shuffled.Policy[i], shuffled.Policy[j] = shuffled.Policy[j], shuffled.Policy[i]
		})
		if (Principal{Roles: []Role{shuffled}}).Allows(action, on) != granted {
			t.Fatal("the order of statements matters")
		}

		other := someRole.Draw(t, "other role")
		if granted && !(Principal{Roles: []Role{other, role}}).Allows(action, on) {
			t.Fatal("a further role took something away")
		}
		if (Principal{Roles: []Role{role}, Owner: []Role{other}, Capped: true}).Allows(action, on) &&
			!(Principal{Roles: []Role{other}}).Allows(action, on) {
			t.Fatal("a token may do more than its owner")
		}
	})
}

func TestCoveredRoleGrantsNoMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		holder := Principal{Roles: rapid.SliceOfN(someRole, 1, 2).Draw(t, "holder")}
		role := someRole.Draw(t, "role")
		if !holder.Covers(role) {
			return
		}
		for range 5 {
			on, action := resources.Draw(t, "resource"), actions.Draw(t, "action")
			if (Principal{Roles: []Role{role}}).Allows(action, on) && !holder.Allows(action, on) {
				t.Fatalf("handed out %s on %s without holding it", action, on)
			}
		}
	})
}

func TestResourceTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		on := resources.Draw(t, "resource")
		back, err := ParseResource(on.String())
		if err != nil {
			t.Fatal(err)
		}
		if back.String() != on.String() {
			t.Fatalf("%q became %q", on, back)
		}
		if back, err = ParseResource(on.Tagged()); err != nil || back.Tagged() != on.Tagged() {
			t.Fatalf("%q became %q: %v", on.Tagged(), back.Tagged(), err)
		}
	})
}

func FuzzSpecifier(f *testing.F) {
	for _, seed := range []string{
		"*", "acct", "proj/*", "proj/web:env/*;qa_*,{critical:true}:segment/crm-*", "proj/*:env/*;critical:false:/flag/*",
		"proj/${roleAttribute/devProjects}:env/staging", "flag/*;view:beta", "proj/x::flag/y", "proj/x:env/y;{critical:true",
		"}{", ";;", "proj/*;view:", "proj/a;critical:true:env/b;critical:x", "/proj/*********************a",
	} {
		f.Add(seed, "updateIncluded")
	}
	on := parse(f, "proj/web:env/test;qa_eu,{critical:true}:segment/crm-a;t1")
	f.Fuzz(func(t *testing.T, spec, action string) {
		valid := checkSpecifier(spec) == nil
		matched := matchSpecifier(spec, on)
		if matched && !valid {
			t.Fatalf("invalid specifier %q matches", spec)
		}
		if valid && !specifiersMayMeet(spec, spec) {
			t.Fatalf("%q does not meet itself", spec)
		}
		if matched && !specifiersMayMeet(spec, on.String()) {
			t.Fatalf("%q matches what it may not meet", spec)
		}
		p := Principal{Roles: []Role{{Base: Reader, Policy: []Statement{
			{Effect: Allow, Actions: []string{action}, Resources: []string{spec}},
			{Effect: Deny, NotActions: []string{action}, NotResources: []string{spec}},
		}}}}
		p.Allows(Action(action), on)
		p.Covers(p.Roles[0])
		if r, err := ParseResource(spec); err == nil {
			if !valid {
				t.Fatalf("ParseResource took the invalid %q", spec)
			}
			if back, err := ParseResource(r.String()); err != nil || back.String() != r.String() {
				t.Fatalf("%q reads back as %q: %v", r, back, err)
			}
		}
	})
}
