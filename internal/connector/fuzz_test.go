package connector

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"muster/internal/fault"
	"muster/internal/segment"
)

func FuzzBody(f *testing.F) {
	files, err := filepath.Glob("testdata/samples/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	for _, body := range []string{
		"", "\ufeff{}", "{}{}", `{"a":1,"a":2}`, strings.Repeat("[", 100), `"\ud83d"`, "\"\xff\"", "1e999999999", "nul",
		listBody(`,"listData":{"add":[{"id":"\ud83d"},{"id":1e3}],"add":{}}`),
		rowBody(oneRow + `,{"userId":[],"cohortId":{},"value":"x"}`),
	} {
		f.Add([]byte(body))
	}
	r, err := NewRegistry()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, m := range r.All() {
			p, err := m.Parse(bytes.NewReader(body), "fallback")
			checkParsed(t, body, p, err)
			for _, o := range []Outcome{{}, {Status: 400, ErrorMessage: "no", Code: fault.CodeInvalidRequest}} {
				if _, reply := m.Reply(p, o); reply != nil && !json.Valid(reply) {
					t.Fatalf("%s: reply %q is no JSON", m.Key, reply)
				}
			}
		}
	})
}

func checkParsed(t *testing.T, body []byte, p *Parsed, err error) {
	t.Helper()
	var known *fault.Error
	switch {
	case p == nil || p.Batch == nil:
		t.Fatal("nothing was returned")
	case err != nil && (!errors.As(err, &known) || known.Kind != fault.Invalid):
		t.Fatalf("error is %v", err)
	case err != nil && strings.ContainsAny(known.Message, "\"\\\n\r"):
		t.Fatalf("message %q", known.Message)
	case err != nil || p.Ping:
		return
	case !json.Valid(bytes.TrimPrefix(body, []byte("\ufeff"))):
		t.Fatal("a body that is no JSON was read")
	}
	b := p.Batch
	received, skipped := 0, 0
	for _, c := range b.Cohorts {
		if c.ExternalID == "" || len(c.ExternalID) > MaxCohortIDBytes || c.Name == "" {
			t.Fatalf("cohort %q with name %q", c.ExternalID, c.Name)
		}
		received += c.Received
		skipped += c.Received - c.Changes.Len()
		c.Changes.Compact()
		for ch := range c.Changes.All() {
			if len(ch.Key) == 0 || len(ch.Key) > segment.MaxKeyBytes || ch.Ops != segment.Include && ch.Ops != segment.Uninclude {
				t.Fatalf("change of %d bytes with operations %d", len(ch.Key), ch.Ops)
			}
		}
	}
	if page := b.Page; page != nil && (b.Mode != segment.Replace || page.Session == "" || page.Index < 0 || page.Index >= page.Total || page.Total > segment.MaxPages) {
		t.Fatalf("mode %d with page %+v", b.Mode, page)
	}
	if len(b.MessageID) > segment.MaxMessageIDBytes {
		t.Fatalf("message id of %d bytes", len(b.MessageID))
	}
	if received != b.Received || skipped != b.Skipped || b.Received > 0 && b.Skipped == b.Received || b.Environment == "" {
		t.Fatalf("batch of %d received, %d skipped; cohorts have %d and %d", b.Received, b.Skipped, received, skipped)
	}
}

func FuzzManifest(f *testing.F) {
	files, err := filepath.Glob("manifests/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(manifestText(needed+one+byAction+byID, `,"x-muster":{"removeMatcher":"^remove$","okStatus":200},"jsonResponseBody":"{}"`)))
	f.Add([]byte(manifestText(needed+one+byAction+byID, `,"x-muster":{"replaceMatcher":"^add$",`+paged+`,"dedupePath":"/m/0/id","emptyOk":"/m"}`)))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ParseManifest("tool", text)
		if err != nil {
			return
		}
		body := []byte(listBody(`,"action":"add","batch":[{"userId":"u1"}],"members":[{"id":"u1"}]`))
		p, err := m.Parse(bytes.NewReader(body), "fallback")
		checkParsed(t, body, p, err)
		if _, reply := m.Reply(p, Outcome{}); reply != nil && !json.Valid(reply) {
			t.Fatalf("reply %q is no JSON", reply)
		}
	})
}

func FuzzPointer(f *testing.F) {
	for _, pointer := range []string{"", "/", "/a/0/b", "/a~1b~0", "~", "/~2", "/-", "/batch[0]/x"} {
		f.Add(pointer)
	}
	f.Fuzz(func(t *testing.T, pointer string) {
		tokens, err := parsePointer(pointer)
		if err != nil {
			return
		}
		again := ""
		for _, token := range tokens {
			again += "/" + strings.ReplaceAll(strings.ReplaceAll(token, "~", "~0"), "/", "~1")
		}
		if again != pointer {
			t.Fatalf("%q became %q", pointer, again)
		}
		var w wanted
		if first := w.add(tokens); w.add(tokens) != first {
			t.Fatal("one place has two slots")
		}
	})
}

func FuzzTemplate(f *testing.F) {
	for _, text := range []string{
		`{}`, `{"a":"{{segmentKey}}"}`, `{{{errorMessage}}}`, `{{#if errorMessage}}1{{else}}2{{/if}}`,
		`["{{requestBody.x.[0].y}}\{{added}}"]`, `{{`, `{{/if}}`, `{{#if a}}{{else}}{{else}}{{/if}}`,
	} {
		f.Add(text, "q\"\\\n")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		tpl, err := parseTemplate(text, &wanted{})
		if err != nil {
			return
		}
		out, ok := tpl.render(Outcome{ErrorMessage: value, SegmentKey: segment.Key(value), Added: 1}.value(nil))
		if ok && !json.Valid(out) {
			t.Fatalf("%q passed for JSON", out)
		}
	})
}
