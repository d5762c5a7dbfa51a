package api_test

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

const sdkDataPath = "/projects/default/environments/production/sdk-data"

// putSDKData puts flags and segments in the SDK data model into production, as a migration does.
func (a *account) putSDKData(t testing.TB, flags, segments []string) {
	t.Helper()
	a.must(t, 204, "", "PUT", sdkDataPath, document(flags, segments))
}

func document(flags, segments []string) string {
	keyed := func(all []string) string {
		var members []string
		for _, text := range all {
			key, _, _ := strings.Cut(strings.TrimPrefix(text, `{"key":"`), `"`)
			members = append(members, strconv.Quote(key)+":"+text)
		}
		return "{" + strings.Join(members, ",") + "}"
	}
	return `{"flags":` + keyed(flags) + `,"segments":` + keyed(segments) + `}`
}

// outcomes returns what each flag serves to a context: the value, then the kind of reason with what
// else is known of it.
func (a *account) outcomes(t testing.TB, context string) map[string]string {
	t.Helper()
	all := map[string]string{}
	items, _ := a.must(t, 200, "EvaluatedFlags", "POST", "/projects/default/environments/production/flags/evaluate", context).at("items").([]any)
	for _, item := range items {
		flag, _ := item.(map[string]any)
		reason, _ := flag["reason"].(map[string]any)
		words := []string{fmt.Sprint(flag["_value"]), fmt.Sprint(reason["kind"])}
		for _, member := range []string{"ruleID", "prerequisiteKey", "errorKind"} {
			if reason[member] != nil {
				words = append(words, fmt.Sprint(reason[member]))
			}
		}
		if reason["inExperiment"] == true {
			words = append(words, "in experiment")
		}
		all[fmt.Sprint(flag["key"])] = strings.Join(words, " ")
	}
	return all
}

// ruled returns a flag that serves true by its rule with these clauses, else false.
func ruled(key, clauses string) string {
	return `{"key":"` + key + `","on":true,"salt":"s","version":1,"variations":[true,false],"offVariation":1,"fallthrough":{"variation":1},` +
		`"rules":[{"id":"r","variation":0,"clauses":[` + clauses + `]}]}`
}

