package connector

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"muster/internal/fault"
	"muster/internal/segment"
)

// told is what a request says beside its members.
type told struct {
	mode        segment.Mode
	page        segment.Page
	message     string
	add, remove []string
}

func TestWebhooksWhoseAddressNamesTheEnvironment(t *testing.T) {
	session := func(index, total int) segment.Page {
		return segment.Page{Session: "mp-sess-01", Index: index, Total: total}
	}
	for file, want := range map[string]told{
		"amplitude-webhook-add.json":    {message: "3f1c0b52-7f6e-4f7e-9d7b-6a2b8d1c0e55::enter::0", add: []string{"u-1001", "u-1002"}},
		"amplitude-webhook-remove.json": {message: "3f1c0b52-7f6e-4f7e-9d7b-6a2b8d1c0e55::exit::0", remove: []string{"u-1003"}},
		"mixpanel-add.json":             {add: []string{"mp-4"}},
		"mixpanel-remove.json":          {remove: []string{"mp-1"}},
		"mixpanel-empty.json":           {},
		"mixpanel-members-page1.json":   {mode: segment.Replace, page: session(0, 2), add: []string{"mp-1", "mp-2"}},
		"mixpanel-members-page2.json":   {mode: segment.Replace, page: session(1, 2), add: []string{"mp-3"}},
	} {
		t.Run(file, func(t *testing.T) {
			body, err := os.Open(filepath.Join("testdata/samples", file))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = body.Close() }() // it was only read
			tool, _, _ := strings.Cut(file, "-")
			if tool == "amplitude" {
				tool = "amplitude-webhook"
			}
			m := shippedTool(t, tool)
			if _, err := m.Parse(body, ""); fault.KindOf(err) != fault.Invalid {
				t.Errorf("without an environment: %v", err)
			}
			p, err := m.Parse(body, "e1")
			if err != nil {
				t.Fatal(err)
			}
			if p.Batch.Environment != "e1" || len(p.Batch.Cohorts) != 1 {
				t.Fatalf("environment %q, cohorts %v", p.Batch.Environment, p.Batch.Cohorts)
			}
			if d := cmp.Diff(fmt.Sprint(want), fmt.Sprint(heard(p))); d != "" {
				t.Error(d)
			}
			if status, _ := m.Reply(p, Outcome{}); status != 200 {
				t.Errorf("status %d", status)
			}
		})
	}
}

func heard(p *Parsed) told {
	b := p.Batch
	got := told{mode: b.Mode, message: b.MessageID}
	if b.Page != nil {
		got.page = *b.Page
	}
	got.add, got.remove = members(b.Cohorts[0].Changes)
	return got
}

// whole is a request of Mixpanel that lists the whole cohort, around what a case varies.
func whole(session, page, total, members string) string {
	return `{` + env + `,"action":"members","parameters":{"mixpanel_cohort_id":"c1","mixpanel_cohort_name":"Cohort","mixpanel_session_id":` + session +
		`,"page_info":{"page_count":` + page + `,"total_pages":` + total + `},"members":[` + members + `]}}`
}

