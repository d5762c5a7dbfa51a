package api

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"muster/internal/fault"
)

func parsed(t testing.TB, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func patchedBy(t testing.TB, doc, ops string) (any, error) {
	t.Helper()
	steps, err := parseJSONPatch(jsontext.Value(ops))
	if err != nil {
		return nil, err
	}
	return applyJSONPatch(parsed(t, doc), steps)
}

func TestJSONPatch(t *testing.T) {
	for name, tt := range map[string]struct{ doc, ops, want string }{
		"replace of a present member":          {`{"a":1}`, `[{"op":"replace","path":"/a","value":2}]`, `{"a":2}`},
		"replace of an absent member adds it":  {`{}`, `[{"op":"replace","path":"/a","value":2}]`, `{"a":2}`},
		"replace inside a known parent":        {`{"e":{"p":{}}}`, `[{"op":"replace","path":"/e/p/fallthough","value":1}]`, `{"e":{"p":{"fallthough":1}}}`},
		"add at the end of an array":           {`{"a":[1]}`, `[{"op":"add","path":"/a/-","value":2}]`, `{"a":[1,2]}`},
		"add inside an array shifts the rest":  {`{"a":[1,3]}`, `[{"op":"add","path":"/a/1","value":2}]`, `{"a":[1,2,3]}`},
		"remove of an array element":           {`{"a":[1,2,3]}`, `[{"op":"remove","path":"/a/1"}]`, `{"a":[1,3]}`},
		"remove of a member":                   {`{"a":1,"b":2}`, `[{"op":"remove","path":"/a"}]`, `{"b":2}`},
		"move between members":                 {`{"a":1}`, `[{"op":"move","from":"/a","path":"/b"}]`, `{"b":1}`},
		"copy is deep":                         {`{"a":[1]}`, `[{"op":"copy","from":"/a","path":"/b"},{"op":"add","path":"/b/-","value":2}]`, `{"a":[1],"b":[1,2]}`},
		"test that holds":                      {`{"a":{"b":[1,null]}}`, `[{"op":"test","path":"/a","value":{"b":[1,null]}}]`, `{"a":{"b":[1,null]}}`},
		"null is a value":                      {`{"a":1}`, `[{"op":"replace","path":"/a","value":null}]`, `{"a":null}`},
		"escaped names":                        {`{"a/b":{"~":1}}`, `[{"op":"replace","path":"/a~1b/~0","value":2}]`, `{"a/b":{"~":2}}`},
		"ascending removes in original terms":  {`{"v":[0,1,2,3]}`, `[{"op":"remove","path":"/v/2"},{"op":"remove","path":"/v/3"}]`, `{"v":[0,1]}`},
		"descending removes are taken as they": {`{"v":[0,1,2,3]}`, `[{"op":"remove","path":"/v/3"},{"op":"remove","path":"/v/2"}]`, `{"v":[0,1]}`},
		"removes that work strictly stay so":   {`{"v":[0,1,2,3,4]}`, `[{"op":"remove","path":"/v/1"},{"op":"remove","path":"/v/2"}]`, `{"v":[0,2,4]}`},
		"no operations":                        {`{"a":1}`, `[]`, `{"a":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := patchedBy(t, tt.doc, tt.ops)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(parsed(t, tt.want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestJSONPatchThatCannotBeApplied(t *testing.T) {
	deep := strings.Repeat("/a", maxPointer+1)
	for name, tt := range map[string]struct {
		doc, ops string
		code     fault.Code
	}{
		"unknown parent":                  {`{"environments":{}}`, `[{"op":"replace","path":"/environments/nope/on","value":true}]`, fault.CodeInvalidPatch},
		"remove of an absent member":      {`{}`, `[{"op":"remove","path":"/a"}]`, fault.CodeInvalidPatch},
		"remove of an absent element":     {`{"a":[]}`, `[{"op":"remove","path":"/a/0"}]`, fault.CodeInvalidPatch},
		"removes beyond the array":        {`{"a":[1,2]}`, `[{"op":"remove","path":"/a/1"},{"op":"remove","path":"/a/2"}]`, fault.CodeInvalidPatch},
		"the same element removed twice":  {`{"a":[1]}`, `[{"op":"remove","path":"/a/0"},{"op":"remove","path":"/a/0"}]`, fault.CodeInvalidPatch},
		"remove of the whole document":    {`{}`, `[{"op":"remove","path":""}]`, fault.CodeInvalidPatch},
		"test that fails":                 {`{"a":1}`, `[{"op":"test","path":"/a","value":2}]`, fault.CodeInvalidPatch},
		"test of a stale version":         {`{"_version":3}`, `[{"op":"test","path":"/_version","value":2}]`, fault.CodeOptimisticLock},
		"replace of an absent element":    {`{"a":[1]}`, `[{"op":"replace","path":"/a/1","value":2}]`, fault.CodeInvalidPatch},
		"add beyond the end":              {`{"a":[1]}`, `[{"op":"add","path":"/a/2","value":2}]`, fault.CodeInvalidPatch},
		"index with a leading zero":       {`{"a":[1]}`, `[{"op":"replace","path":"/a/00","value":2}]`, fault.CodeInvalidPatch},
		"member of a text":                {`{"a":"x"}`, `[{"op":"add","path":"/a/b","value":2}]`, fault.CodeInvalidPatch},
		"move into itself":                {`{"a":{}}`, `[{"op":"move","from":"/a","path":"/a/b"}]`, fault.CodeInvalidPatch},
		"copy from nowhere":               {`{}`, `[{"op":"copy","from":"/a","path":"/b"}]`, fault.CodeInvalidPatch},
		"no path":                         {`{}`, `[{"op":"add","value":1}]`, fault.CodeInvalidPatch},
		"no value":                        {`{}`, `[{"op":"add","path":"/a"}]`, fault.CodeInvalidPatch},
		"no from":                         {`{}`, `[{"op":"move","path":"/a"}]`, fault.CodeInvalidPatch},
		"unknown op":                      {`{}`, `[{"op":"toggle","path":"/a"}]`, fault.CodeInvalidPatch},
		"path without a slash":            {`{}`, `[{"op":"add","path":"a","value":1}]`, fault.CodeInvalidPatch},
		"path with a stray tilde":         {`{}`, `[{"op":"add","path":"/a~2","value":1}]`, fault.CodeInvalidPatch},
		"path too deep":                   {`{}`, `[{"op":"add","path":"` + deep + `","value":1}]`, fault.CodeInvalidPatch},
		"operations that are no array":    {`{}`, `{"op":"add"}`, fault.CodeInvalidRequest},
		"an operation that is no object":  {`{}`, `[1]`, fault.CodeInvalidRequest},
		"copies that multiply themselves": {`{"a":[1,2,3,4,5,6,7,8]}`, `[` + strings.Repeat(`{"op":"copy","from":"/a","path":"/a/-"},`, 40) + `{"op":"test","path":"/a","value":0}]`, fault.CodeInvalidPatch},
		"more operations than allowed":    {`{}`, `[` + strings.Repeat(`{"op":"remove","path":"/a"},`, maxPatchOps) + `{"op":"remove","path":"/a"}]`, fault.CodeTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := patchedBy(t, tt.doc, tt.ops)
			if got := fault.From(err).Code; err == nil || got != tt.code {
				t.Errorf("got %v (%s), want %s", err, got, tt.code)
			}
		})
	}
}

// anyJSON draws a small document.
func anyJSON(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		kind := rapid.IntRange(0, 5).Draw(t, "kind")
		if depth == 0 {
			kind %= 4
		}
		switch kind {
		case 0:
			return nil
		case 1:
			return rapid.Bool().Draw(t, "bool")
		case 2:
			return float64(rapid.IntRange(-3, 3).Draw(t, "number"))
		case 3:
			return rapid.SampledFrom([]string{"", "a", "b/c", "~"}).Draw(t, "text")
		case 4:
			return rapid.SliceOfN(anyJSON(depth-1), 0, 3).Draw(t, "array")
		}
		return rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "0", "x/y"}), anyJSON(depth-1), 0, 3).Draw(t, "object")
	})
}

func TestAPatchMayBeAppliedTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		doc := anyJSON(3).Draw(t, "doc")
		path := rapid.SampledFrom([]string{"", "/a", "/b", "/a/0", "/a/-", "/a/b", "/x~1y"})
		var ops []map[string]any
		for range rapid.IntRange(0, 6).Draw(t, "n") {
			ops = append(ops, map[string]any{
				"op":   rapid.SampledFrom([]string{"add", "replace", "remove", "move", "copy", "test"}).Draw(t, "op"),
				"path": path.Draw(t, "path"), "from": path.Draw(t, "from"), "value": anyJSON(2).Draw(t, "value"),
			})
		}
		text, err := json.Marshal(ops)
		if err != nil {
			t.Fatal(err)
		}
		steps, err := parseJSONPatch(text)
		if err != nil {
			t.Fatal(err)
		}
		once, err := applyJSONPatch(deepCopy(doc), steps)
		again, errAgain := applyJSONPatch(deepCopy(doc), steps)
		if (err == nil) != (errAgain == nil) || !sameJSON(once, again) {
			t.Fatalf("first %v, %v; then %v, %v", once, err, again, errAgain)
		}
	})
}

func FuzzJSONPatch(f *testing.F) {
	const doc = `{"key":"k","tags":["a","b"],"version":3,"environments":{"production":{"on":true,"rules":[{"_id":"r","clauses":[]}]}}}`
	for _, seed := range []string{
		`[{"op":"replace","path":"/environments/production/on","value":false}]`,
		`[{"op":"remove","path":"/tags/0"},{"op":"remove","path":"/tags/1"}]`,
		`[{"op":"move","from":"/tags","path":"/environments/production/rules/0"}]`,
		`[{"op":"copy","from":"","path":"/a"},{"op":"copy","from":"","path":"/a/a"}]`,
		`[{"op":"test","path":"/version","value":3},{"op":"add","path":"/tags/-","value":{"x":[]}}]`,
		`[{"op":"add","path":"","value":[]},{"op":"add","path":"/0","value":1}]`,
		`null`, `[null]`, `[{"path":"/~"}]`,
	} {
		f.Add(doc, seed)
	}
	f.Fuzz(func(t *testing.T, doc, ops string) {
		var tree any
		if checkJSON([]byte(doc)) != nil || json.Unmarshal([]byte(doc), &tree) != nil || checkJSON([]byte(ops)) != nil {
			return
		}
		steps, err := parseJSONPatch(jsontext.Value(ops))
		if err == nil {
			tree, err = applyJSONPatch(tree, steps)
		}
		if err != nil {
			if fault.KindOf(err) == fault.Internal {
				t.Fatalf("the fault of the client became ours: %v", err)
			}
			return
		}
		if _, err := json.Marshal(tree); err != nil {
			t.Fatalf("the result is no document: %v", err)
		}
	})
}
