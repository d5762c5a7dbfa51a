package compat

import (
	"net/http"
	"testing"
)

// TestOpenFeatureProvidersFollow drives OpenFeature's own remote evaluation providers and LaunchDarkly's
// provider through a push, a change of a rule and a restart of the server.
func TestOpenFeatureProvidersFollow(t *testing.T) {
	pushed := tools[3]
	// What each says of a member, and of somebody who is none.
	for provider, says := range map[string]struct{ in, out seen }{
		"ofrep":        {seen{Kind: "TARGETING_MATCH", Status: "HEALTHY"}, seen{Kind: "STATIC", Status: "HEALTHY"}},
		"ofrep-web":    {seen{Kind: "TARGETING_MATCH", Status: "HEALTHY"}, seen{Kind: "STATIC", Status: "HEALTHY"}},
		"launchdarkly": {seen{Kind: "RULE_MATCH"}, seen{Kind: "FALLTHROUGH"}},
	} {
		t.Run(provider, func(t *testing.T) {
			s := start(t)
			s.targetSegment(t, pushed.flag(), pushed.segment())
			s.push(t, pushed, false)
			says.in.Flag, says.in.Value, says.out.Flag = pushed.flag(), true, pushed.flag()
			c := drive(t, s, "openfeature.js", []string{pushed.flag()}, "COMPAT_PROVIDER="+provider)
			c.expect(t, says.out)
			s.push(t, pushed, true)
			c.expect(t, says.in)
			s.kill(t)
			s.run(t)
			s.push(t, pushed, false)
			c.expect(t, says.out)
			s.must(t, http.StatusOK, http.MethodPatch, "/api/v2/flags/default/"+pushed.flag(),
				`[{"op":"replace","path":"/environments/production/rules/0/clauses/0/negate","value":true}]`)
			c.expect(t, says.in)
			s.must(t, http.StatusOK, http.MethodPatch, "/api/v2/flags/default/"+pushed.flag(),
				`[{"op":"replace","path":"/environments/production/rules/0/clauses/0/negate","value":false}]`)
			c.expect(t, says.out)
		})
	}
}