func TestPagesOfAWholeMembership(t *testing.T) {
	member := `{"mixpanel_distinct_id":"m1"}`
	for name, tt := range map[string]struct {
		body string
		page segment.Page
		want string
	}{
		"a page of several":                   {whole(`"s"`, `2`, `3`, member), segment.Page{Session: "s", Index: 1, Total: 3}, ""},
		"numbers as text":                     {whole(`7`, `"1"`, `"1"`, member), segment.Page{Session: "7", Total: 1}, ""},
		"a whole membership without anybody":  {whole(`"s"`, `1`, `1`, ``), segment.Page{Session: "s", Total: 1}, ""},
		"no session":                          {whole(`null`, `1`, `1`, member), segment.Page{}, "could not find path /parameters/mixpanel_session_id in request payload"},
		"a blank session":                     {whole(`" "`, `1`, `1`, member), segment.Page{}, "could not find path /parameters/mixpanel_session_id in request payload"},
		"a session without end":               {whole(`"`+strings.Repeat("s", 256)+`"`, `1`, `1`, member), segment.Page{}, "longer than 255 bytes"},
		"no page":                             {whole(`"s"`, `null`, `1`, member), segment.Page{}, "could not find path /parameters/page_info/page_count"},
		"a page before the first":             {whole(`"s"`, `0`, `2`, member), segment.Page{}, "must be 1 to 2"},
		"a page behind the last":              {whole(`"s"`, `3`, `2`, member), segment.Page{}, "must be 1 to 2"},
		"no pages at all":                     {whole(`"s"`, `1`, `0`, member), segment.Page{}, "must be 1 to 100000"},
		"more pages than anybody has":         {whole(`"s"`, `1`, `100001`, member), segment.Page{}, "must be 1 to 100000"},
		"a number of pages beyond all counts": {whole(`"s"`, `1`, `1e300`, member), segment.Page{}, "is no number of pages"},
		"a page that is no number":            {whole(`"s"`, `"x"`, `1`, member), segment.Page{}, "is no number of pages"},
		"half a page":                         {whole(`"s"`, `1.5`, `2`, member), segment.Page{}, "neither a text nor a whole number"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := parse(t, shippedTool(t, "mixpanel"), tt.body)
			if tt.want != "" {
				if err == nil || fault.KindOf(err) != fault.Invalid || !strings.Contains(fault.From(err).Message, tt.want) {
					t.Fatalf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if p.Batch.Mode != segment.Replace || p.Batch.Page == nil || *p.Batch.Page != tt.page {
				t.Errorf("mode %d, page %+v", p.Batch.Mode, p.Batch.Page)
			}
		})
	}
}

func TestAToolThatListsTheWholeInOneRequest(t *testing.T) {
	m, err := ParseManifest("tool", []byte(manifestText(needed+one+byAction+byID, `,"x-muster":{"replaceMatcher":"^all$"}`)))
	if err != nil {
		t.Fatal(err)
	}
	for action, mode := range map[string]segment.Mode{"all": segment.Replace, "add": segment.Delta, "other": segment.Delta} {
		p, err := parse(t, m, `{"e":"e","i":"i","n":"n","action":"`+action+`","m":[{"id":"u1"}]}`)
		if err != nil || p.Batch.Mode != mode || p.Batch.Page != nil {
			t.Errorf("%s: mode %d, page %v, error %v", action, p.Batch.Mode, p.Batch.Page, err)
		}
	}
}

func TestMessageIDs(t *testing.T) {
	m, err := ParseManifest("tool", []byte(manifestText(needed+two+byID, `,"x-muster":{"dedupePath":"/msg"}`)))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		msg, want string
		noted     bool
	}{
		"text":                {`"m-1"`, "m-1", false},
		"a number":            {`17`, "17", false},
		"none":                {`null`, "", false},
		"empty":               {`""`, "", false},
		"the longest":         {`"` + strings.Repeat("m", 255) + `"`, strings.Repeat("m", 255), false},
		"one that is longer":  {`"` + strings.Repeat("m", 256) + `"`, "", true},
		"one that is no text": {`{"id":1}`, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := parse(t, m, `{"e":"e","i":"i","n":"n","msg":`+tt.msg+`,"a":[{"id":"u1"}]}`)
			if err != nil || p.Batch.MessageID != tt.want || (p.Batch.Note != "") != tt.noted {
				t.Errorf("message id %q, note %q, error %v", p.Batch.MessageID, p.Batch.Note, err)
			}
		})
	}
}

func TestPings(t *testing.T) {
	m, err := ParseManifest("tool", []byte(manifestText(needed+two+byID, `,"x-muster":{"emptyOk":"/a"}`)))
	if err != nil {
		t.Fatal(err)
	}
	for body, ping := range map[string]bool{
		`{}`:                               true,
		`{"x":[1]}`:                        true,
		`{"a":null}`:                       true,
		`{"e":"e","i":"i","n":"n","a":[]}`: false,
		`{"e":"e","i":"i","n":"n","a":[{"id":"u"}]}`: false,
	} {
		p, err := parse(t, m, body)
		if err != nil || p.Ping != ping {
			t.Errorf("%s: ping %v, error %v", body, p.Ping, err)
		}
	}
	if p, err := parse(t, m, `{"x":`); err == nil || p.Ping {
		t.Error("a body that is no JSON was taken for a ping")
	}
}

func TestMembersThatSayByAWordWhetherTheyJoin(t *testing.T) {
	m, err := ParseManifest("tool", []byte(manifestText(needed+one+byFlag, `,"x-muster":{"membershipMatcher":"^(add|1)$"}`)))
	if err != nil {
		t.Fatal(err)
	}
	p, err := parse(t, m, `{"e":"e","i":"i","n":"n","m":[{"id":"u1","in":"add"},{"id":"u2","in":"delete"},{"id":"u3","in":1},{"id":"u4","in":{}},{"id":"u5"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	add, remove := members(p.Batch.Cohorts[0].Changes)
	if d := cmp.Diff([][]string{{"u1", "u3"}, {"u2"}}, [][]string{add, remove}); d != "" {
		t.Error(d)
	}
	if p.Batch.Skipped != 2 {
		t.Errorf("skipped %d", p.Batch.Skipped)
	}
}
