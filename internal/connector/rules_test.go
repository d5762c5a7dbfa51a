package connector

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"muster/internal/fault"
	"muster/internal/segment"
)

const env = `"environmentId":"64b0c9f2a1d3e4f5061728aa"`

func parse(tb testing.TB, m *Manifest, body string) (*Parsed, error) {
	tb.Helper()
	p, err := m.Parse(strings.NewReader(body), "")
	if p == nil || p.Batch == nil {
		tb.Fatal("nothing was returned")
	}
	return p, err
}

// rowBody, listBody and wordBody build bodies of the three shapes around what a case varies.
func rowBody(rows string) string {
	return `{` + env + `,"batch":[` + rows + `]}`
}

func listBody(rest string) string {
	return `{` + env + `,"cohortId":"c1","cohortName":"Cohort"` + rest + `}`
}

func wordBody(word, rest string) string {
	return `{` + env + `,"cohortId":"c1","cohortName":"Cohort","action":` + word + rest + `}`
}

const (
	oneRow    = `{"userId":"u1","cohortId":"c1","cohortName":"Cohort","value":true}`
	oneMember = `,"members":[{"integration_distinct_id":"u1"}]`
)

func TestFaultsOfARequest(t *testing.T) {
	for name, tt := range map[string]struct{ tool, body, want string }{
		"an empty body is refused":                           {"amplitude", "", "the request payload is empty"},
		"a blank body is refused":                            {"amplitude", " \n", "the request payload is empty"},
		"a body that stops early is refused":                 {"amplitude", `{"environmentId":`, "the request payload ends before its JSON does"},
		"a body that is no JSON is refused":                  {"amplitude", `{environmentId}`, "the request payload is not valid JSON at byte 1"},
		"garbage behind the document is refused":             {"rudderstack", listBody("") + "x", "the request payload is not valid JSON at byte 82"},
		"a second document is refused":                       {"rudderstack", listBody("") + "{}", "the request payload goes on behind its end at byte 82"},
		"control characters in a text are refused":           {"rudderstack", listBody(",\"x\":\"\x01\""), "the request payload is not valid JSON at byte 87"},
		"a fault inside a member is a fault of the request":  {"amplitude", rowBody(oneRow + `,{"userId":}`), "the request payload is not valid JSON at byte 130"},
		"nesting has a limit":                                {"rudderstack", listBody(`,"x":` + strings.Repeat("[", 64) + strings.Repeat("]", 64)), "the request payload is nested deeper than 64 levels"},
		"a value has a longest length":                       {"rudderstack", listBody(`,"x":"` + strings.Repeat("x", 2<<20) + `"`), "a value in the request payload is longer than 1048576 bytes"},
		"a document that is no object lacks everything":      {"amplitude", `[]`, "could not find path /environmentId in request payload"},
		"the environment must be there":                      {"amplitude", `{"batch":[]}`, "could not find path /environmentId in request payload"},
		"a blank environment is missing":                     {"amplitude", `{"environmentId":" ","batch":[]}`, "could not find path /environmentId in request payload"},
		"a null environment is missing":                      {"amplitude", `{"environmentId":null,"batch":[]}`, "could not find path /environmentId in request payload"},
		"a boolean is no environment":                        {"amplitude", `{"environmentId":true,"batch":[]}`, "value at /environmentId in request payload is neither a text nor a whole number"},
		"a context kind must be a text":                      {"rudderstack", listBody(`,"contextKind":7`), "value at /contextKind in request payload is not a text"},
		"a context kind must look like one":                  {"rudderstack", listBody(`,"contextKind":"a b"`), "value at /contextKind in request payload is no context kind: letters, digits, dots, dashes and underscores, neither kind nor multi"},
		"multi is no context kind":                           {"rudderstack", listBody(`,"contextKind":"multi"`), "value at /contextKind in request payload is no context kind: letters, digits, dots, dashes and underscores, neither kind nor multi"},
		"a cohort id must be there when there are members":   {"rudderstack", `{` + env + `,"cohortName":"Cohort","listData":{"add":[{"id":"u1"}]}}`, "could not find path /cohortId in request payload"},
		"a cohort name must be there when there are members": {"rudderstack", `{` + env + `,"cohortId":"c1","cohortName":"","listData":{"add":[{"id":"u1"}]}}`, "could not find path /cohortName in request payload"},
		"a blank cohort id is missing":                       {"rudderstack", `{` + env + `,"cohortId":" ","cohortName":"x","listData":{"add":[{"id":"u1"}]}}`, "could not find path /cohortId in request payload"},
		"the first row must name its cohort":                 {"amplitude", rowBody(`{"userId":"u1","value":true}`), "could not find path /batch/0/cohortId in request payload"},
		"a fraction is no cohort id":                         {"rudderstack", `{` + env + `,"cohortId":1.5,"cohortName":"x"}`, "value at /cohortId in request payload is neither a text nor a whole number"},
		"false is a value and no cohort id":                  {"rudderstack", `{` + env + `,"cohortId":false,"cohortName":"x"}`, "value at /cohortId in request payload is neither a text nor a whole number"},
		"an object is no cohort name":                        {"rudderstack", `{` + env + `,"cohortId":1,"cohortName":{}}`, "value at /cohortName in request payload is neither a text nor a whole number"},
		"half a surrogate is no cohort id":                   {"rudderstack", `{` + env + `,"cohortId":"\ud83d","cohortName":"x"}`, "value at /cohortId in request payload is not valid Unicode"},
		"a cohort id has a longest length":                   {"rudderstack", `{` + env + `,"cohortId":"` + strings.Repeat("c", 513) + `","cohortName":"x"}`, "value at /cohortId in request payload is longer than 512 bytes"},
		"a member's cohort id has the same limit":            {"amplitude", rowBody(oneRow + `,{"userId":"u1","value":true,"cohortId":"` + strings.Repeat("c", 513) + `"}`), "the cohort id of a member in the request payload is longer than 512 bytes"},
		"the member array must be there":                     {"amplitude", `{` + env + `}`, "could not find path /batch in request payload"},
		"a null member array is missing":                     {"amplitude", `{` + env + `,"batch":null}`, "could not find path /batch in request payload"},
		"an object is no member array":                       {"amplitude", `{` + env + `,"batch":{"0":{"cohortId":"c1","cohortName":"x"}}}`, "parsed value for member array is not an array"},
		"a text is no add array":                             {"rudderstack", listBody(`,"listData":{"add":"u1"}`), "parsed value for member array is not an array"},
		"the action must be there":                           {"hightouch", `{` + env + `,"cohortId":"c1","cohortName":"x"` + oneMember + `}`, "could not find path /action in request payload"},
		"an object is no action":                             {"hightouch", wordBody(`{}`, oneMember), "value at /action in request payload is not a text"},
		"an action must match when removal has a word":       {"zeotap", `{"action":"delete","parameters":{"integration_project_id":"e"}}`, "the action at /action in request payload neither adds nor removes members"},
		"all members bad is a fault of the request":          {"amplitude", rowBody(`{"cohortId":"c1","cohortName":"x","value":true},{"userId":true,"value":true}`), "none of the 2 members in the request payload can be used; the first: the member has no id"},
		"plain texts are no members":                         {"rudderstack", listBody(`,"listData":{"add":["secret-1","secret-2"]}`), "none of the 2 members in the request payload can be used; the first: the member has no id"},
		"an array behind which an object stands is replaced": {"rudderstack", listBody(`,"listData":{"add":[{"id":"u1"}]},"listData":7,"listData":{"add":{}}`), "parsed value for member array is not an array"},
		"the number of cohorts has a limit":                  {"amplitude", rowBody(manyCohorts(1001)), "the request payload names more than 1000 cohorts"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(t, shippedTool(t, tt.tool), tt.body)
			var known *fault.Error
			if !errors.As(err, &known) {
				t.Fatalf("error is %v", err)
			}
			if known.Kind != fault.Invalid || known.Code != fault.CodeInvalidRequest {
				t.Errorf("kind %d, code %s", known.Kind, known.Code)
			}
			if known.Message != tt.want {
				t.Errorf("message %q, want %q", known.Message, tt.want)
			}
		})
	}
}

