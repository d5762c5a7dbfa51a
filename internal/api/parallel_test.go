package api_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// writers is how many change one object at the same time.
const writers = 64

// together runs one function for each writer at the same time.
func together(do func(writer int)) {
	var ready, group sync.WaitGroup
	begin := make(chan struct{})
	ready.Add(writers)
	for i := range writers {
		group.Go(func() {
			ready.Done()
			<-begin
			do(i)
		})
	}
	ready.Wait()
	close(begin)
	group.Wait()
}

// TestParallelPatchesLoseNothing lets everybody patch the same object at the same time, each with a
// change of their own, in every form of a patch there is.
func TestParallelPatchesLoseNothing(t *testing.T) {
	tag := func(i int) string { return fmt.Sprintf("t%02d", i) }
	addTag := func(i int) string { return `[{"op":"add","path":"/tags/-","value":"` + tag(i) + `"}]` }
	all := make([]string, writers)
	for i := range all {
		all[i] = `"` + tag(i) + `"`
	}
	wanted := "[" + strings.Join(all, ",") + "]"
	for name, tt := range map[string]struct {
		path, form string
		body       func(i int) string
		at, want   string
	}{
		"tags of a flag":                    {"/flags/default/f", "", addTag, "tags", wanted},
		"tags of a flag, by instructions":   {"/flags/default/f", semantic, func(i int) string { return `{"instructions":[{"kind":"addTags","values":["` + tag(i) + `"]}]}` }, "tags", wanted},
		"tags of a segment":                 {seg + "/listed", "", addTag, "tags", wanted},
		"tags of a segment, by instruction": {seg + "/listed", semantic, func(i int) string { return `{"instructions":[{"kind":"addTags","values":["` + tag(i) + `"]}]}` }, "tags", wanted},
		"tags of a project":                 {"/projects/default", "", addTag, "tags", wanted},
		"tags of an environment":            {env, "", addTag, "tags", wanted},
		"custom properties by merge":        {"/flags/default/f", "", func(i int) string { return `{"customProperties":{"` + tag(i) + `":{"name":"P","value":["v"]}}}` }, "", ""},
		"configurations of a flag": {"/flags/default/f", "", func(i int) string {
			return `[{"op":"add","path":"/environments/production/rules/-","value":{"variation":0,"clauses":[{"attribute":"a","op":"in","values":["` + tag(i) + `"]}]}}]`
		}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAccount(t)
			a.must(t, 201, "", "POST", seg, `{"key":"listed","name":"Listed"}`)
			a.must(t, 201, "", "POST", "/flags/default", `{"key":"f","name":"F"}`)
			together(func(i int) {
				var header []string
				if tt.form != "" {
					header = []string{"Content-Type", tt.form}
				}
				a.must(t, 200, "", "PATCH", tt.path, tt.body(i), header...)
			})
			got := a.must(t, 200, "", "GET", tt.path, "")
			if tt.at != "" {
				got.want(t, tt.at, tt.want)
			}
			for i := range writers {
				if !strings.Contains(string(got.text), `"`+tag(i)+`"`) {
					t.Errorf("the change of writer %d is lost", i)
				}
			}
			if n := a.audited(t, "updated"); n != writers {
				t.Errorf("%d entries in the audit log tell of %d changes", n, writers)
			}
		})
	}
}

// audited returns how many entries of the audit log have the verb.
func (a *account) audited(t testing.TB, verb string) int {
	t.Helper()
	n := 0
	for path := "/auditlog?limit=20"; path != ""; {
		page := a.must(t, 200, "", "GET", path, "")
		for i := 0; page.at(fmt.Sprintf("items.%d", i)) != nil; i++ {
			if strings.HasPrefix(page.str(fmt.Sprintf("items.%d.titleVerb", i)), verb) {
				n++
			}
		}
		path = strings.TrimPrefix(page.str("_links.next.href"), "/api/v2")
	}
	return n
}

// TestOfParallelChangesOfOneVersionOneWins lets everybody change the version that they have read: one
// does, the others are told, and nothing of theirs is there.
func TestOfParallelChangesOfOneVersionOneWins(t *testing.T) {
	for name, tt := range map[string]struct {
		path   string
		body   string
		header []string
		lost   int
		code   string
	}{
		"a test of a flag's version":        {"/flags/default/f", `[{"op":"test","path":"/_version","value":2},{"op":"replace","path":"/name","value":"N"}]`, nil, 409, "optimistic_locking_error"},
		"a test of a segment's version":     {seg + "/listed", `[{"op":"test","path":"/version","value":1},{"op":"replace","path":"/name","value":"N"}]`, nil, 409, "optimistic_locking_error"},
		"a test of a configuration":         {"/flags/default/f", `[{"op":"test","path":"/environments/production/version","value":1},{"op":"replace","path":"/environments/production/on","value":true}]`, nil, 409, "optimistic_locking_error"},
		"If-Match of a flag":                {"/flags/default/f", `{"name":"N"}`, []string{"If-Match", `"2"`}, 412, "precondition_failed"},
		"If-Match of a segment":             {seg + "/listed", `{"name":"N"}`, []string{"If-Match", `"1"`}, 412, "precondition_failed"},
		"If-Match of an environment":        {env, `{"name":"N"}`, []string{"If-Match", `"1"`}, 412, "precondition_failed"},
		"If-Match and a semantic patch":     {"/flags/default/f", `{"environmentKey":"production","instructions":[{"kind":"turnFlagOn"}]}`, []string{"If-Match", `"2"`, "Content-Type", semantic}, 412, "precondition_failed"},
		"a copy with the version of target": {"/flags/default/f/copy", `{"source":{"key":"test"},"target":{"key":"production","currentVersion":1}}`, nil, 409, "optimistic_locking_error"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAccount(t)
			a.must(t, 201, "", "POST", seg, `{"key":"listed","name":"Listed"}`)
			a.must(t, 201, "", "POST", "/flags/default", `{"key":"f","name":"F"}`)
			a.must(t, 200, "", "PATCH", "/flags/default/f", `{"environments":{"test":{"offVariation":0}}}`)
			method := "PATCH"
			if strings.HasSuffix(tt.path, "/copy") {
				method = "POST"
			}
			var mu sync.Mutex
			won := 0
			together(func(int) {
				got := a.call(t, method, tt.path, tt.body, tt.header...)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case got.status < 300:
					won++
				case got.status != tt.lost || got.str("code") != tt.code:
					t.Errorf("a loser is told %d %s", got.status, got.text)
				}
			})
			if won != 1 {
				t.Errorf("%d of %d won", won, writers)
			}
		})
	}
}