// Each operator is shown values that fit, that don't, and that are of another type. What can't be
// compared never matches.
func TestWhatOperatorsMatch(t *testing.T) {
	tests := []struct{ op, clause, attribute, want string }{
		{"in", `"red"`, `"red"`, "yes"},
		{"in", `"red"`, `"Red"`, ""},
		{"in", `"red","blue"`, `"blue"`, "yes"},
		{"in", `"1"`, `1`, ""},
		{"in", `1`, `1.0`, "yes"},
		{"in", `0`, `false`, ""},
		{"in", `true`, `true`, "yes"},
		{"in", `true`, `"true"`, ""},
		{"in", ``, `"red"`, ""},
		{"in", `{"a":1}`, `{"a":1}`, ""},
		{"in", `null`, `null`, ""},
		{"startsWith", `"ab"`, `"abc"`, "yes"},
		{"startsWith", `"bc"`, `"abc"`, ""},
		{"startsWith", `"1"`, `12`, ""},
		{"startsWith", `1`, `"12"`, ""},
		{"endsWith", `"bc"`, `"abc"`, "yes"},
		{"endsWith", `"ab"`, `"abc"`, ""},
		{"endsWith", `"@x.example","@y.example"`, `"n@y.example"`, "yes"},
		{"contains", `"b"`, `"abc"`, "yes"},
		{"contains", `"B"`, `"abc"`, ""},
		{"contains", `""`, `"abc"`, "yes"},
		{"contains", `2`, `123`, ""},
		{"matches", `"^a.c$"`, `"abc"`, "yes"},
		{"matches", `"b"`, `"abc"`, "yes"},
		{"matches", `"^b"`, `"abc"`, ""},
		{"matches", `"(("`, `"(("`, ""},
		{"lessThan", `10`, `9.99`, "yes"},
		{"lessThan", `10`, `10`, ""},
		{"lessThan", `"10"`, `9`, ""},
		{"lessThan", `10`, `"9"`, ""},
		{"lessThanOrEqual", `10`, `10`, "yes"},
		{"lessThanOrEqual", `10`, `10.01`, ""},
		{"greaterThan", `-1`, `0`, "yes"},
		{"greaterThan", `0`, `0`, ""},
		{"greaterThan", `1,5`, `2`, "yes"},
		{"greaterThanOrEqual", `0`, `0`, "yes"},
		{"greaterThanOrEqual", `0`, `-0.5`, ""},
		{"greaterThanOrEqual", `0`, `true`, ""},
		{"before", `"2026-01-02T00:00:00Z"`, `"2026-01-01T23:59:59.999Z"`, "yes"},
		{"before", `"2026-01-02T00:00:00Z"`, `"2026-01-02T00:00:00Z"`, ""},
		{"before", `"2026-01-02T00:00:00+02:00"`, `"2026-01-01T21:59:59Z"`, "yes"},
		{"before", `"2026-01-02T00:00:00Z"`, `1767225599000`, "yes"},
		{"before", `1767312000000`, `1767311999999`, "yes"},
		{"before", `"2026-01-02"`, `"2025-01-01T00:00:00Z"`, ""},
		{"before", `"2026-01-02T00:00:00Z"`, `"soon"`, ""},
		{"before", `"2026-01-02T00:00:00Z"`, `true`, ""},
		{"after", `"2026-01-02T00:00:00Z"`, `"2026-01-02T00:00:00.001Z"`, "yes"},
		{"after", `"2026-01-02T00:00:00Z"`, `"2026-01-02T00:00:00Z"`, ""},
		{"after", `0`, `1`, "yes"},
		{"after", `"2026-01-02T00:00:00Z"`, `"2026-01-02 00:00:01Z"`, ""},
		{"after", `"2026-01-02T00:00:00Z"`, `{}`, ""},
		{"semVerEqual", `"2.0.0"`, `"2.0.0"`, "yes"},
		{"semVerEqual", `"2.0.0"`, `"2"`, "yes"},
		{"semVerEqual", `"2.1"`, `"2.1.0+build"`, "yes"},
		{"semVerEqual", `"2.0.0"`, `"2.0.0-rc.1"`, ""},
		{"semVerEqual", `"2.0.0"`, `"02.0.0"`, ""},
		{"semVerEqual", `"2.0.0"`, `2`, ""},
		{"semVerEqual", `2`, `"2"`, ""},
		{"semVerLessThan", `"2.0.0"`, `"2.0.0-rc.1"`, "yes"},
		{"semVerLessThan", `"2.0.0-rc.2"`, `"2.0.0-rc.10"`, ""},
		{"semVerLessThan", `"2.0.0"`, `"10.0.0"`, ""},
		{"semVerLessThan", `"2.0.0-beta"`, `"2.0.0-alpha"`, "yes"},
		{"semVerLessThan", `"x"`, `"1.0.0"`, ""},
		{"semVerGreaterThan", `"2.0.0"`, `"2.0.1"`, "yes"},
		{"semVerGreaterThan", `"2.0.0"`, `"2.0.0"`, ""},
		{"semVerGreaterThan", `"2.0.0-1"`, `"2.0.0-a"`, "yes"},
	}
	a := newAccount(t)
	var flags []string
	for i, tt := range tests {
		clause := `{"contextKind":"user","attribute":"a","op":"` + tt.op + `","values":[` + tt.clause + `]}`
		flags = append(flags, ruled("plain-"+strconv.Itoa(i), clause), ruled("negated-"+strconv.Itoa(i), strings.Replace(clause, `"op"`, `"negate":true,"op"`, 1)))
	}
	a.putSDKData(t, flags, nil)
	for i, tt := range tests {
		got := a.outcomes(t, `{"kind":"user","key":"k","a":`+tt.attribute+`}`)
		plain, negated := got["plain-"+strconv.Itoa(i)], got["negated-"+strconv.Itoa(i)]
		want, opposite := "false FALLTHROUGH", "true RULE_MATCH r"
		if tt.want == "yes" {
			want, opposite = opposite, want
		}
		if tt.attribute == "null" { // as if the context had no such attribute: nothing matches, negated or not
			opposite = want
		}
		if plain != want || negated != opposite {
			t.Errorf("%s %s [%s]: %s, negated %s; want %s, negated %s", tt.attribute, tt.op, tt.clause, plain, negated, want, opposite)
		}
	}
}

