package compat

import (
	"slices"
	"strings"
	"testing"
	"time"

	ldapi "github.com/launchdarkly/api-client-go/v17"
)

func permit(actions, resources []string) ldapi.StatementPost {
	return ldapi.StatementPost{Effect: "allow", Actions: actions, Resources: resources}
}

func driveRoles(t *testing.T, r *rest) {
	ctx, roles := r.auth(t), r.CustomRolesApi
	statements := []ldapi.StatementPost{
		permit([]string{"*"}, []string{"proj/${roleAttribute/devProjects}:env/staging"}),
		{Effect: "deny", NotActions: []string{"updateOn", "aNewAction"}, NotResources: []string{"proj/*:env/*;{critical:true}:flag/*;b,a"}},
		permit([]string{"updateName"}, []string{"proj/*:env/*:segment/*"}),
	}
	made := from(roles.PostCustomRole(ctx).CustomRolePost(ldapi.CustomRolePost{
		Key: "ops", Name: "Ops", Description: new("of the night"), BasePermissions: new("reader"), Policy: statements,
	}).Execute()).ok(t)
	same(t, "the policy", made.Policy, statements)
	if made.GetBasePermissions() != "reader" || made.GetDescription() != "of the night" {
		t.Errorf("role is %+v", made)
	}
	for _, named := range []string{"ops", made.Id} {
		got := from(roles.GetCustomRole(ctx, named).Execute()).ok(t)
		same(t, "the role", got, made)
	}
	from(roles.PostCustomRole(ctx).CustomRolePost(ldapi.CustomRolePost{Key: "ops", Name: "Again", Policy: statements}).Execute()).refused(t, 409, "conflict")
	from(roles.PostCustomRole(ctx).CustomRolePost(ldapi.CustomRolePost{Key: "bad", Name: "Bad", Policy: []ldapi.StatementPost{{Effect: "perhaps"}}}).Execute()).refused(t, 400, "invalid_request")
	plain := from(roles.PostCustomRole(ctx).CustomRolePost(ldapi.CustomRolePost{Key: "plain", Name: "Plain", Policy: []ldapi.StatementPost{}}).Execute()).ok(t)
	if plain.GetBasePermissions() != "no_access" {
		t.Errorf("a role without basePermissions has %q", plain.GetBasePermissions())
	}
	list := from(roles.GetCustomRoles(ctx).Execute()).ok(t)
	if len(list.Items) != 2 || list.GetTotalCount() != 2 {
		t.Errorf("roles are %+v", list.Items)
	}

	changed := from(roles.PatchCustomRole(ctx, made.Id).PatchWithComment(envelope(
		op("replace", "/name", "Operators"), op("replace", "/policy/2", permit([]string{"updateTags"}, []string{"proj/*:env/*:segment/*"})),
		op("add", "/policy/-", permit([]string{"updateName"}, []string{"proj/x"})), op("replace", "/basePermissions", "no_access"), op("remove", "/description", nil),
	)).Execute()).ok(t)
	if changed.Name != "Operators" || len(changed.Policy) != 4 || changed.Policy[2].Actions[0] != "updateTags" || changed.GetBasePermissions() != "no_access" || changed.GetDescription() != "" {
		t.Errorf("role is %+v", changed)
	}
	r.raw(t, 200, "PATCH", "/roles/ops", `[{"op":"replace","path":"/name","value":"Ops"}]`)
	r.raw(t, 200, "PATCH", "/roles/ops", `{"description":"merged"}`)
	from(roles.PatchCustomRole(ctx, "ops").PatchWithComment(envelope(op("replace", "/key", "other"))).Execute()).refused(t, 400, "invalid_request")
	from(roles.PatchCustomRole(ctx, "ops").PatchWithComment(envelope(op("remove", "/policy/9", nil))).Execute()).refused(t, 400, "invalid_patch")
	emptied(roles.DeleteCustomRole(ctx, "plain").Execute()).ok(t)
	from(roles.GetCustomRole(ctx, "plain").Execute()).refused(t, 404, "not_found")
}

