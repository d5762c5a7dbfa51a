package catalog

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestInstructionsAboutMembers(t *testing.T) {
	keys := func(all ...any) map[string]any { return map[string]any{"Values": all} }
	for _, tt := range []struct {
		name string
		ins  []Instruction
		want *MemberInstructions
		err  string
	}{
		{"none", []Instruction{{Kind: "updateName", Params: map[string]any{"value": "a"}}}, nil, ""},
		{"each set by itself", []Instruction{
			{Kind: "addBigSegmentIncludedTargets", Params: keys("a", "b")},
			{Kind: "removeBigSegmentIncludedTargets", Params: keys("c")},
			{Kind: "addBigSegmentExcludedTargets", Params: keys("c")},
			{Kind: "RemoveBigSegmentExcludedTargets", Params: keys("a")},
		}, &MemberInstructions{
			AddIncluded: []string{"a", "b"}, RemoveIncluded: []string{"c"}, AddExcluded: []string{"c"}, RemoveExcluded: []string{"a"},
		}, ""},
		{"the last word on a key counts", []Instruction{
			{Kind: "removeBigSegmentIncludedTargets", Params: keys("a", "b")},
			{Kind: "addBigSegmentIncludedTargets", Params: keys("a")},
		}, &MemberInstructions{AddIncluded: []string{"a"}, RemoveIncluded: []string{"b"}}, ""},
		{"an import", []Instruction{{Kind: "processBigSegmentImport", Params: map[string]any{"importId": "i"}}}, &MemberInstructions{Import: "i"}, ""},
		{"an import without a name", []Instruction{{Kind: "processBigSegmentImport"}}, nil, "importId is missing"},
		{"a key in both sets", []Instruction{
			{Kind: "addBigSegmentIncludedTargets", Params: keys("a")}, {Kind: "addBigSegmentExcludedTargets", Params: keys("a")},
		}, nil, "included and excluded"},
		{"something else beside them", []Instruction{
			{Kind: "addBigSegmentIncludedTargets", Params: keys("a")}, {Kind: "addTags", Params: keys("t")},
		}, nil, "a request of their own"},
		{"an import beside them", []Instruction{
			{Kind: "addBigSegmentIncludedTargets", Params: keys("a")}, {Kind: "processBigSegmentImport", Params: map[string]any{"importId": "i"}},
		}, nil, "a request of its own"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := InstructMembers(tt.ins)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("got %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