func manyCohorts(n int) string {
	rows := make([]string, n)
	for i := range rows {
		rows[i] = strings.ReplaceAll(oneRow, `"c1"`, `"c`+strings.Repeat("1", i%500+1)+strings.Repeat("2", i/500)+`"`)
	}
	return strings.Join(rows, ",")
}

func TestPlanOfARequest(t *testing.T) {
	long := strings.Repeat("k", segment.MaxKeyBytes)
	for name, tt := range map[string]struct {
		tool, body  string
		add, remove []string
		skipped     int
	}{
		"a byte order mark is passed over":                   {"amplitude", "\ufeff" + rowBody(oneRow), []string{"u1"}, nil, 0},
		"members may stand before what describes them":       {"hightouch", `{"members":[{"integration_distinct_id":"u1"}],"action":"add","cohortName":"x","cohortId":"c1",` + env + `}`, []string{"u1"}, nil, 0},
		"unknown fields are passed over":                     {"rudderstack", listBody(`,"x":{"listData":{"add":[{"id":"no"}]}},"listData":{"y":[[]],"add":[{"id":"u1","tags":["a"],"at":{"id":"no"}}]}`), []string{"u1"}, nil, 0},
		"of a repeated name the last counts":                 {"rudderstack", listBody(`,"listData":{"add":[{"id":"no"}],"remove":[{"id":"no"}]},"listData":{"add":[{"id":"no"}],"add":[{"id":"no","id":"u1"}]}`), []string{"u1"}, nil, 0},
		"a repeated name that ends missing is missing":       {"rudderstack", listBody(`,"listData":{"add":[{"id":"u1"},{"id":"u2","id":null}]}`), []string{"u1"}, nil, 1},
		"names may be escaped":                               {"rudderstack", listBody(`,"list\u0044ata":{"\u0061dd":[{"i\u0064":"u\u0031"}]}`), []string{"u1"}, nil, 0},
		"the remove array counts after the add array":        {"rudderstack", listBody(`,"listData":{"remove":[{"id":"u1"}],"add":[{"id":"u1"},{"id":"u2"}]}`), []string{"u2"}, []string{"u1"}, 0},
		"a missing add array is empty":                       {"rudderstack", listBody(`,"listData":{"remove":[{"id":"u1"}]}`), nil, []string{"u1"}, 0},
		"both arrays missing change nothing":                 {"rudderstack", listBody(``), nil, nil, 0},
		"a null array is empty":                              {"rudderstack", listBody(`,"listData":{"add":null,"remove":[]}`), nil, nil, 0},
		"of a repeated member the last row counts":           {"amplitude", rowBody(oneRow + `,{"userId":"u1","value":false},{"userId":"u2","value":false},{"userId":"u2","value":true}`), []string{"u2"}, []string{"u1"}, 0},
		"one and zero are booleans":                          {"amplitude", rowBody(oneRow + `,{"userId":"u2","value":1},{"userId":"u3","value":0},{"userId":"u4","value":"1"},{"userId":"u5","value":"0"}`), []string{"u1", "u2", "u4"}, []string{"u3", "u5"}, 0},
		"booleans may be texts in any case":                  {"amplitude", rowBody(oneRow + `,{"userId":"u2","value":"TRUE"},{"userId":"u3","value":"False"}`), []string{"u1", "u2"}, []string{"u3"}, 0},
		"anything else is no boolean":                        {"amplitude", rowBody(oneRow + `,{"userId":"u2","value":2},{"userId":"u3","value":"yes"},{"userId":"u4","value":" true"},{"userId":"u5","value":null},{"userId":"u6","value":[]},{"userId":"u7","value":0.5}`), []string{"u1"}, nil, 6},
		"whole numbers are ids by their digits":              {"rudderstack", listBody(`,"listData":{"add":[{"id":9007199254740993},{"id":0},{"id":-7},{"id":123.0},{"id":1e3},{"id":1.25E+2}]}`), []string{"-7", "0", "1000", "123", "125", "9007199254740993"}, nil, 0},
		"fractions and huge numbers are no ids":              {"rudderstack", listBody(`,"listData":{"add":[{"id":"u1"},{"id":1.5},{"id":1e-1},{"id":1e999999999999},{"id":1e2048}]}`), []string{"u1"}, nil, 4},
		"objects, arrays and booleans are no ids":            {"rudderstack", listBody(`,"listData":{"add":[{"id":"u1"},{"id":{}},{"id":[]},{"id":true},{"id":false}]}`), []string{"u1"}, nil, 4},
		"members that are no objects are left out":           {"rudderstack", listBody(`,"listData":{"add":[{"id":"u1"},7,"id",null,[{"id":"no"}]]}`), []string{"u1"}, nil, 4},
		"ids are taken as they are":                          {"rudderstack", listBody(`,"listData":{"add":[{"id":" u1 "},{"id":"U1"},{"id":"zoë"},{"id":"zoe\u0308"},{"id":"a\u0000b"}]}`), []string{" u1 ", "U1", "a\x00b", "zoe\u0308", "zoë"}, nil, 0},
		"a pair of surrogates is one character":              {"rudderstack", listBody(`,"listData":{"add":[{"id":"\ud83e\udd8a"}]}`), []string{"🦊"}, nil, 0},
		"half a surrogate is left out":                       {"rudderstack", listBody(`,"listData":{"add":[{"id":"\ud83e"},{"id":"\udd8a\ud83e"},{"id":"u1"}]}`), []string{"u1"}, nil, 2},
		"bytes that are no UTF-8 are left out":               {"rudderstack", listBody(",\"listData\":{\"add\":[{\"id\":\"\xff\"},{\"id\":\"u1\",\"name\":\"\xff\"}]}"), []string{"u1"}, nil, 1},
		"an id of 2048 bytes is kept and a longer one isn't": {"rudderstack", listBody(`,"listData":{"add":[{"id":"` + long + `"},{"id":"` + long + `k"}]}`), []string{long}, nil, 1},
		"an empty id is missing":                             {"rudderstack", listBody(`,"listData":{"add":[{"id":""},{"id":"u1"}]}`), []string{"u1"}, nil, 1},
		"an action matches a search and is case-sensitive":   {"hightouch", wordBody(`"Add"`, oneMember), nil, []string{"u1"}, 0},
		"a boolean action is its text":                       {"hightouch", wordBody(`true`, oneMember), nil, []string{"u1"}, 0},
		"the remove word removes":                            {"tealium-synced-segments", `{"action":"remove_member","parameters":{"tealium_project_id":"e","tealium_cohort_id":"c1","tealium_cohort_name":"x","members":[{"member_id":"u1"}]}}`, nil, []string{"u1"}, 0},
		"an index is an element of an array":                 {"example-synced-segment-integration1", `{"customer_config":{"fields":[{"value":{"id":"e"}},{"value":{"id":"no"}}]},"data":{"segment":{"id":1,"name":"x"},"add":[{"id":"u1"}]}}`, []string{"u1"}, nil, 0},
		"an index is a name of an object too":                {"example-synced-segment-integration1", `{"customer_config":{"fields":{"0":{"value":{"id":"e"}}}},"data":{"segment":{"id":1,"name":"x"},"add":[{"id":"u1"}]}}`, []string{"u1"}, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := parse(t, shippedTool(t, tt.tool), tt.body)
			if err != nil {
				t.Fatal(err)
			}
			if n := len(p.Batch.Cohorts); n != 1 {
				t.Fatalf("%d cohorts", n)
			}
			add, remove := members(p.Batch.Cohorts[0].Changes)
			if d := cmp.Diff(append([]string{}, tt.add...), add); d != "" {
				t.Errorf("add (-want +got):\n%s", d)
			}
			if d := cmp.Diff(append([]string{}, tt.remove...), remove); d != "" {
				t.Errorf("remove (-want +got):\n%s", d)
			}
			if p.Batch.Skipped != tt.skipped || len(p.Batch.Samples) != tt.skipped {
				t.Errorf("skipped %d with %d samples, want %d", p.Batch.Skipped, len(p.Batch.Samples), tt.skipped)
			}
		})
	}
}

