package policy

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

type roleCase struct {
	Base   Base `json:"base"`
	Policy []struct {
		Effect       Effect   `json:"effect"`
		Resources    []string `json:"resources"`
		NotResources []string `json:"notResources"`
		Actions      []string `json:"actions"`
		NotActions   []string `json:"notActions"`
	} `json:"policy"`
}

func (c roleCase) role() Role {
	r := Role{Base: c.Base}
	for _, s := range c.Policy {
		r.Policy = append(r.Policy, Statement(s))
	}
	return r
}

func roles(cases []roleCase) []Role {
	var rs []Role
	for _, c := range cases {
		rs = append(rs, c.role())
	}
	return rs
}

func TestWrittenCases(t *testing.T) {
	file, err := os.Open("testdata/cases.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	n := 0
	for lines := bufio.NewScanner(file); lines.Scan(); n++ {
		var c struct {
			Name     string     `json:"name"`
			Roles    []roleCase `json:"roles"`
			Owner    []roleCase `json:"owner"`
			Action   Action     `json:"action"`
			Resource string     `json:"resource"`
			Expect   string     `json:"expect"`
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		t.Run(c.Name, func(t *testing.T) {
			p := Principal{Roles: roles(c.Roles), Owner: roles(c.Owner), Capped: c.Owner != nil}
			for _, r := range p.Roles {
				if err := Validate(r.Policy); err != nil {
					t.Errorf("Validate: %v", err)
				}
			}
			got := "deny"
			if p.Allows(c.Action, parse(t, c.Resource)) {
				got = "allow"
			}
			if got != c.Expect {
				t.Errorf("%s on %s: %s, want %s", c.Action, c.Resource, got, c.Expect)
			}
		})
	}
	if n != 27 {
		t.Errorf("read %d cases, want 27", n)
	}
}

func parse(t testing.TB, spec string) Resource {
	t.Helper()
	r, err := ParseResource(spec)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSpecifierMatches(t *testing.T) {
	tests := []struct {
		name     string
		spec     string
		resource string
		want     bool
	}{
		{"a bare star names the account", "*", "acct", true},
		{"a kind without name names the account", "acct", "acct", true},
		{"a kind without name names nothing that has one", "webhook", "webhook/*", false},
		{"only a star names what has no id yet", "webhook/*", "webhook/*", true},
		{"a name does not name what has no id yet", "webhook/6560aa00bb11cc22dd33ee44", "webhook/*", false},
		{"a star in the middle spans any run", "proj/a*z", "proj/abcz", true},
		{"a star spans nothing too", "proj/a*z", "proj/az", true},
		{"stars need what stands between them", "proj/a*b*c", "proj/axc", false},
		{"names are case-sensitive", "proj/Web", "proj/web", false},
		{"a kind must be equal", "proj/*:env/*:flag/*", "proj/a:env/b:segment/c", false},
		{"a deeper specifier does not name what is above", "proj/*:env/*", "proj/a", false},
		{"a stray slash before a part is dropped", "proj/*:env/*;qa_*:/flag/*", "proj/a:env/b;qa_eu:flag/c", true},
		{"the bare selector means the same", "proj/*:env/*;critical:true:segment/*", "proj/a:env/b;{critical:true}:segment/c", true},
		{"the bare selector refuses a calm environment", "proj/*:env/*;critical:true", "proj/a:env/b", false},
		{"critical false names a calm environment", "proj/*:env/*;{critical:false}", "proj/a:env/b", true},
		{"a selector and a tag must both hold", "proj/*:env/*;eu,{critical:true}", "proj/a:env/b;{critical:true}", false},
		{"a selector and a tag both hold", "proj/*:env/*;eu,{critical:true}", "proj/a:env/b;eu,{critical:true}", true},
		{"a tag may be called critical", "proj/*:env/*;critical:segment/*", "proj/a:env/b;critical:segment/c", true},
		{"critical means nothing on a project", "proj/*;{critical:false}", "proj/a", false},
		{"an unknown selector holds for nothing", "proj/*:env/*;{size:big}", "proj/a:env/b", false},
		{"no segment is in a view", "proj/*:env/*:segment/*;view:beta", "proj/a:env/b:segment/c;view", false},
		{"a tag may be called view", "proj/*:env/*;view:segment/*", "proj/a:env/b;view:segment/c", true},
		{"a role attribute stands for nothing", "proj/${roleAttribute/devProjects}:env/staging", "proj/web:env/staging", false},
		{"a role attribute in a tag stands for nothing", "proj/*;${roleAttribute/tags}", "proj/web;a", false},
		{"tags of another level do not count", "proj/*;eu:env/*", "proj/a:env/b;eu", false},
		{"an unknown kind names nothing of ours", "proj/*:metric/*", "proj/a:env/b", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := checkSpecifier(tt.spec); err != nil {
				t.Fatalf("specifier %q %v", tt.spec, err)
			}
			if got := matchSpecifier(tt.spec, parse(t, tt.resource)); got != tt.want {
				t.Errorf("%q matches %q: %v, want %v", tt.spec, tt.resource, got, tt.want)
			}
		})
	}
}

func TestValidateRefuses(t *testing.T) {
	good := Statement{Effect: Allow, Actions: []string{"*"}, Resources: []string{"*"}}
	tests := []struct {
		name   string
		change func(*Statement)
		says   string
	}{
		{"both actions and notActions", func(s *Statement) { s.NotActions = []string{"a"} }, "notActions"},
		{"neither resources nor notResources", func(s *Statement) { s.Resources = nil }, "notResources"},
		{"another effect", func(s *Statement) { s.Effect = "Allow" }, "effect"},
		{"an empty resource", func(s *Statement) { s.Resources = []string{""} }, "empty"},
		{"an empty part", func(s *Statement) { s.Resources = []string{"proj/x::flag/y"} }, "empty part"},
		{"an empty last part", func(s *Statement) { s.Resources = []string{"proj/x:"} }, "empty part"},
		{"an empty name", func(s *Statement) { s.Resources = []string{"proj/"} }, "name"},
		{"an empty tag", func(s *Statement) { s.Resources = []string{"proj/x;a,,b"} }, "empty tag"},
		{"a second semicolon", func(s *Statement) { s.Resources = []string{"proj/x;a;b"} }, "semicolon"},
		{"an open brace", func(s *Statement) { s.Resources = []string{"proj/x:env/y;{critical:true"} }, "brace"},
		{"a wildcard kind", func(s *Statement) { s.Resources = []string{"*/x"} }, "kind"},
		{"an empty action", func(s *Statement) { s.Actions = []string{""} }, "action"},
		{"a long entry", func(s *Statement) { s.Actions = []string{strings.Repeat("a", MaxEntryBytes+1)} }, "512"},
		{"a long list", func(s *Statement) { s.Actions = make([]string, MaxEntries+1) }, "500"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bad := good
			tt.change(&bad)
			err := Validate([]Statement{good, bad})
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), "statement 1:") || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %q does not name statement 1 and %q", err, tt.says)
			}
		})
	}
	if err := Validate(make([]Statement, MaxStatements+1)); err == nil {
		t.Error("accepted a policy of 201 statements")
	}
}