func TestWhatClausesLookAt(t *testing.T) {
	a := newAccount(t)
	clause := func(kind, attribute, op, values string) string {
		return `{"contextKind":"` + kind + `","attribute":"` + attribute + `","op":"` + op + `","values":[` + values + `]}`
	}
	tests := []struct{ name, clauses, context, want string }{
		{"the key", clause("user", "key", "in", `"k"`), `{"kind":"user","key":"k"}`, "yes"},
		{"the name", clause("user", "name", "in", `"Ann"`), `{"kind":"user","key":"k","name":"Ann"}`, "yes"},
		{"anonymous, which is false when absent", clause("user", "anonymous", "in", `false`), `{"kind":"user","key":"k"}`, "yes"},
		{"an element of an array", clause("user", "groups", "in", `"b"`), `{"kind":"user","key":"k","groups":["a","b"]}`, "yes"},
		{"no element of an array", clause("user", "groups", "in", `"c"`), `{"kind":"user","key":"k","groups":["a","b"]}`, ""},
		{"not what is deeper in an array", clause("user", "groups", "in", `"b"`), `{"kind":"user","key":"k","groups":[["b"]]}`, ""},
		{"a member of an object", clause("user", "/address/city", "in", `"Ulm"`), `{"kind":"user","key":"k","address":{"city":"Ulm"}}`, "yes"},
		{"a member with a slash and a tilde", clause("user", "/a~1b~0c", "in", `1`), `{"kind":"user","key":"k","a/b~c":1}`, "yes"},
		{"a member that is not there", clause("user", "/address/zip", "in", `"Ulm"`), `{"kind":"user","key":"k","address":{"city":"Ulm"}}`, ""},
		{"not an element by its index", clause("user", "/groups/0", "in", `"a"`), `{"kind":"user","key":"k","groups":["a"]}`, ""},
		{"a name with a slash of old data", `{"attribute":"/a/b","op":"in","values":[1]}`, `{"kind":"user","key":"k","/a/b":1}`, "yes"},
		{"another kind alone", clause("org", "plan", "in", `"pro"`), `{"kind":"org","key":"o","plan":"pro"}`, "yes"},
		{"one kind of several", clause("org", "plan", "in", `"pro"`), `{"kind":"multi","user":{"key":"k","plan":"free"},"org":{"key":"o","plan":"pro"}}`, "yes"},
		{"no other kind of several", clause("user", "plan", "in", `"pro"`), `{"kind":"multi","user":{"key":"k","plan":"free"},"org":{"key":"o","plan":"pro"}}`, ""},
		{"a kind that the context lacks", clause("org", "plan", "in", `"pro"`), `{"kind":"user","key":"k","plan":"pro"}`, ""},
		{"that, negated too", strings.Replace(clause("org", "plan", "in", `"pro"`), `"op"`, `"negate":true,"op"`, 1), `{"kind":"user","key":"k","plan":"pro"}`, ""},
		{"the kind itself", `{"attribute":"kind","op":"in","values":["org"]}`, `{"kind":"org","key":"o"}`, "yes"},
		{"a kind among several", `{"attribute":"kind","op":"startsWith","values":["or"]}`, `{"kind":"multi","user":{"key":"k"},"org":{"key":"o"}}`, "yes"},
		{"no kind meant is user", `{"attribute":"plan","op":"in","values":["pro"]}`, `{"kind":"multi","user":{"key":"k","plan":"pro"},"org":{"key":"o"}}`, "yes"},
		{"all clauses of a rule", clause("user", "a", "in", `1`) + "," + clause("user", "b", "in", `2`), `{"kind":"user","key":"k","a":1,"b":2}`, "yes"},
		{"not one clause of two", clause("user", "a", "in", `1`) + "," + clause("user", "b", "in", `2`), `{"kind":"user","key":"k","a":1,"b":3}`, ""},
		{"a rule without clauses is for everybody", ``, `{"kind":"user","key":"k"}`, "yes"},
	}
	var flags []string
	for i, tt := range tests {
		flags = append(flags, ruled("f"+strconv.Itoa(i), tt.clauses))
	}
	a.putSDKData(t, flags, nil)
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := "false FALLTHROUGH"
			if tt.want == "yes" {
				want = "true RULE_MATCH r"
			}
			if got := a.outcomes(t, tt.context)["f"+strconv.Itoa(i)]; got != want {
				t.Errorf("%s serves %q, want %q", tt.clauses, got, want)
			}
		})
	}
}

