package ingest_test

import (
	"strings"
	"testing"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/ingest"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

func edit(e ingest.Edit) ingest.Edit {
	e.Project, e.Environment, e.Segment = "web", "production", "rudderstack-trial"
	return e
}

func TestAnEditByHandMarksASyncedSegmentAsDrifted(t *testing.T) {
	h := newHouse(t)
	h.push(t, syncToken, batch(cohort("trial", "Trial", "+ann")))
	editor := may("proj/*:env/*:segment/*", "updateIncluded", "updateExcluded")
	run, err := h.Edit(t.Context(), editor, edit(ingest.Edit{
		AddIncluded: []string{"ben", "ann", "cleo"}, RemoveIncluded: []string{"cleo"}, AddExcluded: []string{"dan"}, Comment: "break glass",
	}))
	if err != nil {
		t.Fatal(err)
	}
	// Cleo's two changes fold into a removal of somebody who is not there.
	if run.Received != 5 || run.Added != 2 || run.Removed != 0 || run.Unchanged != 3 || run.Kind != segment.EditRun {
		t.Errorf("run %+v", run)
	}
	s := h.segment(t, "rudderstack-trial")
	if !s.Source.Drifted || s.Version != 1 {
		t.Errorf("after the edit: %+v, %+v", s, s.Source)
	}
	view, err := h.store.View(production)
	if err != nil {
		t.Fatal(err)
	}
	if state, err := view.State(s.Ref(), segment.HashOf("dan")); err != nil || state != segment.Exclude {
		t.Errorf("dan is %04b, %v", state, err)
	}
}

func TestEditsNeedTheActionOfEachSetTheyTouch(t *testing.T) {
	h := newHouse(t)
	h.push(t, syncToken, batch(cohort("trial", "Trial", "+ann")))
	tests := map[string]struct {
		who  catalog.Caller
		edit ingest.Edit
		ok   bool
	}{
		"included with updateIncluded":    {may("proj/*:env/*:segment/*", "updateIncluded"), ingest.Edit{AddIncluded: []string{"x"}}, true},
		"excluded with updateIncluded":    {may("proj/*:env/*:segment/*", "updateIncluded"), ingest.Edit{AddExcluded: []string{"x"}}, false},
		"excluded with updateExcluded":    {may("proj/*:env/*:segment/*", "updateExcluded"), ingest.Edit{RemoveExcluded: []string{"x"}}, true},
		"both with one":                   {may("proj/*:env/*:segment/*", "updateExcluded"), ingest.Edit{AddExcluded: []string{"x"}, RemoveIncluded: []string{"ann"}}, false},
		"nothing without viewing":         {may("proj/*:env/*:segment/*", "updateName"), ingest.Edit{}, false},
		"nothing by somebody who may see": {may("proj/*", "viewProject"), ingest.Edit{}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := h.Edit(t.Context(), tt.who, edit(tt.edit))
			if (err == nil) != tt.ok {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestEditsThatCanNeverSucceed(t *testing.T) {
	h := newHouse(t)
	h.push(t, syncToken, batch(cohort("trial", "Trial", "+ann")))
	bounded := &catalog.Segment{ID: catalog.NewID(), Env: production, Key: "bounded", Name: "Bounded", Tags: []string{}, Version: 1, Generation: 1}
	if _, err := h.store.Update(t.Context(), store.Scope{Env: production}, func(tx store.Tx) error { tx.PutSegment(bounded); return nil }); err != nil {
		t.Fatal(err)
	}
	everything := catalog.Caller{Principal: policy.Principal{Roles: []policy.Role{{Base: policy.NoAccess, Policy: []policy.Statement{{Effect: policy.Allow, Actions: []string{"*"}, Resources: []string{"*"}}}}}}}
	with := func(change func(*ingest.Edit)) ingest.Edit {
		e := edit(ingest.Edit{AddIncluded: []string{"x"}})
		change(&e)
		return e
	}
	tests := map[string]struct {
		edit ingest.Edit
		kind fault.Kind
	}{
		"an empty key":                      {with(func(e *ingest.Edit) { e.AddIncluded = []string{""} }), fault.Invalid},
		"a key that is too long":            {with(func(e *ingest.Edit) { e.AddIncluded = []string{strings.Repeat("x", 2049)} }), fault.Invalid},
		"too many keys":                     {with(func(e *ingest.Edit) { e.AddIncluded = make([]string, ingest.MaxEditKeys+1); fill(e.AddIncluded) }), fault.TooLarge},
		"a segment that keeps its targets":  {with(func(e *ingest.Edit) { e.Segment = "bounded" }), fault.Invalid},
		"a segment of another context kind": {with(func(e *ingest.Edit) { e.Kind = "account" }), fault.Invalid},
		"an unknown segment":                {with(func(e *ingest.Edit) { e.Segment = "nope" }), fault.NotFound},
		"an unknown environment":            {with(func(e *ingest.Edit) { e.Environment = "nope" }), fault.NotFound},
		"an unknown project":                {with(func(e *ingest.Edit) { e.Project = "nope" }), fault.NotFound},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := h.Edit(t.Context(), everything, tt.edit)
			wantKind(t, err, tt.kind)
		})
	}
}

func fill(keys []string) {
	for i := range keys {
		keys[i] = "x"
	}
}
