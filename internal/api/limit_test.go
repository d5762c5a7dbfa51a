package api_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"mime/multipart"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"

	"muster/internal/admin"
	"muster/internal/api"
	"muster/internal/catalog"
	"muster/internal/connector/list"
	"muster/internal/fault"
	"muster/internal/segment"
)

// beyond are requests that go beyond one limit each, by its name. Each returns what it was told.
var beyond = map[string]func(testing.TB, *account) string{
	"maxBodyBytes":         refusal("POST", "/projects", `{"name":"`+strings.Repeat("x", 2<<20)+`"}`),
	"maxContextsBodyBytes": refusal("POST", listPath+"/contexts", `{"a":"`+strings.Repeat("x", 16<<20)+`"}`),
	"maxSdkDataBytes":      refusal("PUT", env+"/sdk-data", `{"a":"`+strings.Repeat("x", 64<<20)+`"}`),
	"maxJsonDepth":         refusal("POST", "/projects", nested(65)),
	"maxImportBytes":       refusal("POST", listPath+"/imports", strings.Repeat("x\n", maxImport/2+1), "Content-Type", "text/csv"),
	"maxFormFileBeforeFieldsBytes": func(t testing.TB, a *account) string {
		form, kind := fileThenMode(t, 4<<20+1)
		return refusal("POST", listPath+"/imports", form, "Content-Type", kind)(t, a)
	},
	"maxPatchOperations":   refusal("PATCH", "/projects/default", listOf(10_001, `{"op":"test","path":"/name","value":"x"}`)),
	"maxPatchPathParts":    refusal("PATCH", "/projects/default", `[{"op":"test","path":"`+strings.Repeat("/a", 33)+`","value":1}]`),
	"maxPatchCopies":       refusal("PATCH", "/projects/default", numbered(60, `{"op":"copy","from":"","path":"/bomb%d"}`)),
	"maxPatchShifts":       refusal("PATCH", "/flags/default/f", movesInAList),
	"maxInstructions":      refusal("PATCH", "/flags/default/f", `{"instructions":`+listOf(1001, `{"kind":"turnFlagOn"}`)+`}`, "Content-Type", semantic),
	"maxFilterBytes":       refusal("GET", "/projects?filter="+strings.Repeat("x", 8<<10+1), ""),
	"maxFilterDepth":       refusal("GET", seg+"?filter="+strings.Repeat("(", 17), ""),
	"maxFilterConditions":  refusal("GET", seg+"?filter="+strings.Repeat("a:b,", 100)+"a:b", ""),
	"maxContextsOfAFilter": refusal("POST", env+"/contexts/search", fmt.Sprintf(`{"filter":%q}`, "key anyOf "+listOf(501, `"k"`)+",q anyOf "+listOf(501, `"k"`))),
	"maxSearchBytes":       refusal("GET", env+"/search?q="+strings.Repeat("x", 257), ""),
	"maxPulsesOfAPage":     refusal("GET", seg+"?expand=pulse&limit=101", ""),
	"maxMemberPageItems":   refusal("GET", listPath+"/members?limit=1001", ""),

	"maxMemberKeyBytes":      refusal("POST", listPath+"/contexts", `{"included":{"add":["`+strings.Repeat("k", 2049)+`"]}}`),
	"maxContextKeysPerCall":  refusal("POST", listPath+"/contexts", `{"included":{"add":`+counted(10_001)+`}}`),
	"maxIdempotencyKeyBytes": refusal("POST", listPath+"/contexts", `{"included":{"add":["a"]}}`, "Idempotency-Key", strings.Repeat("k", 256)),
	"maxGuardGrowthPercent":  refusal("PATCH", listPath+"/guard", `{"growthPercent":1000001}`),
	"maxGuardWindowSeconds":  refusal("PATCH", listPath+"/guard", `{"windowSeconds":3601}`),

	"maxKeyLength":         refusal("POST", "/projects", `{"name":"P","key":"`+strings.Repeat("k", 257)+`"}`),
	"maxNameLength":        refusal("POST", "/projects", `{"key":"p","name":"`+strings.Repeat("é", 257)+`"}`),
	"maxDescriptionLength": refusal("PATCH", "/flags/default/f", `{"description":"`+strings.Repeat("d", 4097)+`"}`),
	"maxTagLength":         refusal("PATCH", "/projects/default", `{"tags":["`+strings.Repeat("t", 65)+`"]}`),
	"maxTags":              refusal("PATCH", "/projects/default", `{"tags":`+counted(201)+`}`),
	"maxDefaultTtlMinutes": refusal("PATCH", env, `{"defaultTtl":61}`),
	"maxEmailLength":       refusal("POST", "/members", `[{"role":"reader","email":"`+strings.Repeat("a", 245)+`@x.example"}]`),
	"maxSecretLength":      refusal("POST", "/tokens", `{"name":"t","role":"reader","token":"api-`+strings.Repeat("s", 253)+`"}`),
	"minPasswordLength":    refusal("PUT", "/session/password", `{"password":"elevenchars"}`),
	"maxPasswordBytes":     refusal("PUT", "/session/password", `{"password":"`+strings.Repeat("p", 1025)+`"}`),
	"maxExpiringSdkKeys": func(t testing.TB, a *account) string {
		return repeated(t, a, 11, "POST", env+"/apiKey?expiry="+strconv.FormatInt(time.Now().Add(time.Hour).UnixMilli(), 10), "")
	},
	"maxExpiringTokenSecrets": func(t testing.TB, a *account) string {
		id := a.must(t, 201, "", "POST", "/tokens", `{"name":"t","role":"reader"}`).str("_id")
		return repeated(t, a, 11, "POST", "/tokens/"+id+"/reset?expiry="+strconv.FormatInt(time.Now().Add(time.Hour).UnixMilli(), 10), "")
	},
	"maxCustomRolesHeld":      refusal("POST", "/tokens", `{"name":"t","customRoleIds":`+counted(51)+`}`),
	"maxVariations":           refusal("POST", "/flags/default", `{"key":"v","name":"V","variations":`+numbered(1001, `{"value":%d}`)+`}`),
	"maxCustomProperties":     refusal("PATCH", "/flags/default/f", `{"customProperties":{`+strings.Trim(numbered(65, `"p%d":{"name":"P","value":["v"]}`), "[]")+`}}`),
	"maxCustomPropertyLength": refusal("PATCH", "/flags/default/f", `{"customProperties":{"`+strings.Repeat("p", 65)+`":{"name":"P","value":["v"]}}}`),
	"maxRules":                refusal("PATCH", seg+"/listed", `{"rules":`+listOf(1001, `{"clauses":[{"attribute":"a","op":"in","values":[1]}]}`)+`}`),
	"maxClauses":              refusal("PATCH", seg+"/listed", `{"rules":[{"clauses":`+listOf(1001, `{"attribute":"a","op":"in","values":[1]}`)+`}]}`),
	"maxRolloutWeight":        refusal("PATCH", seg+"/listed", `{"rules":[{"weight":100001,"clauses":[{"attribute":"a","op":"in","values":[1]}]}]}`),
	"maxFlagTargets": func(_ testing.TB, _ *account) string { // more than one body can hold
		f := &catalog.Flag{
			Key: "f", Project: "p", Name: "F", Environments: map[catalog.EnvKey]*catalog.FlagConfig{},
			Variations: []catalog.Variation{{ID: "a", Value: ldvalue.Bool(true)}, {ID: "b", Value: ldvalue.Bool(false)}},
		}
		c := f.NewConfig()
		f.Environments["e"] = c
		c.Targets = []catalog.Target{{}}
		for i := range 1_000_001 {
			c.Targets[0].Values = append(c.Targets[0].Values, strconv.Itoa(i))
		}
		f.Normalize()
		return told(f.Validate())
	},
	"maxTargetsInDefinition": func(_ testing.TB, _ *account) string { // the smaller limit of lists comes first in an account
		s := &catalog.Segment{Key: "s", Name: "S"}
		for i := range 50_001 {
			s.Included = append(s.Included, strconv.Itoa(i))
		}
		return told(s.Validate())
	},
	"maxInstructionTargets": refusal("PATCH", seg+"/listed", `{"instructions":[{"kind":"addIncludedUsers","values":`+counted(1501)+`}]}`, "Content-Type", semantic),
	"maxInstructionObjects": refusal("PATCH", "/flags/default/f", `{"environmentKey":"test","instructions":[{"kind":"replaceTargets","targets":`+listOf(1001, `{}`)+`}]}`, "Content-Type", semantic),
	"maxSourceGuards": func(t testing.TB, a *account) string { // a thousand requests here, too
		e, ok := a.store.Environment(clientSideID)
		if !ok {
			t.Fatal("no environment")
		}
		e = e.Clone()
		e.SourceGuards = map[string]*segment.GuardSettings{}
		for i := range 1001 {
			e.SourceGuards[fmt.Sprint("s", i)] = &segment.GuardSettings{Reject: new(true)}
		}
		return told(e.Validate())
	},
	"maxSources": func(t testing.TB, a *account) string { // a thousand requests here, too
		e, ok := a.store.Environment(clientSideID)
		if !ok {
			t.Fatal("no environment")
		}
		e = e.Clone()
		e.Sources = map[string]catalog.SourceDetails{}
		for i := range 1001 {
			e.Sources[fmt.Sprint("s", i)] = catalog.SourceDetails{Name: "Mine"}
		}
		return told(e.Validate())
	},
	"maxKeptPoints": func(t testing.TB, a *account) string {
		keep := func(member int) string {
			a.decided(t, a.load(t, "?mode=replace", fmt.Sprintf("m%d\n", member)))
			return seg + "/big/points/" + a.must(t, 200, "", "GET", seg+"/big/points", "").str("items.1._id")
		}
		a.decided(t, a.load(t, "?mode=replace", "first\n"))
		for i := range 10 {
			a.must(t, 200, "", "PATCH", keep(i), `{"kept":true}`)
		}
		return refusal("PATCH", keep(10), `{"kept":true}`)(t, a)
	},
	"maxWebhooks": func(t testing.TB, a *account) string {
		for range 100 {
			a.must(t, 200, "", "POST", "/webhooks", `{"url":"https://hooks.example/x","sign":false,"on":false}`)
		}
		return refusal("POST", "/webhooks", `{"url":"https://hooks.example/x","sign":false,"on":false}`)(t, a)
	},
	"maxWebhookUrlBytes": refusal("POST", "/webhooks", `{"sign":false,"on":false,"url":"https://hooks.example/`+strings.Repeat("x", 2048)+`"}`),
	"maxSdkDataDepth": func(_ testing.TB, _ *account) string { // the depth of a body comes first in the API
		_, err := catalog.ParseSDKFlag([]byte(nested(101)), "production")
		return told(err)
	},

	"maxEnvironments": refusal("POST", "/projects", `{"key":"p","name":"P","environments":`+numbered(1001, `{"key":"e%d","name":"E","color":"000000"}`)+`}`),
	"maxContextKinds": func(t testing.TB, a *account) string { // a thousand requests would take their time
		_, err := a.rooms.Admin.ChangeProject(t.Context(), a.caller(t), "default", admin.Change{}, func(p *catalog.Project) error {
			for i := range 1000 { // user is there
				p.ContextKinds = append(p.ContextKinds, catalog.ContextKind{Key: segment.ContextKind(fmt.Sprint("k", i)), Name: "K"})
			}
			return nil
		})
		return told(err)
	},
	"maxRoles": func(t testing.TB, a *account) string {
		for i := range 1000 {
			a.must(t, 201, "", "POST", "/roles", fmt.Sprintf(`{"key":"r%d","name":"R","policy":[]}`, i))
		}
		return refusal("POST", "/roles", `{"key":"more","name":"R","policy":[]}`)(t, a)
	},
	"maxAccountMembers": func(t testing.TB, a *account) string {
		said := ""
		for i := 0; i < 10_000 && said == ""; i += 50 {
			body := strings.ReplaceAll(numbered(50, `{"role":"reader","email":"%d-N@x.example"}`), "N", strconv.Itoa(i))
			if got := a.call(t, "POST", "/members", body); got.status != 201 {
				said = got.str("message")
			}
		}
		return said // the owner is one of them
	},
	"maxNewMembersPerCall": refusal("POST", "/members", numbered(51, `{"role":"reader","email":"%d@x.example"}`)),
	"maxPolicyStatements":  refusal("POST", "/roles", `{"key":"r","name":"R","policy":`+listOf(201, `{"effect":"allow","actions":["*"],"resources":["*"]}`)+`}`),
	"maxPolicyListEntries": refusal("POST", "/roles", `{"key":"r","name":"R","policy":[{"effect":"allow","actions":`+counted(501)+`,"resources":["*"]}]}`),
	"maxPolicyEntryBytes":  refusal("POST", "/roles", `{"key":"r","name":"R","policy":[{"effect":"allow","actions":["`+strings.Repeat("a", 513)+`"],"resources":["*"]}]}`),
	"maxActivityStreams": func(t testing.TB, a *account) string {
		e, ok := a.store.Environment(clientSideID)
		if !ok {
			t.Fatal("no environment")
		}
		for range 256 {
			w, err := a.activity.Watch(e, false)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
		}
		return refusal("GET", env+"/activity", "")(t, a)
	},

	"maxKindsOfAContext": refusal("POST", env+"/flags/evaluate", `{"kind":"multi",`+strings.Trim(numbered(1001, `"k%d":{"key":"a"}`), "[]")+`}`),

	"maxRowBytes": refusal("POST", listPath+"/imports", "a\n"+strings.Repeat("x", 1<<20+1)+"\n", "Content-Type", "text/csv"),
	"maxColumn":   refusal("POST", listPath+"/imports?column=1000", "a\n", "Content-Type", "text/csv"),
	"maxZstdWindowBytes": func(t testing.TB, a *account) string {
		var b bytes.Buffer
		z, err := zstd.NewWriter(&b, zstd.WithWindowSize(16<<20), zstd.WithSingleSegment(false))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 << 20 {
			_, _ = fmt.Fprintln(z, i)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return refusal("POST", listPath+"/imports", b.String(), "Content-Type", "text/csv", "Content-Encoding", "zstd")(t, a)
	},
	"maxRequestsPerWindow":           rated(api.RateLimits{All: 7}),
	"maxRequestsPerWindowOfOneRoute": rated(api.RateLimits{Route: 7}),
}

// movesInAList moves the first of many tags to their end, again and again.
var movesInAList = `[{"op":"replace","path":"/tags","value":` + counted(150_000) + `},` + strings.TrimPrefix(listOf(9999, `{"op":"move","from":"/tags/0","path":"/tags/-"}`), "[")

// refuseNobody are limits that shorten answers, or say how long things are kept.
var refuseNobody = []string{
	"maxPageItems", "maxAuditPageItems", "maxContextPageItems", "maxSkippedSamples", "maxDiffSamples", "maxTimelineItems", "keptExports", "keptWebhookDeliveries",
	"maxSessions", "leastGravesOfAMove", "maxHoldAgainSeconds",
}

// elsewhere are limits that no request of this test goes beyond: 32 exports or eight differences would have to be at
// work at one moment, which the test of differences sees to, and 64 MiB to come out of a body, which the tests of lists do. Those of relays and stores
// need what this account lacks.
var elsewhere = []string{
	"maxExportsWaiting", "maxDifferencesAtOnce", "maxInflation", "maxRelayConfigs", "maxPayloadFilters", "maxPayloadFilterRules", "maxPayloadFilterRegexBytes", "maxPersistentStores", "maxStorePasswordBytes", "maxRedisDatabase", "maxPort",
	"maxStoreNodes", "maxStoreCertificateBytes", "maxStoreMembersPerSecond",
}

// unitOf says how a refusal writes a value, where it is not in the limit's own unit.
var unitOf = map[string]string{"maxFormFileBeforeFieldsBytes": "4 MiB", "maxRowBytes": "1 MiB", "maxZstdWindowBytes": "8 MiB"}

func TestWhoeverGoesBeyondALimitIsToldWhichOne(t *testing.T) {
	a := bigAccount(t)
	a.api = api.New(a.rooms, api.Options{MaxImport: maxImport, Limits: list.Limits(), Rates: api.RateLimits{All: 1 << 30, Route: 1 << 30}}, time.Now, slog.New(slog.NewTextHandler(a.log, nil)))
	a.must(t, 201, "", "POST", seg, `{"key":"listed","name":"Listed"}`)
	a.must(t, 201, "", "POST", "/flags/default", `{"key":"f","name":"F"}`)
	shown := a.must(t, 200, "", "GET", "/limits", "")
	known := map[string]bool{}
	for i := range int(shown.at("totalCount").(float64)) { //nolint:forcetypeassert // the test fails if it is none
		at := fmt.Sprintf("items.%d.", i)
		name, setting := shown.str(at+"name"), shown.str(at+"setting")
		if known[name] {
			t.Errorf("%s is there twice", name)
		}
		known[name] = true
		if slices.Contains(refuseNobody, name) || slices.Contains(elsewhere, name) {
			continue
		}
		exceed := beyond[name]
		if exceed == nil {
			t.Errorf("nobody tries to go beyond %s", name)
			continue
		}
		value := unitOf[name]
		if value == "" {
			value = strconv.FormatFloat(shown.at(at+"value").(float64), 'f', 0, 64) //nolint:forcetypeassert // as above
		}
		if strings.HasPrefix(name, "maxRequestsPerWindow") {
			value = "7"
		}
		t.Run(name, func(t *testing.T) {
			if said := exceed(t, a); !strings.Contains(said, value) || !strings.Contains(said, setting) {
				t.Errorf("people are told %q, without %s or %q", said, value, setting)
			}
		})
	}
	for name := range beyond {
		if !known[name] {
			t.Errorf("%s is no limit", name)
		}
	}
}

// refusal is a request that is refused; what it was told is returned.
func refusal(method, path, body string, header ...string) func(testing.TB, *account) string {
	return func(t testing.TB, a *account) string {
		t.Helper()
		got := a.call(t, method, path, body, header...)
		if got.status < 400 {
			t.Errorf("%s %.80s %.80s is taken: %d", method, path, body, got.status)
		}
		return got.str("message")
	}
}

// repeated sends a request that is taken n-1 times and refused then.
func repeated(t testing.TB, a *account, n int, method, path, body string) string {
	t.Helper()
	for range n - 1 {
		a.must(t, 200, "", method, path, body)
	}
	return refusal(method, path, body)(t, a)
}

func rated(limits api.RateLimits) func(testing.TB, *account) string {
	return func(t testing.TB, a *account) string {
		t.Helper()
		few := *a
		few.api = api.New(a.rooms, api.Options{MaxImport: maxImport, Rates: limits}, func() time.Time { return time.Time{} }, slog.New(slog.DiscardHandler))
		for range 7 {
			few.must(t, 200, "", "GET", "/versions", "")
		}
		return refusal("GET", "/versions", "")(t, &few)
	}
}

func (a *account) caller(t testing.TB) catalog.Caller {
	t.Helper()
	who, err := a.access.Caller(a.token)
	if err != nil {
		t.Fatal(err)
	}
	return who
}

func told(err error) string {
	if fault.KindOf(err) == fault.Internal {
		return ""
	}
	return fault.From(err).Message
}

func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

func listOf(n int, one string) string {
	return "[" + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + "]"
}

// counted is a list of n different texts.
func counted(n int) string { return numbered(n, `"k%d"`) }

// numbered is a list of n things in a format that takes the number of each.
func numbered(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ","+format, i)
	}
	return "[" + b.String()[1:] + "]"
}

// fileThenMode is a form whose field mode stands behind a file of size bytes.
func fileThenMode(t testing.TB, size int) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	file, err := w.CreateFormFile("file", "list.csv")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = file.Write(bytes.Repeat([]byte("x\n"), size/2+1))
	if err := w.WriteField("mode", "remove"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), w.FormDataContentType()
}