func TestResourceText(t *testing.T) {
	tests := []struct {
		name string
		in   string
		out  string
	}{
		{"tags are left out", "proj/web;a,b:env/test;{critical:true}:segment/x;y", "proj/web:env/test:segment/x"},
		{"the account has no name", "acct", "acct"},
		{"what has no id yet is a star", "member/5f:token/*", "member/5f:token/*"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := parse(t, tt.in).String(); got != tt.out {
				t.Errorf("got %q, want %q", got, tt.out)
			}
		})
	}
	for _, bad := range []string{"", "*", "proj", "proj/a*", "proj/a:", "proj/a;b*", "proj/a;{x:y}", "proj/${roleAttribute/x}", "flag/a;view:b"} {
		if r, err := ParseResource(bad); err == nil {
			t.Errorf("ParseResource(%q) = %v, want an error", bad, r)
		}
	}
}

func TestHides(t *testing.T) {
	hiding := Role{Base: Reader, Policy: []Statement{
		{Effect: Deny, Actions: []string{"viewProject"}, Resources: []string{"proj/secret"}},
	}}
	reader, _ := BuiltIn("reader")
	none, _ := BuiltIn("no_access")
	tests := []struct {
		name string
		who  Principal
		on   string
		want bool
	}{
		{"a denied project is hidden", Principal{Roles: []Role{hiding}}, "proj/secret", true},
		{"what is below it is hidden", Principal{Roles: []Role{hiding}}, "proj/secret:env/a:segment/b", true},
		{"another project is not", Principal{Roles: []Role{hiding}}, "proj/web", false},
		{"what is in no project is not", Principal{Roles: []Role{hiding}}, "webhook/*", false},
		{"another role that sees it shows it", Principal{Roles: []Role{hiding, reader}}, "proj/secret", false},
		{"a project that nobody denied is not hidden", Principal{Roles: []Role{none}}, "proj/secret", false},
		{"the owner's deny hides it from the token", Principal{Roles: []Role{reader}, Owner: []Role{hiding}, Capped: true}, "proj/secret", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.who.Hides(parse(t, tt.on)); got != tt.want {
				t.Errorf("Hides(%s) = %v, want %v", tt.on, got, tt.want)
			}
		})
	}
}