func TestCohortsOfARequest(t *testing.T) {
	type cohort struct {
		ID, Name, Description, URL string
		Received, Changes          int
	}
	for name, tt := range map[string]struct {
		tool, body string
		want       []cohort
	}{
		"a link belongs to the cohort of the request alone": {
			"amplitude", rowBody(`{"userId":"u1","cohortId":"c1","cohortName":"One","cohortUrl":"https://t.example/c1","value":true},{"userId":"u1","cohortId":"c2","cohortName":"Two","cohortUrl":"https://t.example/c2","value":true}`),
			[]cohort{{"c1", "One", "", "https://t.example/c1", 1, 1}, {"c2", "Two", "", "", 1, 1}},
		},
		"of two names of a cohort the last counts": {
			"amplitude", rowBody(`{"userId":"u1","cohortId":"c1","cohortName":"One","value":true},{"userId":"u2","cohortId":"c1","cohortName":"Eins","value":true},{"userId":"u3","cohortId":"c1","value":true}`),
			[]cohort{{"c1", "Eins", "", "", 3, 3}},
		},
		"a row without a cohort name gives the request's to a new cohort": {
			"amplitude", rowBody(`{"userId":"u1","cohortId":"c1","cohortName":"One","value":true},{"userId":"u2","cohortId":2,"value":true}`),
			[]cohort{{"c1", "One", "", "", 1, 1}, {"2", "One", "", "", 1, 1}},
		},
		"a row with an unusable cohort belongs to the request's": {
			"amplitude", rowBody(`{"userId":"u1","cohortId":"c1","cohortName":"One","value":true},{"userId":"u2","cohortId":[],"value":true},{"userId":"u3","cohortId":1.5,"value":true},{"userId":"u3","cohortId":"","value":true}`),
			[]cohort{{"c1", "One", "", "", 4, 4}},
		},
		"rows left out count for the cohort they name": {
			"amplitude", rowBody(`{"userId":"u1","cohortId":"c1","cohortName":"One","value":true},{"userId":"u2","cohortId":"c2","cohortName":"Two","value":true},{"cohortId":"c2","value":true},{"cohortId":"c3","value":true}`),
			[]cohort{{"c1", "One", "", "", 2, 1}, {"c2", "Two", "", "", 2, 1}},
		},
		"an empty request of a tool that names cohorts in rows names none": {
			"amplitude", rowBody(``), nil,
		},
		"an empty request that names a cohort shows it": {
			"rudderstack", listBody(`,"listData":{"add":[],"remove":[]}`),
			[]cohort{{"c1", "Cohort", "", "", 0, 0}},
		},
		"an empty request may leave out the cohort": {
			"rudderstack", `{` + env + `,"cohortId":"c1","listData":{"add":[],"remove":[]}}`, nil,
		},
		"a number is a cohort id by its digits and a name by its digits": {
			"rudderstack", `{` + env + `,"cohortId":0,"cohortName":1e2}`,
			[]cohort{{"0", "100", "", "", 0, 0}},
		},
		"a blank name is the id": {
			"rudderstack", `{` + env + `,"cohortId":"c1","cohortName":"  "}`,
			[]cohort{{"c1", "c1", "", "", 0, 0}},
		},
		"a name is cut to 256 characters": {
			"rudderstack", `{` + env + `,"cohortId":"c1","cohortName":"` + strings.Repeat("é", 300) + `"}`,
			[]cohort{{"c1", strings.Repeat("é", 256), "", "", 0, 0}},
		},
		"a damaged name still names": {
			"rudderstack", `{` + env + `,"cohortId":"c1","cohortName":"a\ud83d"}`,
			[]cohort{{"c1", "a\ufffd", "", "", 0, 0}},
		},
		"a description comes with the tool that has one": {
			"zeotap", `{"action":"members","parameters":{"integration_project_id":"e","integration_cohort_id":"c1","integration_cohort_name":"One","integration_cohort_description":"No order","members":[]}}`,
			[]cohort{{"c1", "One", "No order", "", 0, 0}},
		},
		"a link that is no web address is left out": {
			"rudderstack", listBody(`,"cohortUrl":"javascript:alert(1)"`),
			[]cohort{{"c1", "Cohort", "", "", 0, 0}},
		},
		"a link that is no text is left out": {
			"rudderstack", listBody(`,"cohortUrl":["https://t.example"]`),
			[]cohort{{"c1", "Cohort", "", "", 0, 0}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := parse(t, shippedTool(t, tt.tool), tt.body)
			if err != nil {
				t.Fatal(err)
			}
			var got []cohort
			for _, c := range p.Batch.Cohorts {
				got = append(got, cohort{c.ExternalID, c.Name, c.Description, c.URL, c.Received, c.Changes.Len()})
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("cohorts (-want +got):\n%s", d)
			}
		})
	}
}

