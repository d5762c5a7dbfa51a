package api_test

import (
	"strconv"
	"strings"
	"testing"
)

// flagSays returns a flag with three variations that serves the second one to whoever nothing else
// concerns, and says more as its members.
func flagSays(key, more string) string {
	if more != "" {
		more = "," + more
	}
	return `{"key":"` + key + `","on":true,"salt":"s","version":1,"variations":["off","rest","hit"],"offVariation":0,"fallthrough":{"variation":1}` + more + `}`
}

func TestWhomAFlagServesWhat(t *testing.T) {
	const everybody = `"rules":[{"id":"all","variation":2,"clauses":[]}]`
	a := newAccount(t)
	a.putSDKData(t, []string{
		flagSays("nothing-more", ""),
		flagSays("targets", `"targets":[{"variation":2,"values":["ann"]}],`+everybody),
		flagSays("two-kinds", `"targets":[{"variation":2,"values":["ann"]}],"contextTargets":[{"contextKind":"org","variation":0,"values":["acme"]},{"contextKind":"user","variation":2,"values":[]}]`),
		flagSays("first-rule-wins", `"rules":[{"id":"one","variation":0,"clauses":[{"attribute":"a","op":"in","values":[1]}]},{"id":"two","variation":2,"clauses":[{"attribute":"b","op":"in","values":[1]}]}]`),
		strings.Replace(flagSays("is-off", `"targets":[{"variation":2,"values":["ann"]}],`+everybody), `"on":true`, `"on":false`, 1),
		strings.NewReplacer(`"on":true`, `"on":false`, `"offVariation":0,`, ``).Replace(flagSays("no-off-variation", "")),
		flagSays("needs-rest", `"prerequisites":[{"key":"nothing-more","variation":1}],`+everybody),
		flagSays("needs-hit", `"prerequisites":[{"key":"nothing-more","variation":2}],`+everybody),
		flagSays("needs-both", `"prerequisites":[{"key":"nothing-more","variation":1},{"key":"targets","variation":2},{"key":"needs-hit","variation":0}],`+everybody),
		flagSays("needs-one-that-is-off", `"prerequisites":[{"key":"is-off","variation":0}],`+everybody),
		flagSays("needs-one-that-needs", `"prerequisites":[{"key":"needs-rest","variation":2}]`),
	}, nil)
	for _, tt := range []struct{ flag, context, want string }{
		{"nothing-more", `{"kind":"user","key":"bob"}`, "rest FALLTHROUGH"},
		{"targets", `{"kind":"user","key":"ann"}`, "hit TARGET_MATCH"},
		{"targets", `{"kind":"user","key":"Ann"}`, "hit RULE_MATCH all"},
		{"targets", `{"kind":"org","key":"ann"}`, "hit RULE_MATCH all"},
		{"targets", `{"kind":"multi","user":{"key":"ann"},"org":{"key":"o"}}`, "hit TARGET_MATCH"},
		{"two-kinds", `{"kind":"multi","user":{"key":"ann"},"org":{"key":"acme"}}`, "off TARGET_MATCH"},
		{"two-kinds", `{"kind":"multi","user":{"key":"ann"},"org":{"key":"other"}}`, "hit TARGET_MATCH"},
		{"two-kinds", `{"kind":"user","key":"acme"}`, "rest FALLTHROUGH"},
		{"first-rule-wins", `{"kind":"user","key":"bob","a":1,"b":1}`, "off RULE_MATCH one"},
		{"first-rule-wins", `{"kind":"user","key":"bob","b":1}`, "hit RULE_MATCH two"},
		{"is-off", `{"kind":"user","key":"ann"}`, "off OFF"},
		{"no-off-variation", `{"kind":"user","key":"ann"}`, "<nil> OFF"},
		{"needs-rest", `{"kind":"user","key":"bob"}`, "hit RULE_MATCH all"},
		{"needs-hit", `{"kind":"user","key":"bob"}`, "off PREREQUISITE_FAILED nothing-more"},
		// A prerequisite that lacks its own one is on all the same, and serves its off variation.
		{"needs-both", `{"kind":"user","key":"bob"}`, "hit RULE_MATCH all"},
		{"needs-one-that-is-off", `{"kind":"user","key":"bob"}`, "off PREREQUISITE_FAILED is-off"},
		{"needs-one-that-needs", `{"kind":"user","key":"bob"}`, "rest FALLTHROUGH"},
	} {
		if got := a.outcomes(t, tt.context)[tt.flag]; got != tt.want {
			t.Errorf("flag %s serves %q to %s, want %q", tt.flag, got, tt.context, tt.want)
		}
	}
}

