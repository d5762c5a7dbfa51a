package connector

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"muster/internal/fault"
)

var update = flag.Bool("update", false, "rewrite the replies of golden files")

// A golden file names a tool, holds a request and, as JSON, an outcome; the last part is the reply.
func TestReplies(t *testing.T) {
	files, err := filepath.Glob("testdata/replies/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			parts := archiveParts(string(text))
			var o Outcome
			if err := json.Unmarshal([]byte(parts["outcome.json"]), &o); err != nil {
				t.Fatal(err)
			}
			m := shippedTool(t, strings.TrimSpace(parts["tool"]))
			p, err := m.Parse(strings.NewReader(parts["request.json"]), "")
			if err != nil && o.Status < 400 {
				t.Fatal(err)
			}
			if err != nil && o.ErrorMessage == "" {
				known := fault.From(err)
				o.ErrorMessage, o.Code = known.Message, known.Code
			}
			status, body := m.Reply(p, o)
			got := fmt.Sprintf("%d\n%s\n", status, body)
			if *update {
				kept, _, _ := strings.Cut(string(text), "-- reply --\n")
				if err := os.WriteFile(file, []byte(kept+"-- reply --\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want := parts["reply"]; got != want {
				t.Errorf("reply is\n%swant\n%s", got, want)
			}
		})
	}
}

// archiveParts splits a txtar archive into its files.
func archiveParts(text string) map[string]string {
	parts := map[string]string{}
	name := ""
	for line := range strings.Lines(text) {
		if inner, ok := strings.CutPrefix(line, "-- "); ok && strings.HasSuffix(inner, " --\n") {
			name = strings.TrimSuffix(inner, " --\n")
			continue
		}
		parts[name] += line
	}
	return parts
}

func TestRepliesToNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		tool    string
		outcome Outcome
		want    string
	}{
		"a tool without template hears an error":   {"amplitude", Outcome{Status: 401, Code: fault.CodeUnauthorized, ErrorMessage: "no token"}, `401 {"code":"unauthorized","message":"no token"}`},
		"a tool with template hears it in its way": {"heap-inbound", Outcome{Status: 401, Code: fault.CodeUnauthorized, ErrorMessage: "no token"}, `401 {"projectId": "", "environmentId": "", "segmentId": "", "segmentUrl": "", "status": "failure", "error": {"message": "no token", "code": 401}}`},
		"a failure without words is still one":     {"heap-inbound", Outcome{Status: 500}, `500 {"projectId": "", "environmentId": "", "segmentId": "", "segmentUrl": "", "status": "failure", "error": {"message": "the request failed", "code": 500}}`},
		"success without template has no body":     {"amplitude", Outcome{}, `204 `},
		"a message is one line without quotes":     {"amplitude", Outcome{Status: 400, ErrorMessage: "a \"b\"\n\\c"}, `400 {"code":"","message":"a 'b' /c"}`},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := shippedTool(t, tt.tool).Reply(nil, tt.outcome)
			if got := fmt.Sprintf("%d %s", status, body); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestOKStatusOfTools(t *testing.T) {
	for name, tt := range map[string]struct {
		beside string
		want   string
	}{
		"nothing said is 204":                 {``, `204 `},
		"a template is 200":                   {`,"jsonResponseBody":"{\"n\":{{added}}}"`, `200 {"n":3}`},
		"a tool may insist on 200":            {`,"x-muster":{"okStatus":200}`, `200 `},
		"a tool may insist beside a template": {`,"x-muster":{"okStatus":202},"jsonResponseBody":"{\"s\":{{statusCode}}}"`, `202 {"s":202}`},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := ParseManifest("tool", []byte(manifestText(needed+two+byID, tt.beside)))
			if err != nil {
				t.Fatal(err)
			}
			status, body := m.Reply(nil, Outcome{Added: 3})
			if got := fmt.Sprintf("%d %s", status, body); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// renderedFor parses a template in a tool whose request has the given extra fields.
func renderedFor(t *testing.T, text, request string, o Outcome) (int, string) {
	t.Helper()
	quoted, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParseManifest("tool", []byte(manifestText(needed+two+byID, `,"jsonResponseBody":`+string(quoted))))
	if err != nil {
		t.Fatal(err)
	}
	p, err := m.Parse(strings.NewReader(`{"e":"e","i":"i","n":"n"`+request+`}`), "")
	if err != nil {
		t.Fatal(err)
	}
	status, body := m.Reply(p, o)
	return status, string(body)
}

func TestTemplates(t *testing.T) {
	for name, tt := range map[string]struct {
		template, request string
		outcome           Outcome
		want              string
	}{
		"a text inside quotes is JSON-safe":              {`{"a":"{{requestBody.x}}"}`, `,"x":"q\" b\\ n\n & < é 🦊"`, Outcome{}, `{"a":"q\" b\\ n\n & < é 🦊"}`},
		"three braces do the same":                       {`{"a":"{{{requestBody.x}}}"}`, `,"x":"<\"&'>"`, Outcome{}, `{"a":"<\"&'>"}`},
		"a text outside quotes is null":                  {`{"a":{{requestBody.x}}}`, `,"x":"y"`, Outcome{}, `{"a":null}`},
		"numbers, booleans and null stay outside quotes": {`[{{requestBody.x.0}},{{requestBody.x.1}},{{requestBody.x.2}},{{requestBody.x.9}}]`, `,"x":[1.50,true,null]`, Outcome{}, `[1.50,true,null,null]`},
		"numbers and booleans stay inside quotes":        {`["{{requestBody.x.0}}","{{requestBody.x.1}}","{{requestBody.x.2}}"]`, `,"x":[1.50,true,null]`, Outcome{}, `["1.50","true",""]`},
		"objects and arrays are empty":                   {`["{{requestBody.x}}",{{requestBody.y}},"{{requestBody}}"]`, `,"x":[1],"y":{}`, Outcome{}, `["",null,""]`},
		"an index may stand in brackets":                 {`["{{requestBody.x.[1].id}}"]`, `,"x":[{},{"id":"b"}]`, Outcome{}, `["b"]`},
		"half a surrogate becomes a replacement":         {`["{{requestBody.x}}"]`, `,"x":"a\ud83d"`, Outcome{}, "[\"a\ufffd\"]"},
		"a long value is cut":                            {`["{{requestBody.x}}"]`, `,"x":"` + strings.Repeat("é", 5000) + `"`, Outcome{}, `["` + strings.Repeat("é", 4096) + `"]`},
		"quotes around names do not confuse":             {`{"\"{{segmentKey}}":{{added}}}`, ``, Outcome{SegmentKey: "k", Added: 1}, `{"\"k":1}`},
		"a condition has two sides":                      {`[{{#if added}}1{{else}}2{{/if}},{{#if removed}}1{{else}}2{{/if}}]`, ``, Outcome{Added: 1}, `[1,2]`},
		"conditions nest":                                {`[{{#if added}}{{#if removed}}1{{else}}2{{/if}}{{else}}3{{/if}}]`, ``, Outcome{Added: 1}, `[2]`},
		"what counts as true":                            {`[{{#if requestBody.o}}1{{else}}0{{/if}},{{#if requestBody.b}}1{{else}}0{{/if}},{{#if requestBody.c}}1{{else}}0{{/if}},{{#if requestBody.d}}1{{else}}0{{/if}},{{#if requestBody.f}}1{{else}}0{{/if}},{{#if requestBody.g}}1{{else}}0{{/if}},{{#if requestBody.h}}1{{else}}0{{/if}}]`, `,"o":{},"b":[],"c":[1],"d":0.0,"f":0.5,"g":"","h":false`, Outcome{}, `[1,0,1,0,1,0,0]`},
		"blanks inside braces are fine":                  {`[{{ added }},{{#if  added }}1{{ else }}2{{ /if }}]`, ``, Outcome{Added: 4}, `[4,1]`},
		"every variable has a value":                     {`["{{projectKey}}","{{environmentKey}}","{{segmentKey}}","{{segmentUrl}}",{{added}},{{removed}},{{skipped}},"{{syncId}}",{{statusCode}},"{{errorMessage}}","{{errorCode}}"]`, ``, Outcome{ProjectKey: "p", EnvironmentKey: "e", SegmentKey: "s", SegmentURL: "u", Added: 1, Removed: 2, Skipped: 3, SyncID: "r"}, `["p","e","s","u",1,2,3,"r",200,"",""]`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, got := renderedFor(t, tt.template, tt.request, tt.outcome); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestATemplateThatBreaksLaterFallsBack(t *testing.T) {
	const text = `{"a":{{#if added}}oops{{else}}1{{/if}}}`
	if status, got := renderedFor(t, text, "", Outcome{Added: 1}); status != 204 || got != "" {
		t.Errorf("success is %d %s", status, got)
	}
	if status, got := renderedFor(t, text, "", Outcome{Status: 409, Code: fault.CodeConflict, ErrorMessage: "taken", Added: 1}); status != 409 || got != `{"code":"conflict","message":"taken"}` {
		t.Errorf("failure is %d %s", status, got)
	}
}

func TestTemplatesThatDoNotLoad(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"an open tag":                {`{{added`, "{{ without }}"},
		"an open triple tag":         {`{{{added}}`, "{{{ without }}}"},
		"an unknown variable":        {`{{user}}`, "is no variable"},
		"a variable with parts":      {`{{added.x}}`, "has nothing below it"},
		"a helper":                   {`{{equal added 1}}`, "neither a path nor a condition"},
		"another block":              {`{{#each requestBody.x}}{{/each}}`, "neither a path nor a condition"},
		"a comment":                  {`{{! no }}`, "neither a path nor a condition"},
		"an empty tag":               {`{{}}`, "neither a path nor a condition"},
		"an empty part":              {`{{requestBody..x}}`, "neither a path nor a condition"},
		"a bracket that stays open":  {`{{requestBody.[0}}`, "[ without ]"},
		"an else alone":              {`{{else}}`, "{{else}} without {{#if}}"},
		"an end alone":               {`{{/if}}`, "{{/if}} without {{#if}}"},
		"two elses":                  {`{{#if added}}{{else}}{{else}}{{/if}}`, "{{#if}} without {{/if}}"},
		"a condition that stays":     {`{{#if added}}1`, "{{#if}} without {{/if}}"},
		"a condition in three":       {`{{{#if added}}}`, "must be written with two braces"},
		"too many conditions inside": {strings.Repeat("{{#if added}}", 9) + strings.Repeat("{{/if}}", 9), "nested deeper than 8"},
		"too long":                   {strings.Repeat(" ", maxTemplateBytes+1), "longer than"},
		"too many parts":             {"{{requestBody" + strings.Repeat(".a", 40) + "}}", "more than 32 parts"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := parseTemplate(tt.text, &wanted{}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, want it to say %q", err, tt.want)
			}
		})
	}
}