func TestEnvironmentAndKind(t *testing.T) {
	for name, tt := range map[string]struct {
		body, fallback string
		env            segment.EnvID
		kind           segment.ContextKind
	}{
		"the body names the environment":            {listBody(``), "other", "64b0c9f2a1d3e4f5061728aa", "user"},
		"blanks around the environment are dropped": {`{"environmentId":" e1 "}`, "", "e1", "user"},
		"a number names it by its digits":           {`{"environmentId":12}`, "", "12", "user"},
		"the fallback serves when the body does not": {
			`{"environmentId":null}`, "e2", "e2", "user",
		},
		"the fallback serves for a blank one":     {`{"environmentId":" "}`, "e2", "e2", "user"},
		"the body names the context kind":         {listBody(`,"contextKind":"org.unit_1-a"`), "", "64b0c9f2a1d3e4f5061728aa", "org.unit_1-a"},
		"an empty context kind is the usual one":  {listBody(`,"contextKind":""`), "", "64b0c9f2a1d3e4f5061728aa", "user"},
		"a context kind of null is the usual one": {listBody(`,"contextKind":null`), "", "64b0c9f2a1d3e4f5061728aa", "user"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := shippedTool(t, "rudderstack").Parse(strings.NewReader(tt.body), segment.EnvID(tt.fallback))
			if err != nil {
				t.Fatal(err)
			}
			if p.Batch.Environment != tt.env || p.Batch.Kind != tt.kind {
				t.Errorf("environment %q, kind %q", p.Batch.Environment, p.Batch.Kind)
			}
		})
	}
}