func TestBuiltInRoles(t *testing.T) {
	tests := []struct {
		word     string
		action   Action
		resource string
		want     bool
	}{
		{"reader", ViewProject, "proj/web", true},
		{"reader", UpdateIncluded, "proj/web:env/test:segment/a", false},
		{"writer", UpdateIncluded, "proj/web:env/test:segment/a", true},
		{"writer", CreateProject, "proj/new", true},
		{"writer", ViewSDKKey, "proj/web:env/test", true},
		{"writer", CreateAccessToken, "service-token/*", false},
		{"writer", "updateRole", "member/5f", false},
		{"writer", "createRelayAutoConfiguration", "relay-proxy-config/*", false},
		{"admin", CreateAccessToken, "service-token/*", true},
		{"owner", "updateOrganization", "acct", true},
		{"no_access", ViewProject, "proj/web", false},
	}
	for _, tt := range tests {
		t.Run(tt.word+" "+string(tt.action)+" "+tt.resource, func(t *testing.T) {
			role, ok := BuiltIn(tt.word)
			if !ok {
				t.Fatal("no such role")
			}
			if err := Validate(role.Policy); err != nil {
				t.Fatal(err)
			}
			if got := (Principal{Roles: []Role{role}}).Allows(tt.action, parse(t, tt.resource)); got != tt.want {
				t.Errorf("allowed: %v, want %v", got, tt.want)
			}
		})
	}
	if _, ok := BuiltIn("king"); ok {
		t.Error(`BuiltIn("king") is a role`)
	}
}

