package api

import (
	"compress/gzip"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"muster/internal/openapi"
)

// TestEveryRouteIsDescribed holds the rows of the table to what readers and generators of clients
// need.
func TestEveryRouteIsDescribed(t *testing.T) {
	used := map[string]bool{}
	for _, rt := range routes() {
		switch {
		case rt.id == "":
			t.Errorf("%s has no id: give it the name that generated clients call it by", rt.call())
		case rt.summary == "" || strings.HasSuffix(rt.summary, ".") || len(rt.summary) > 90:
			t.Errorf("%s: the summary %q is not a line without a full stop", rt.call(), rt.summary)
		case len(rt.answers) == 0:
			t.Errorf("%s: nobody says what it answers", rt.call())
		case !slices.ContainsFunc(groups, func(g openapi.Group) bool { return g.Name == rt.group }):
			t.Errorf("%s is in the group %q, which the reference lacks", rt.call(), rt.group)
		}
		for part := range strings.SplitSeq(rt.path, "/") {
			if name, ok := strings.CutPrefix(part, "{"); ok {
				name = strings.TrimSuffix(name, "}")
				used[name] = true
				if pathParameters[name] == "" {
					t.Errorf("%s: nobody says what %s is", rt.call(), name)
				}
			}
		}
	}
	if known := slices.Sorted(maps.Keys(pathParameters)); !slices.Equal(known, slices.Sorted(maps.Keys(used))) {
		t.Errorf("described are %v, in paths stand %v", known, slices.Sorted(maps.Keys(used)))
	}
}

func TestReferencesOfTheDocumentLeadSomewhere(t *testing.T) {
	text, err := Document()
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	refs := 0
	var follow func(v any)
	follow = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				refs++
				var at any = doc
				for name := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
					members, _ := at.(map[string]any)
					at = members[name]
				}
				if at == nil {
					t.Errorf("%s leads nowhere", ref)
				}
			}
			for _, inner := range v {
				follow(inner)
			}
		case []any:
			for _, inner := range v {
				follow(inner)
			}
		}
	}
	follow(doc)
	if refs == 0 {
		t.Error("the document has no references")
	}
}

func TestTheDocumentIsCachedAndCompressed(t *testing.T) {
	const path = "/api/v2/openapi.json"
	h := bare()
	plain := answer(h, "GET", path, nil)
	etag := plain.Header().Get("ETag")
	if plain.Code != 200 || etag == "" || plain.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%d %v", plain.Code, plain.Header())
	}
	for _, condition := range []string{etag, `"other", ` + etag} {
		if w := answer(h, "GET", path, map[string]string{"If-None-Match": condition}); w.Code != http.StatusNotModified || w.Body.Len() > 0 {
			t.Errorf("If-None-Match %s: %d, %d bytes", condition, w.Code, w.Body.Len())
		}
	}
	if w := answer(h, "GET", path, map[string]string{"If-None-Match": `"other"`}); w.Code != 200 {
		t.Errorf("another ETag: %d", w.Code)
	}
	zipped := answer(h, "GET", path, map[string]string{"Accept-Encoding": "gzip"})
	if zipped.Header().Get("Content-Encoding") != "gzip" || zipped.Body.Len() > plain.Body.Len()/4 {
		t.Fatalf("%v, %d of %d bytes", zipped.Header(), zipped.Body.Len(), plain.Body.Len())
	}
	z, err := gzip.NewReader(zipped.Body)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil || string(text) != plain.Body.String() {
		t.Errorf("%v; inflated it is another document", err)
	}
	if again := answer(bare(), "GET", path, nil); again.Header().Get("ETag") != etag {
		t.Error("the document of the next process is another one")
	}
}
