package api

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	policiesPage  = "../../docs/policies.md"
	tableOfRoutes = "| method | path | actions | on | beside |\n|---|---|---|---|---|\n"
)

// TestThePageOfPoliciesIsTheRouteTable holds the table of docs/policies.md to the routes. With
// -update it is rewritten.
func TestThePageOfPoliciesIsTheRouteTable(t *testing.T) {
	text, err := os.ReadFile(policiesPage)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	start := strings.Index(page, tableOfRoutes)
	if start < 0 {
		t.Fatalf("%s has no table that begins with\n%s", policiesPage, tableOfRoutes)
	}
	end := len(page)
	if i := strings.Index(page[start:], "\n\n"); i >= 0 {
		end = start + i + 1
	}
	var want strings.Builder
	want.WriteString(page[:start] + tableOfRoutes)
	for _, rt := range routes() {
		want.WriteString(rt.row())
	}
	want.WriteString(page[end:])
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(policiesPage, []byte(want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want.String(), page); diff != "" {
		t.Errorf("%s is not what the routes say; run this test with -update and read the difference:\n%s", policiesPage, diff)
	}
}

// row is the route as a line of the page.
func (rt route) row() string {
	method, path, _ := strings.Cut(rt.call(), " ")
	var resources []string
	byResource := map[string][]string{}
	for _, a := range rt.actions {
		on := rt.on(a)
		if byResource[on] == nil {
			resources = append(resources, on)
		}
		byResource[on] = append(byResource[on], "`"+string(a)+"`")
	}
	var actions, on []string
	for _, r := range resources {
		actions = append(actions, strings.Join(byResource[r], " "))
		on = append(on, "`"+r+"`")
	}
	note := rt.note
	if len(rt.actions) == 0 && note == "" {
		note = "any access token"
	}
	return fmt.Sprintf("| %s | `%s` | %s | %s | %s |\n", method, path, strings.Join(actions, "; "), strings.Join(on, "; "), note)
}