func TestFilter(t *testing.T) {
	statements := []Statement{
		{Effect: Allow, Actions: []string{"update*"}, Resources: []string{"proj/*:env/*"}},
		{Effect: Deny, Actions: []string{"updateTags"}, Resources: []string{"proj/web:env/*"}},
		{Effect: Deny, Actions: []string{"*"}, Resources: []string{"proj/secret:env/*"}},
		{Effect: Allow, Actions: []string{"createEnvironment"}, Resources: []string{"proj/a:env/*"}},
		{Effect: Deny, NotActions: []string{"updateName"}, Resources: []string{"proj/b:env/*"}},
		{Effect: Deny, NotActions: []string{"viewSdkKey"}, Resources: []string{"proj/c:env/*"}},
	}
	tests := []struct {
		name    string
		on      string
		actions []Action
		want    bool
	}{
		{"an allowed action passes", "proj/web:env/test", []Action{"updateName"}, true},
		{"a denied action does not pass", "proj/web:env/test", []Action{"updateTags"}, false},
		{"one of two actions passes", "proj/web:env/test", []Action{"updateTags", "updateName"}, true},
		{"some action passes", "proj/web:env/test", nil, true},
		{"a deny of everything leaves no action", "proj/secret:env/test", nil, false},
		{"another kind has no action", "proj/web", nil, false},
		{"a deny of all but one leaves that one", "proj/b:env/test", nil, true},
		{"a deny of all but one that is not allowed leaves none", "proj/c:env/test", nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Filter(statements, parse(t, tt.on), tt.actions...); got != tt.want {
				t.Errorf("Filter = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestCovers(t *testing.T) {
	allow := func(action, resource string) Statement {
		return Statement{Effect: Allow, Actions: []string{action}, Resources: []string{resource}}
	}
	deny := func(action, resource string) Statement {
		return Statement{Effect: Deny, Actions: []string{action}, Resources: []string{resource}}
	}
	segments := allow("update*", "proj/*:env/*;eu:segment/*")
	reader, _ := BuiltIn("reader")
	writer, _ := BuiltIn("writer")
	admin, _ := BuiltIn("admin")
	tests := []struct {
		name string
		who  []Role
		role Role
		want bool
	}{
		{"an administrator hands out everything", []Role{admin}, admin, true},
		{"a writer hands out writer", []Role{writer}, writer, true},
		{"a writer hands out reader", []Role{writer}, reader, true},
		{"a writer does not hand out administrator", []Role{writer}, admin, false},
		{"a reader does not hand out writer", []Role{reader}, writer, false},
		{
			"a narrower action and name is covered",
			[]Role{{Policy: []Statement{segments}}},
			Role{Policy: []Statement{allow("updateIncluded", "proj/web:env/test;eu,qa:segment/crm-*")}},
			true,
		},
		{
			"leaving out the tag is wider",
			[]Role{{Policy: []Statement{segments}}},
			Role{Policy: []Statement{allow("updateIncluded", "proj/web:env/test:segment/a")}},
			false,
		},
		{
			"another action is not covered",
			[]Role{{Policy: []Statement{segments}}},
			Role{Policy: []Statement{allow("*", "proj/web:env/test;eu:segment/a")}},
			false,
		},
		{
			"a deny in the way uncovers",
			[]Role{{Policy: []Statement{allow("*", "*"), deny("deleteSegment", "proj/web:env/*:segment/*")}}},
			Role{Policy: []Statement{allow("delete*", "proj/*:env/test:segment/*")}},
			false,
		},
		{
			"a deny elsewhere does not",
			[]Role{{Policy: []Statement{allow("*", "*"), deny("deleteSegment", "proj/web:env/*:segment/*")}}},
			Role{Policy: []Statement{allow("delete*", "proj/app:env/test:segment/*")}},
			true,
		},
		{
			"a hidden project uncovers what is below",
			[]Role{{Policy: []Statement{allow("*", "*"), deny("viewProject", "proj/secret")}}},
			Role{Policy: []Statement{allow("updateIncluded", "proj/s*:env/test:segment/*")}},
			false,
		},
		{
			"a complement is covered by everything only",
			[]Role{writer},
			Role{Policy: []Statement{{Effect: Allow, NotActions: []string{"a"}, Resources: []string{"proj/*"}}}},
			false,
		},
		{"a deny needs no cover", []Role{reader}, Role{Policy: []Statement{deny("*", "*")}}, true},
		{
			"a role attribute below a star is covered",
			[]Role{{Policy: []Statement{allow("*", "proj/*:env/*")}}},
			Role{Policy: []Statement{allow("updateName", "proj/${roleAttribute/mine}:env/*")}},
			true,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := (Principal{Roles: tt.who}).Covers(tt.role); got != tt.want {
				t.Errorf("Covers = %v, want %v", got, tt.want)
			}
		})
	}
	capped := Principal{Roles: []Role{admin}, Owner: []Role{reader}, Capped: true}
	if capped.Covers(writer) {
		t.Error("a token hands out more than its owner holds")
	}
}

func BenchmarkAllows(b *testing.B) {
	role := Role{Base: NoAccess, Policy: []Statement{
		{Effect: Deny, Actions: []string{"*"}, Resources: []string{"proj/*:env/*;{critical:true}:segment/*"}},
		{Effect: Allow, Actions: []string{"createSegment", "updateIncluded"}, Resources: []string{"proj/*:env/*:segment/*"}},
	}}
	p := Principal{Roles: []Role{role}}
	on := parse(b, "proj/web:env/production:segment/vip-buyers;crm,synced")
	b.ReportAllocs()
	for b.Loop() {
		if !p.Allows(UpdateIncluded, on) {
			b.Fatal("denied")
		}
	}
}