// bucket is where a value falls among 100000, worked out from the description of the algorithm: the
// first 15 hexadecimal digits of a SHA-1, divided by the largest such number.
func bucket(of string) float64 {
	sum := sha1.Sum([]byte(of))
	n, err := strconv.ParseUint(hex.EncodeToString(sum[:])[:15], 16, 64)
	if err != nil {
		panic(err)
	}
	return float64(n) / float64(0xFFFFFFFFFFFFFFF) * 100000
}

func TestRolloutsKeepEverybodyInTheirBucket(t *testing.T) {
	a := newAccount(t)
	rollout := func(key, extra string) string {
		return `{"key":"` + key + `","on":true,"salt":"pepper","version":1,"variations":["a","b","c"],"offVariation":0,"fallthrough":{"rollout":{` + extra +
			`"variations":[{"variation":0,"weight":20000},{"variation":1,"weight":30000},{"variation":2,"weight":50000,"untracked":true}]}}}`
	}
	a.putSDKData(t, []string{
		rollout("by-key", ""), rollout("by-team", `"contextKind":"user","bucketBy":"team",`), rollout("by-org", `"contextKind":"org",`), rollout("by-seed", `"seed":42,`),
		rollout("by-path", `"contextKind":"user","bucketBy":"/place/city",`), rollout("experiment", `"kind":"experiment","contextKind":"user","bucketBy":"team","seed":7,`),
		rollout("absent-kind", `"contextKind":"device",`), rollout("absent-kind-experiment", `"kind":"experiment","contextKind":"device",`), rollout("absent-attribute", `"bucketBy":"nothing",`),
	}, []string{`{"key":"half","version":1,"salt":"pepper","rules":[{"id":"w","weight":50000,"clauses":[]}]}`})
	served := func(at float64) string {
		return map[bool]string{true: "a", false: map[bool]string{true: "b", false: "c"}[at < 50000]}[at < 20000]
	}
	seen := map[string]bool{}
	for n := range 120 {
		key, team, org, city := fmt.Sprint("user-", n), n%17, fmt.Sprint("org-", n%29), fmt.Sprint("city-", n%31)
		who := fmt.Sprintf(`{"kind":"multi","user":{"key":%q,"team":%d,"place":{"city":%q}},"org":{"key":%q}}`, key, team, city, org)
		got := a.outcomes(t, who)
		in := served(bucket("7." + key))
		experiment := in + " FALLTHROUGH"
		if in != "c" {
			experiment += " in experiment"
		}
		for flag, want := range map[string]string{
			"by-key": served(bucket("by-key.pepper."+key)) + " FALLTHROUGH", "by-team": served(bucket(fmt.Sprint("by-team.pepper.", team))) + " FALLTHROUGH",
			"by-org": served(bucket("by-org.pepper."+org)) + " FALLTHROUGH", "by-seed": served(bucket("42."+key)) + " FALLTHROUGH",
			"by-path": served(bucket("by-path.pepper."+city)) + " FALLTHROUGH", "experiment": experiment,
			"absent-kind": "a FALLTHROUGH", "absent-kind-experiment": "a FALLTHROUGH", "absent-attribute": "a FALLTHROUGH",
		} {
			if seen[flag+want] = true; got[flag] != want {
				t.Errorf("%s serves %q to %s, want %q", flag, got[flag], who, want)
			}
		}
		member := a.must(t, 200, "EvaluatedSegments", "POST", "/projects/default/environments/production/segments/evaluate", who).at("items.0.isMember")
		if want := bucket("half.pepper."+key) < 50000; member != want {
			t.Errorf("%s is in half of all: %v, want %t", key, member, want)
		}
	}
	if len(seen) < 6*3+3 {
		t.Errorf("only %d of the outcomes occur", len(seen))
	}
}