func TestNotes(t *testing.T) {
	for name, tt := range map[string]struct{ body, want string }{
		"add is known":                         {wordBody(`"add"`, oneMember), ""},
		"remove is known":                      {wordBody(`"remove"`, oneMember), ""},
		"delete is known":                      {wordBody(`"delete"`, oneMember), ""},
		"another action is noted":              {wordBody(`"ADD"`, oneMember), "the unusual action ADD was taken as a removal"},
		"a noted action is one line and short": {wordBody(`"a\n\"\\`+strings.Repeat("x", 100)+`"`, oneMember), "the unusual action a '/" + strings.Repeat("x", 60) + " was taken as a removal"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := parse(t, shippedTool(t, "hightouch"), tt.body)
			if err != nil {
				t.Fatal(err)
			}
			if p.Batch.Note != tt.want {
				t.Errorf("note %q, want %q", p.Batch.Note, tt.want)
			}
		})
	}
	p, err := parse(t, shippedTool(t, "rudderstack"), listBody(`,"cohortUrl":"ftp://x"`))
	if err != nil || p.Batch.Note != "the link to the cohort is no http or https address and was left out" {
		t.Errorf("note %q, error %v", p.Batch.Note, err)
	}
}

func TestSamplesOfSkippedMembersAreFew(t *testing.T) {
	rows := oneRow + strings.Repeat(`,{"userId":true,"value":true}`, 30)
	p, err := parse(t, shippedTool(t, "amplitude"), rowBody(rows))
	if err != nil {
		t.Fatal(err)
	}
	b := p.Batch
	if b.Received != 31 || b.Skipped != 30 || len(b.Samples) != segment.MaxSkipSamples {
		t.Errorf("received %d, skipped %d, samples %d", b.Received, b.Skipped, len(b.Samples))
	}
	if want := (segment.Skip{Row: 2, Reason: skipIDType}); b.Samples[0] != want {
		t.Errorf("first sample %v", b.Samples[0])
	}
}

