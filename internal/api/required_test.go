package api_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"
)

// required is the table of members that clients refuse to live without, shared with the tests that
// drive unmodified clients.
var required = sync.OnceValues(func() (map[string][]string, error) {
	text, err := os.ReadFile(filepath.Join("..", "..", "test", "compat", "required.json"))
	if err != nil {
		return nil, err
	}
	var table map[string][]string
	return table, json.Unmarshal(text, &table)
})

// checkRequired fails unless the body has every member that its representation must have. In a path,
// "[]" stands for every element and "{}" for every member; what the path reaches must hold the last
// name.
func checkRequired(t testing.TB, representation string, body any) {
	t.Helper()
	table, err := required()
	if err != nil {
		t.Fatal(err)
	}
	paths, ok := table[representation]
	if !ok {
		t.Fatalf("required.json knows no representation %q", representation)
	}
	for _, path := range paths {
		if missing := absent(body, strings.Split(path, ".")); missing != "" {
			t.Errorf("%s lacks %s (required: %s)", representation, missing, path)
		}
	}
}

// absent returns where the path is missing; "" where it is complete.
func absent(v any, path []string) string {
	name, inner := path[0], ""
	if i := strings.IndexAny(name, "[{"); i >= 0 {
		name, inner = name[:i], name[i:]
	}
	members, ok := v.(map[string]any)
	if !ok {
		return ""
	}
	next, held := members[name]
	if !held {
		if len(path) == 1 && inner == "" {
			return name
		}
		return ""
	}
	if len(path) == 1 {
		return ""
	}
	for _, element := range elements(next, inner) {
		if missing := absent(element, path[1:]); missing != "" {
			return name + inner + "." + missing
		}
	}
	return ""
}

func elements(v any, inner string) []any {
	switch inner {
	case "[]":
		list, _ := v.([]any)
		return list
	case "{}":
		members, _ := v.(map[string]any)
		var list []any
		for _, e := range members {
			list = append(list, e)
		}
		return list
	}
	return []any{v}
}

func TestRequiredMembersAreFoundMissing(t *testing.T) {
	body := map[string]any{
		"items": []any{map[string]any{"key": "a"}, map[string]any{}},
		"map":   map[string]any{"x": map[string]any{}},
		"null":  nil,
	}
	for path, want := range map[string]string{
		"null": "", "other": "other", "items[].key": "items[].key", "map{}.y": "map{}.y", "absent.y": "", "absent[].y": "",
	} {
		if got := absent(body, strings.Split(path, ".")); got != want {
			t.Errorf("%s: missing %q, want %q", path, got, want)
		}
	}
}