func TestValuesOfEveryTypeComeOutAsTheyWentIn(t *testing.T) {
	a := newAccount(t)
	tests := []struct{ served, other, want string }{
		{`true`, `false`, "true"},
		{`0`, `1`, "0"},
		{`2.5`, `1`, "2.5"},
		{`""`, `"x"`, ""},
		{`"déjà"`, `"x"`, "déjà"},
		{`[]`, `[1]`, "[]"},
		{`{"a":[1,null,{"b":false}]}`, `{}`, "map[a:[1 <nil> map[b:false]]]"},
		{`[1,"a"]`, `{"a":1}`, "[1 a]"},
	}
	var flags []string
	for i, tt := range tests {
		flags = append(flags, `{"key":"f`+strconv.Itoa(i)+`","on":true,"salt":"s","version":1,"variations":[`+tt.other+`,`+tt.served+`],"offVariation":0,"fallthrough":{"variation":1}}`)
	}
	a.putSDKData(t, flags, nil)
	got := a.outcomes(t, `{"kind":"user","key":"k"}`)
	for i, tt := range tests {
		if want := tt.want + " FALLTHROUGH"; got["f"+strconv.Itoa(i)] != want {
			t.Errorf("%s is served as %q, want %q", tt.served, got["f"+strconv.Itoa(i)], want)
		}
	}
}

func TestWhoIsInASegment(t *testing.T) {
	segment := func(key, more string) string { return `{"key":"` + key + `","version":1,"salt":"s",` + more + `}` }
	rule := func(clauses string) string { return `"rules":[{"id":"r","clauses":[` + clauses + `]}]` }
	names := func(key, negate string) string {
		return `{"attribute":"","op":"segmentMatch","values":["` + key + `"]` + negate + `}`
	}
	pro := rule(`{"attribute":"plan","op":"in","values":["pro"]}`)
	segments := []string{
		segment("lists", `"included":["ann","both"],"excluded":["out","both"],`+pro),
		segment("lists-kinds", `"includedContexts":[{"contextKind":"org","values":["acme"]}],"excludedContexts":[{"contextKind":"org","values":["evil"]}],`+pro),
		segment("nobody", `"included":[]`),
		segment("weightless", `"rules":[{"id":"r","weight":0,"clauses":[]}]`),
		segment("whole-weight", `"rules":[{"id":"r","weight":100000,"clauses":[]}]`),
		segment("weight-of-absent-kind", `"rules":[{"id":"r","weight":1,"rolloutContextKind":"device","clauses":[]}]`),
		segment("second-rule", `"rules":[{"id":"a","clauses":[{"attribute":"plan","op":"in","values":["free"]}]},{"id":"b","clauses":[{"attribute":"plan","op":"in","values":["pro"]}]}]`),
		segment("nested", rule(names("lists", ""))),
		segment("twice-nested", rule(names("nested", ""))),
		segment("in-two", rule(names("lists", "")+","+names("second-rule", ""))),
		segment("but-not", rule(names("lists", `,"negate":true`))),
		segment("of-none", rule(names("never-made", ""))),
	}
	var flags []string
	for _, text := range segments {
		key, _, _ := strings.Cut(strings.TrimPrefix(text, `{"key":"`), `"`)
		flags = append(flags, ruled(key, names(key, "")))
	}
	flags = append(flags, ruled("one-of-many", `{"attribute":"","op":"segmentMatch","values":["nobody","never-made","lists"]}`))
	a := newAccount(t)
	a.putSDKData(t, flags, segments)
	for context, want := range map[string]string{
		`{"kind":"user","key":"ann"}`:                                             "lists whole-weight nested twice-nested one-of-many",
		`{"kind":"user","key":"both"}`:                                            "lists whole-weight nested twice-nested one-of-many",
		`{"kind":"user","key":"out","plan":"pro"}`:                                "lists-kinds whole-weight second-rule but-not",
		`{"kind":"user","key":"bob","plan":"pro"}`:                                "lists lists-kinds whole-weight second-rule nested twice-nested in-two one-of-many",
		`{"kind":"org","key":"acme"}`:                                             "lists-kinds but-not",
		`{"kind":"multi","user":{"key":"bob","plan":"pro"},"org":{"key":"evil"}}`: "lists whole-weight second-rule nested twice-nested in-two one-of-many",
	} {
		in := map[string]bool{}
		for key := range strings.FieldsSeq(want) {
			in[key] = true
		}
		for flag, outcome := range a.outcomes(t, context) {
			if (outcome == "true RULE_MATCH r") != in[flag] {
				t.Errorf("%s: the flag on segment %s serves %q, want it to be in: %t", context, flag, outcome, in[flag])
			}
		}
	}
}