func TestPlainTextMembers(t *testing.T) {
	m, err := ParseManifest("lists", []byte(`{"name":"Lists","capabilities":{"syncedSegment":{"requestParser":{
		"environmentIdPath":"/env","cohortIdPath":"/id","cohortNamePath":"/name","addMemberArrayPath":"/in","removeMemberArrayPath":"/out",
		"memberArrayParser":{"memberIdPath":""}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	p, err := parse(t, m, `{"env":"e","id":"c","name":"C","in":["a",7,{"id":"no"}],"out":["b"]}`)
	if err != nil {
		t.Fatal(err)
	}
	add, remove := members(p.Batch.Cohorts[0].Changes)
	if d := cmp.Diff([][]string{{"7", "a"}, {"b"}}, [][]string{add, remove}); d != "" {
		t.Error(d)
	}
	if p.Batch.Skipped != 1 {
		t.Errorf("skipped %d", p.Batch.Skipped)
	}
}

func TestBodyIsTheMemberArray(t *testing.T) {
	m, err := ParseManifest("rows", []byte(`{"name":"Rows","capabilities":{"syncedSegment":{"requestParser":{
		"environmentIdPath":"/0/env","cohortIdPath":"/0/id","cohortNamePath":"/0/name","memberArrayPath":"",
		"memberArrayParser":{"memberIdPath":"/a~1b","booleanMembershipPath":"/in"}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	p, err := parse(t, m, ` [{"env":"e","id":"c","name":"C","a/b":"u1","in":true},{"a/b":"u2","in":false}]`)
	if err != nil {
		t.Fatal(err)
	}
	add, remove := members(p.Batch.Cohorts[0].Changes)
	if d := cmp.Diff([][]string{{"u1"}, {"u2"}}, [][]string{add, remove}); d != "" {
		t.Error(d)
	}
}

func TestFaultOfTheReaderStays(t *testing.T) {
	tooLarge := fault.TooLargef("too large")
	_, err := shippedTool(t, "amplitude").Parse(failing{strings.NewReader(rowBody(oneRow)), tooLarge}, "")
	if !errors.Is(err, tooLarge) {
		t.Errorf("error is %v", err)
	}
	broken := errors.New("disk gone")
	p, err := shippedTool(t, "amplitude").Parse(failing{strings.NewReader(rowBody(oneRow)), broken}, "")
	if !errors.Is(err, broken) || fault.KindOf(err) != fault.Internal || p == nil {
		t.Errorf("error is %v", err)
	}
}

// failing breaks behind the first bytes.
type failing struct {
	*strings.Reader
	err error
}

func (f failing) Read(p []byte) (int, error) {
	if f.Len() < 20 {
		return 0, f.err
	}
	return f.Reader.Read(p[:min(len(p), 16)])
}
