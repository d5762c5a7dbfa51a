package compat

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	ldapi "github.com/launchdarkly/api-client-go/v17"
)

// clientEndpoints returns the endpoints that the generated client has, as nameless spells them, with the
// type that it decodes a success into: nil where it expects no body. It reads them from the client's
// source, because the package does not export them.
func clientEndpoints(t testing.TB) map[string]reflect.Type {
	t.Helper()
	const module = "github.com/launchdarkly/api-client-go/v17"
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		t.Fatalf("where the source of %s is: %v", module, err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "api_*.go"))
	if err != nil {
		t.Fatal(err)
	}
	call := regexp.MustCompile(`(?s)func \(a \*(\w+)Service\) (\w+Execute)\(.*?http\.Method(\w+)\n.*?localBasePath \+ "/api/v2([^"]*)"`)
	client := reflect.ValueOf(ldapi.NewAPIClient(ldapi.NewConfiguration())).Elem()
	endpoints := map[string]reflect.Type{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range call.FindAllStringSubmatch(string(text), -1) {
			execute := client.FieldByName(found[1]).MethodByName(found[2]).Type()
			var answer reflect.Type
			if execute.NumOut() == 3 {
				answer = execute.Out(0)
			}
			endpoints[nameless(strings.ToUpper(found[3])+" "+found[4])] = answer
		}
	}
	if len(endpoints) < 250 {
		t.Fatalf("the source of %s shows %d endpoints; was its form changed?", module, len(endpoints))
	}
	return endpoints
}

var pathParameter = regexp.MustCompile(`{\w+}`)

// nameless leaves the names of path parameters out of an endpoint, since the client has others.
func nameless(endpoint string) string {
	return strings.TrimSuffix(pathParameter.ReplaceAllString(endpoint, "{}"), "/")
}

// overstated has the members that this version of the client calls required although the service leaves
// them out. Later versions call them optional.
var overstated = map[string]bool{
	"FeatureFlag.environments":   true, // a list has them only with the parameter env
	"RelayAutoConfigRep.fullKey": true, // shown at creation and reset only
}

// unmet goes through a body along the type that the client decodes it into. It names the members that the
// type does not mark as optional and that the body lacks, and those that the table does not ask for.
// Newer clients refuse what lacks one.
func unmet(typ reflect.Type, v any, path string, table []string) (missing, untold []string) {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	inner := func(typ reflect.Type, v any, path string) {
		m, u := unmet(typ, v, path, table)
		missing, untold = append(missing, m...), append(untold, u...)
	}
	switch typ.Kind() {
	case reflect.Slice:
		list, _ := v.([]any)
		for _, e := range list {
			inner(typ.Elem(), e, path+"[]")
		}
	case reflect.Map:
		object, _ := v.(map[string]any)
		for _, e := range object {
			inner(typ.Elem(), e, path+"{}")
		}
	case reflect.Struct:
		object, ok := v.(map[string]any)
		if !ok {
			return nil, nil
		}
		for field := range typ.Fields() {
			name, options, tagged := strings.Cut(field.Tag.Get("json"), ",")
			if name == "" {
				continue
			}
			at := strings.TrimPrefix(path+"."+name, ".")
			member, held := object[name]
			optional := tagged && options == "omitempty" || overstated[typ.Name()+"."+name]
			if !optional && !held {
				missing = append(missing, at)
			}
			if !optional && !slices.Contains(table, at) {
				untold = append(untold, at)
			}
			inner(field.Type, member, at)
		}
	}
	return missing, untold
}
