package api_test

import (
	"fmt"
	"testing"
)

func TestWhatPeopleEditedIsToldAndFollowsTheToolAgain(t *testing.T) {
	a := newAccount(t)
	push := func(name string) {
		a.push(t, "rudderstack", fmt.Sprintf(`{"environmentId":%q,"cohortId":"c","cohortName":%q,"listData":{"add":[{"id":"a"}],"remove":[]}}`, clientSideID, name))
	}
	push("Theirs")
	at := seg + "/rudderstack-c"
	if got := a.must(t, 200, "Segment", "GET", at, ""); got.at("_muster.edited") != nil || got.str("_muster.externalName") != "Theirs" {
		t.Fatalf("before anybody edited it: %s", got.text)
	}
	a.must(t, 200, "Segment", "PATCH", at, `[{"op":"replace","path":"/name","value":"Ours"}]`)
	push("Renamed")
	got := a.must(t, 200, "Segment", "GET", at, "")
	if got.str("name") != "Ours" || got.str("_muster.externalName") != "Renamed" || got.str("_muster.edited.name.by.kind") == "" || got.at("_muster.edited.name.at") == nil ||
		got.at("_muster.edited.description") != nil {
		t.Errorf("after its name was edited: %s", got.text)
	}
	a.must(t, 400, "", "POST", at+"/follow", `{"fields":[]}`)
	a.must(t, 400, "", "POST", at+"/follow", `{"fields":["tags"]}`)
	got = a.must(t, 200, "Segment", "POST", at+"/follow", `{"fields":["name"]}`)
	if got.str("name") != "Renamed" || got.at("_muster.edited") != nil {
		t.Errorf("after it follows again: %s", got.text)
	}
	push("Renamed again")
	if name := a.must(t, 200, "Segment", "GET", at, "").str("name"); name != "Renamed again" {
		t.Errorf("the next sync left the name %q", name)
	}
}

func TestAPointThatIsKeptSaysSo(t *testing.T) {
	a := newAccount(t)
	a.must(t, 201, "", "POST", seg, `{"key":"big","name":"Big","unbounded":true}`)
	a.decided(t, a.load(t, "?mode=replace", "a\n"))
	a.decided(t, a.load(t, "?mode=replace", "b\n"))
	id := a.must(t, 200, "", "GET", seg+"/big/points", "").str("items.1._id")
	for _, kept := range []bool{true, false} {
		a.must(t, 200, "", "PATCH", seg+"/big/points/"+id, fmt.Sprintf(`{"kept":%t}`, kept))
		list := a.must(t, 200, "", "GET", seg+"/big/points", "")
		if list.at("items.1.kept") != kept || (list.at("items.1.expiresAt") == nil) != kept {
			t.Errorf("kept %t: %s", kept, list.text)
		}
	}
	a.must(t, 404, "", "PATCH", seg+"/big/points/000000000000000000000000", `{"kept":true}`)
}