// driveCustomTokens goes on with the role that driveRoles left.
func driveCustomTokens(t *testing.T, r *rest) {
	ctx, tokens := r.auth(t), r.AccessTokensApi
	policy := []ldapi.StatementPost{permit([]string{"viewProject", "updateName"}, []string{"proj/*", "proj/*:env/*:segment/*"})}
	role := from(r.CustomRolesApi.PostCustomRole(ctx).CustomRolePost(ldapi.CustomRolePost{Key: "renamer", Name: "Renamer", Policy: policy}).Execute()).ok(t)
	// Terraform's provider names roles by key when it creates a token, and by id when it changes one.
	made := from(tokens.PostToken(ctx).AccessTokenPost(ldapi.AccessTokenPost{Name: new("renamer"), CustomRoleIds: []string{"renamer"}, ServiceToken: new(true)}).Execute()).ok(t)
	same(t, "the roles of a token", made.CustomRoleIds, []string{role.Id})
	renamer := r.as(made.GetToken())
	from(renamer.ProjectsApi.GetProject(renamer.auth(t), "default").Execute()).ok(t)
	from(r.CustomRolesApi.PatchCustomRole(ctx, "renamer").PatchWithComment(envelope(op("replace", "/policy", []ldapi.StatementPost{}))).Execute()).ok(t)
	from(renamer.ProjectsApi.GetProject(renamer.auth(t), "default").Execute()).refused(t, 404, "not_found")
	message := emptied(r.CustomRolesApi.DeleteCustomRole(ctx, "renamer").Execute()).refused(t, 409, "conflict")
	if !strings.Contains(message, "renamer") {
		t.Errorf("the refusal does not say who has the role: %s", message)
	}

	ops := from(r.CustomRolesApi.GetCustomRole(ctx, "ops").Execute()).ok(t)
	patched := from(tokens.PatchToken(ctx, made.Id).PatchOperation([]ldapi.PatchOperation{op("replace", "/name", "ops"), op("replace", "/customRoleIds", []string{ops.Id})}).Execute()).ok(t)
	if patched.GetName() != "ops" || !slices.Equal(patched.CustomRoleIds, []string{ops.Id}) {
		t.Errorf("token is %+v", patched)
	}
	patched = from(tokens.PatchToken(ctx, made.Id).PatchOperation([]ldapi.PatchOperation{op("replace", "/role", "writer"), op("remove", "/customRoleIds", nil)}).Execute()).ok(t)
	if patched.GetRole() != "writer" || len(patched.CustomRoleIds) != 0 {
		t.Errorf("token is %+v", patched)
	}
	from(tokens.PatchToken(ctx, made.Id).PatchOperation([]ldapi.PatchOperation{op("remove", "/inlineRole", nil)}).Execute()).refused(t, 422, "patch_failed")
	from(tokens.PatchToken(ctx, made.Id).PatchOperation([]ldapi.PatchOperation{op("replace", "/inlineRole", policy)}).Execute()).refused(t, 400, "invalid_request")

	reset := from(tokens.ResetToken(ctx, made.Id).Expiry(time.Now().Add(time.Hour).UnixMilli()).Execute()).ok(t)
	for _, secret := range []string{made.GetToken(), reset.GetToken()} {
		c := r.as(secret)
		from(c.OtherApi.GetVersions(c.auth(t)).Execute()).ok(t)
	}
	last := from(tokens.ResetToken(ctx, made.Id).Execute()).ok(t)
	for _, secret := range []string{made.GetToken(), reset.GetToken()} {
		c := r.as(secret)
		from(c.OtherApi.GetVersions(c.auth(t)).Execute()).refused(t, 401, "unauthorized")
	}
	if got := from(tokens.GetToken(ctx, made.Id).Execute()).ok(t); got.GetLastUsed() == 0 || got.GetToken() != last.GetToken()[len(last.GetToken())-4:] {
		t.Errorf("token is %+v", got)
	}
	emptied(r.CustomRolesApi.DeleteCustomRole(ctx, role.Id).Execute()).ok(t)
	emptied(tokens.DeleteToken(ctx, made.Id).Execute()).ok(t)
}

func driveTokens(t *testing.T, r *rest) {
	ctx, tokens := r.auth(t), r.AccessTokensApi
	made := from(tokens.PostToken(ctx).AccessTokenPost(ldapi.AccessTokenPost{Name: new("ci"), Role: new("writer"), ServiceToken: new(true), DefaultApiVersion: new(int32(20191212))}).Execute()).ok(t)
	secret := made.GetToken()
	if !strings.HasPrefix(secret, "api-") || made.GetDefaultApiVersion() != 20191212 || !made.GetServiceToken() {
		t.Fatalf("token is %+v", made)
	}
	got := from(tokens.GetToken(ctx, made.Id).Execute()).ok(t)
	if got.GetToken() != secret[len(secret)-4:] {
		t.Errorf("a token read back shows %q", got.GetToken())
	}
	list := from(tokens.GetTokens(ctx).ShowAll(true).Limit(10).Execute()).ok(t)
	if !slices.ContainsFunc(list.Items, func(other ldapi.Token) bool { return other.Id == made.Id }) {
		t.Errorf("the list lacks the token: %+v", list.Items)
	}
	from(tokens.PostToken(ctx).AccessTokenPost(ldapi.AccessTokenPost{Name: new("bad"), Role: new("emperor")}).Execute()).refused(t, 400, "invalid_request")
	from(tokens.GetToken(ctx, "64b0c9f2a1d3e4f506172800").Execute()).refused(t, 404, "not_found")
	ci := r.as(secret)
	from(ci.OtherApi.GetVersions(ci.auth(t)).Execute()).ok(t)
	from(ci.AccessTokensApi.PostToken(ci.auth(t)).AccessTokenPost(ldapi.AccessTokenPost{Name: new("more"), Role: new("admin")}).Execute()).refused(t, 403, "forbidden")
	emptied(tokens.DeleteToken(ctx, made.Id).Execute()).ok(t)
	emptied(tokens.DeleteToken(ctx, made.Id).Execute()).refused(t, 404, "not_found")
	from(ci.OtherApi.GetVersions(ci.auth(t)).Execute()).refused(t, 401, "unauthorized")

	members := from(r.AccountMembersApi.GetMembers(ctx).Limit(5).Sort("displayName").Execute()).ok(t)
	if len(members.Items) != 1 {
		t.Fatalf("members are %+v", members.Items)
	}
	member := from(r.AccountMembersApi.GetMember(ctx, members.Items[0].Id).Execute()).ok(t)
	me := from(r.AccountMembersApi.GetMember(ctx, "me").Execute()).ok(t)
	same(t, "me", me.Id, member.Id)
	from(r.AccountMembersApi.GetMember(ctx, "64b0c9f2a1d3e4f506172800").Execute()).refused(t, 404, "not_found")
}