// What SDKs would find malformed does not come in: it is refused with the object and the reason, and
// nothing of the same request is kept.
func TestWhatNoSDKCouldEvaluateIsRefused(t *testing.T) {
	a := newAccount(t)
	good := flagSays("good", "")
	circle := func(from, to string) string {
		return `{"key":"` + from + `","version":1,"salt":"s","rules":[{"id":"r","clauses":[{"attribute":"","op":"segmentMatch","values":["` + to + `"]}]}]}`
	}
	for _, tt := range []struct {
		flags, segments []string
		want            string
	}{
		{[]string{ruled("f", `{"op":"in","values":["x"]}`)}, nil, "has no attribute"},
		{[]string{ruled("f", `{"contextKind":"user","attribute":"//","op":"in","values":["x"]}`)}, nil, `the attribute \"//\"`},
		{[]string{ruled("f", `{"contextKind":"user","attribute":"/a~2","op":"in","values":["x"]}`)}, nil, "escape character"},
		{[]string{ruled("f", `{"contextKind":"user","attribute":"/a/","op":"in","values":["x"]}`)}, nil, "trailing slash"},
		{[]string{ruled("f", `{"attribute":"a","op":"resembles","values":["x"]}`)}, nil, "resembles"},
		{[]string{strings.Replace(flagSays("f", ""), `"variation":1`, `"variation":3`, 1)}, nil, "variation of fallthrough is 3"},
		{[]string{strings.Replace(flagSays("f", ""), `"variation":1`, `"variation":-1`, 1)}, nil, "variation of fallthrough is -1"},
		{[]string{strings.Replace(flagSays("f", ""), `"offVariation":0`, `"offVariation":9`, 1)}, nil, "offVariation is 9"},
		{[]string{flagSays("f", `"targets":[{"variation":3,"values":["ann"]}]`)}, nil, "variation of a target is 3"},
		{[]string{flagSays("f", `"rules":[{"id":"r","variation":-2,"clauses":[]}]`)}, nil, "variation of rule 0 is -2"},
		{[]string{flagSays("f", `"rules":[{"id":"r","rollout":{"variations":[]},"clauses":[]}]`)}, nil, "neither a variation nor a rollout"},
		{[]string{flagSays("f", `"rules":[{"id":"r","rollout":{"variations":[{"variation":0,"weight":1}]},"clauses":[]}]`)}, nil, "sum to 1"},
		{[]string{flagSays("f", `"prerequisites":[{"key":"g","variation":1}]`), flagSays("g", `"prerequisites":[{"key":"f","variation":1}]`)}, nil, "f -\\u003e g -\\u003e f"},
		{[]string{flagSays("f", `"prerequisites":[{"key":"f","variation":1}]`)}, nil, "its own prerequisite"},
		{nil, []string{circle("s", "s")}, "s would contain itself: s -\\u003e s"},
		{nil, []string{circle("s", "t"), circle("t", "u"), circle("u", "s")}, "s -\\u003e t -\\u003e u -\\u003e s"},
		{nil, []string{circle("s", "t"), circle("t", "u"), circle("u", "t")}, "t -\\u003e u -\\u003e t"},
	} {
		got := a.call(t, "PUT", sdkDataPath, document(append(tt.flags, good), tt.segments))
		text := strings.NewReplacer(">", `\u003e`).Replace(string(got.text))
		if got.status != 400 || !strings.Contains(text, tt.want) {
			t.Errorf("%v %v is answered %d with %s, want 400 and %q", tt.flags, tt.segments, got.status, got.text, tt.want)
		}
	}
	if got := a.outcomes(t, `{"kind":"user","key":"k"}`); len(got) > 0 {
		t.Errorf("what was refused left %v", got)
	}
}
