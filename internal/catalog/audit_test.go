package catalog

import (
	"testing"

	"muster/internal/policy"
)

func TestAccessesAreSelectedByTags(t *testing.T) {
	tagged := func(tags ...string) Access {
		p, e := &Project{Key: "web"}, &Environment{Key: "test", Critical: true}
		return AccessTo(policy.UpdateTags, SegmentResource(p, e, "vip", tags))
	}
	for name, tt := range map[string]struct {
		access Access
		spec   string
		want   bool
	}{
		"by its name":                  {tagged(), "proj/web:env/test:segment/vip", true},
		"by a tag":                     {tagged("gold"), "proj/*:env/*:segment/*;gold", true},
		"by a tag that it had":         {tagged("gold").Join(tagged("silver")), "proj/*:env/*:segment/*;gold", true},
		"by a tag that it got":         {tagged("gold").Join(tagged("silver")), "proj/*:env/*:segment/*;silver", true},
		"by tags that it had in turns": {tagged("gold").Join(tagged("silver")), "proj/*:env/*:segment/*;gold,silver", false},
		"by a tag that it got first":   {tagged().Join(tagged("gold")), "proj/*:env/*:segment/*;gold", true},
		"by what its environment is":   {tagged(), "proj/*:env/*;{critical:true}:segment/*", true},
		"by what it is not":            {tagged(), "proj/*:env/*;{critical:false}:segment/*", false},
		"by another name":              {tagged(), "proj/web:env/test:segment/other", false},
	} {
		statements := []policy.Statement{{Effect: policy.Allow, Actions: []string{"*"}, Resources: []string{tt.spec}}}
		if got := tt.access.Passes(statements); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	a := AccessTo(policy.ViewProject, policy.Resource{{Kind: "proj", Name: "web"}})
	if a.Tagged != nil || a.Join(a).Tagged != nil {
		t.Errorf("an access without tags has %v", a.Tagged)
	}
	if got := tagged("gold"); got.Resource != "proj/web:env/test:segment/vip" {
		t.Errorf("the resource is shown as %s", got.Resource)
	}
}