// driveMembers goes on with the role that driveRoles left.
func driveMembers(t *testing.T, r *rest) {
	ctx, members := r.auth(t), r.AccountMembersApi
	added := from(members.PostMembers(ctx).NewMemberForm([]ldapi.NewMemberForm{
		{Email: "ann@example.com", FirstName: new("Ann"), LastName: new("Other"), Role: new("writer")},
		{Email: "bob@example.com", CustomRoles: []string{"ops"}},
	}).Execute()).ok(t)
	ann, bob := added.Items[0], added.Items[1]
	if ann.Role != "writer" || len(bob.CustomRoles) != 1 || ann.LastSeen != 0 {
		t.Fatalf("members are %+v", added.Items)
	}
	from(members.PostMembers(ctx).NewMemberForm([]ldapi.NewMemberForm{{Email: "new@example.com", Role: new("reader")}, {Email: "ann@example.com", Role: new("reader")}}).Execute()).
		refused(t, 400, "email_already_exists_in_account")
	got := r.raw(t, 400, "POST", "/members", `[{"email":"x@example.com","role":"reader"},{"email":"X@example.com","role":"reader"}]`)
	if emails, _ := got["invalid_emails"].([]any); got["code"] != "duplicate_emails" || len(emails) != 1 {
		t.Errorf("two of one address: %v", got)
	}
	for filter, want := range map[string]int{
		"query:OTHER": 1, "role:ops": 1, "role:admin": 1, "role:ops|writer": 2, "email:bob@example.com": 1, "id:" + ann.Id: 1,
		`lastSeen:{"never":true}`: 2, "noteam:true": 3, "team:any": 0, "unknown:x": 3,
	} {
		if list := from(members.GetMembers(ctx).Filter(filter).Execute()).ok(t); len(list.Items) != want {
			t.Errorf("%s: %d members, want %d", filter, len(list.Items), want)
		}
	}
	if list := from(members.GetMembers(ctx).Sort("-lastSeen").Execute()).ok(t); list.Items[0].LastSeen == 0 {
		t.Error("the one who was seen is not first")
	}
	changed := from(members.PatchMember(ctx, bob.Id).PatchOperation([]ldapi.PatchOperation{op("replace", "/role", "reader"), op("remove", "/customRoles/0", nil)}).Execute()).ok(t)
	if changed.Role != "reader" || len(changed.CustomRoles) != 0 {
		t.Errorf("member is %+v", changed)
	}
	changed = from(members.PatchMember(ctx, bob.Id).PatchOperation([]ldapi.PatchOperation{op("add", "/customRoles/0", "ops")}).Execute()).ok(t)
	same(t, "custom roles", changed.CustomRoles, bob.CustomRoles)
	from(members.PatchMember(ctx, bob.Id).PatchOperation([]ldapi.PatchOperation{op("replace", "/email", "x@example.com")}).Execute()).refused(t, 403, "forbidden")
	emptied(members.DeleteMember(ctx, "me").Execute()).refused(t, 403, "forbidden")
	emptied(members.DeleteMember(ctx, ann.Id).Execute()).ok(t)
	emptied(members.DeleteMember(ctx, bob.Id).Execute()).ok(t)
	from(members.GetMember(ctx, bob.Id).Execute()).refused(t, 404, "not_found")

	found := from(r.AuditLogApi.PostAuditLogEntries(ctx).StatementPost([]ldapi.StatementPost{permit([]string{"updateRole"}, []string{"member/*"})}).Execute()).ok(t)
	if len(found.Items) != 1 {
		t.Fatalf("%d entries about roles of members", len(found.Items))
	}
	detail := from(r.AuditLogApi.GetAuditLogEntry(ctx, found.Items[0].Id).Execute()).ok(t)
	if detail.Delta == nil || detail.PreviousVersion == nil || detail.CurrentVersion == nil || detail.Token.GetEnding() == "" || detail.Member.GetEmail() == "" {
		t.Errorf("entry is %+v", detail)
	}
	emptied(r.CustomRolesApi.DeleteCustomRole(ctx, "ops").Execute()).ok(t)
}
