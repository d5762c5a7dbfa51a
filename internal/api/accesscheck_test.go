package api_test

import "testing"

func TestWhoMayDoWhatAndWhy(t *testing.T) {
	a := newAccount(t)
	a.must(t, 201, "Role", "POST", "/roles", `{"key":"sync","name":"Sync","policy":[{"effect":"allow","actions":["createSegment","updateIncluded"],"resources":["proj/*:env/*:segment/*"]},
		{"effect":"deny","actions":["*"],"resources":["proj/*:env/*;{critical:true}:segment/*"]}]}`)
	token := a.must(t, 201, "Token", "POST", "/tokens", `{"name":"t","serviceToken":true,"customRoleIds":["sync"]}`).str("_id")
	member := a.must(t, 201, "Members", "POST", "/members", `[{"email":"ann@x.test","role":"reader"}]`).str("items.0._id")
	const segment, critical = `"resource":"proj/web:env/test:segment/vip"`, `"resource":"proj/web:env/production;{critical:true}:segment/vip"`
	for body, want := range map[string]string{
		`{"action":"updateIncluded",` + segment + `,"role":"sync"}`:                                                                                 "Yes, statement 1 allows it.",
		`{"action":"updateIncluded",` + critical + `,"role":"sync"}`:                                                                                "No. Statement 2 denies it.",
		`{"action":"updateName",` + segment + `,"role":"sync"}`:                                                                                     "No. Nothing allows it.",
		`{"action":"createSegment",` + segment + `,"tokenId":"` + token + `"}`:                                                                      "Yes, statement 1 allows it.",
		`{"action":"viewProject","resource":"proj/web","memberId":"` + member + `"}`:                                                                "Yes, the base permission of the role reader allows it.",
		`{"action":"deleteProject","resource":"proj/web","memberId":"` + member + `"}`:                                                              "No. Nothing allows it.",
		`{"action":"deleteProject","resource":"proj/web","role":"writer"}`:                                                                          "Yes, statement 1 allows it.",
		`{"action":"deleteProject","resource":"proj/web"}`:                                                                                          "Yes, statement 1 allows it.",
		`{"action":"x","resource":"proj/web","policy":[]}`:                                                                                          "No. Nothing allows it.",
		`{"action":"viewX","resource":"acct","policy":[],"basePermissions":"reader"}`:                                                               "Yes, the base permission allows it.",
		`{"action":"updateName",` + segment + `,"policy":[` + statement + `,{"effect":"deny","actions":["viewProject"],"resources":["proj/web"]}]}`: "No. Statement 2 hides the project.",
	} {
		if got := a.must(t, 200, "", "POST", "/access-check", body); got.str("message") != want || got.at("allowed") != (want[0] == 'Y') {
			t.Errorf("%s: %s, want %s", body, got.text, want)
		}
	}
	weak := a.must(t, 201, "Token", "POST", "/tokens", `{"name":"own","role":"writer"}`)
	a.as(weak.str("token")).must(t, 200, "", "POST", "/access-check", `{"action":"createMember","resource":"member/x"}`).want(t, "allowed", "false", "owner.0.allowed", "true", "roles.0.why", `"nothing"`)
	for body, status := range map[string]int{
		`{"action":"x"}`:      400,
		`{"resource":"acct"}`: 400,
		`{"action":"x","resource":"acct","role":"writer","tokenId":"` + token + `"}`: 400,
		`{"action":"x","resource":"acct","policy":[{"effect":"maybe"}]}`:             400,
		`{"action":"x","resource":"acct","policy":[],"basePermissions":"writer"}`:    400,
		`{"action":"x","resource":"acct","role":"nobody"}`:                           404,
		`{"action":"x","resource":"acct","tokenId":"nobody"}`:                        404,
		`{"action":"x","resource":"acct","memberId":"nobody"}`:                       404,
	} {
		a.must(t, status, "", "POST", "/access-check", body)
	}
	// Who may not view it may not ask about it.
	a.holder(t, nil).must(t, 404, "", "POST", "/access-check", `{"action":"x","resource":"acct","memberId":"`+member+`"}`)
}
