package compat

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi/datamodel/high/base"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
)

func TestTheDocumentIsOpenAPI31(t *testing.T) {
	doc := documentOf(t, served(t))
	v, errs := validator.NewValidator(doc)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if valid, problems := v.ValidateDocument(); !valid {
		for _, p := range problems {
			t.Errorf("%s: %s", p.Message, p.Reason)
			for _, s := range p.SchemaValidationErrors {
				t.Errorf("  %s: %s", s.KeywordLocation, s.Reason)
			}
		}
	}
	if version := doc.GetVersion(); version != "3.1.0" {
		t.Errorf("it says that it is %s", version)
	}
}

// Where muster's own operations stand at a path that LaunchDarkly uses for something else.
var notTheirs = map[string]bool{
	"get /api/v2/projects/{}/environments/{}/followers": true, // of flags there, of the log here
}

// What LaunchDarkly's document requires and muster's leaves open.
var leftOpen = map[string]bool{
	"experimentAllocation": true, // kept as it is sent
	"environments":         true, // a collection or an array, and of flags often absent on their side too
	"fullKey":              true, // told only where a key is made
}

// TestOperationsHaveLaunchDarklysNames compares muster's document with the one that LaunchDarkly's
// generated client comes with: where both have an operation it has one name, in one class, and its
// answer has the members that theirs requires.
func TestOperationsHaveLaunchDarklysNames(t *testing.T) {
	theirs, ours := operationsOf(t, theirDocument(t)), operationsOf(t, documentOf(t, served(t)))
	common := 0
	for call, op := range ours {
		other := theirs[call]
		if other == nil || notTheirs[call] {
			continue
		}
		common++
		if op.OperationId != other.OperationId {
			t.Errorf("%s is %s, and %s to their clients", call, op.OperationId, other.OperationId)
		}
		if !slices.Equal(op.Tags, other.Tags) && !strings.HasSuffix(other.Tags[0], "(beta)") {
			t.Errorf("%s is in the class %s, and in %s to their clients", call, op.Tags, other.Tags)
		}
		for pair := other.Responses.Codes.First(); pair != nil; pair = pair.Next() {
			if pair.Key() >= "300" {
				continue
			}
			answer := op.Responses.Codes.GetOrZero(pair.Key())
			if answer == nil {
				t.Errorf("%s never answers %s, as theirs does", call, pair.Key())
				continue
			}
			want, got := jsonOf(pair.Value()), jsonOf(answer)
			if want != nil && got == nil {
				t.Errorf("%s: their %s has a body", call, pair.Key())
			} else if want != nil {
				compareRequired(t, call, want, got, nil)
			}
		}
	}
	if common < 60 {
		t.Errorf("only %d operations are common to both", common)
	}
}

// compareRequired fails unless everything that theirs requires is in ours, down to the last object.
func compareRequired(t *testing.T, where string, theirs, ours *base.Schema, above []*base.Schema) {
	t.Helper()
	if len(ours.AnyOf) > 0 {
		ours = ours.AnyOf[0].Schema()
	}
	if slices.Contains(above, theirs) || len(above) > 8 {
		return
	}
	above = append(above, theirs)
	if theirs.Items != nil && ours.Items != nil {
		compareRequired(t, where+"[]", theirs.Items.A.Schema(), ours.Items.A.Schema(), above)
	}
	if theirs.AdditionalProperties != nil && theirs.AdditionalProperties.IsA() && ours.AdditionalProperties != nil && ours.AdditionalProperties.IsA() {
		compareRequired(t, where+"{}", theirs.AdditionalProperties.A.Schema(), ours.AdditionalProperties.A.Schema(), above)
	}
	// The names in a map, such as that of links, are no part of the document; required.json has them.
	named := ours.AdditionalProperties == nil || !ours.AdditionalProperties.IsA()
	for _, name := range theirs.Required {
		if named && !slices.Contains(ours.Required, name) && !leftOpen[name] {
			t.Errorf("%s: %s is required by their clients, and not in the document", where, name)
		}
	}
	if theirs.Properties == nil || ours.Properties == nil {
		return
	}
	for pair := theirs.Properties.First(); pair != nil; pair = pair.Next() {
		if mine := ours.Properties.GetOrZero(pair.Key()); mine != nil && !leftOpen[pair.Key()] || mine != nil && mine.Schema().AdditionalProperties != nil {
			compareRequired(t, where+"."+pair.Key(), pair.Value().Schema(), mine.Schema(), above)
		}
	}
}

// served is the document that the binary serves.
func served(t *testing.T) []byte {
	t.Helper()
	return start(t).must(t, 200, "GET", "/api/v2/openapi.json", "")
}

// theirDocument is the one in the sources of LaunchDarkly's generated client.
func theirDocument(t *testing.T) libopenapi.Document {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/launchdarkly/api-client-go/v17").Output()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "api", "openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return documentOf(t, text)
}

func documentOf(t *testing.T, text []byte) libopenapi.Document {
	t.Helper()
	doc, err := libopenapi.NewDocument(text)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

var parameter = regexp.MustCompile(`\{[^}]*\}`)

// operationsOf returns the operations of a document by method and path, the names of path parameters
// left out.
func operationsOf(t *testing.T, doc libopenapi.Document) map[string]*v3.Operation {
	t.Helper()
	model, err := doc.BuildV3Model()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*v3.Operation{}
	for path := model.Model.Paths.PathItems.First(); path != nil; path = path.Next() {
		for op := path.Value().GetOperations().First(); op != nil; op = op.Next() {
			all[op.Key()+" "+parameter.ReplaceAllString(path.Key(), "{}")] = op.Value()
		}
	}
	return all
}

// jsonOf returns the shape of a JSON answer; nil if it has none.
func jsonOf(r *v3.Response) *base.Schema {
	if r.Content == nil {
		return nil
	}
	media := r.Content.GetOrZero("application/json")
	if media == nil || media.Schema == nil {
		return nil
	}
	return media.Schema.Schema()
}
