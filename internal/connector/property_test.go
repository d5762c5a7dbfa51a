package connector

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"muster/internal/segment"
)

// said is one member as a tool means it: a number or text for an id, the cohort, the direction.
type said struct {
	id     any
	cohort string
	joins  bool
}

func (s said) key() string { return fmt.Sprint(s.id) }

func anyID() *rapid.Generator[any] {
	return rapid.OneOf(
		rapid.Map(rapid.Int64(), func(n int64) any { return n }),
		rapid.Map(rapid.SampledFrom([]string{"u1", "u2", "u3", "zoë", "🦊", "a/b", "q\"uo\\te", "\x00\n", "<&>", "10"}), func(s string) any { return s }),
		rapid.Map(rapid.StringN(1, 40, -1), func(s string) any { return strings.ToValidUTF8(s, "?") }),
	)
}

// object renders fields in random order, as senders do.
func object(t *rapid.T, fields map[string]any) json.RawMessage {
	names := rapid.Permutation(slices.Sorted(maps.Keys(fields))).Draw(t, "order")
	var b strings.Builder
	for i, name := range names {
		sep := ","
		if i == 0 {
			sep = "{"
		}
		fmt.Fprintf(&b, "%s%s:%s", sep, asJSON(t, name), asJSON(t, fields[name]))
	}
	return json.RawMessage(b.String() + "}")
}

func asJSON(t *rapid.T, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// shapes render members the way a tool of each shape does. A tool of the second and third shape
// speaks of one cohort, one of the third has one direction.
var shapes = map[string]func(t *rapid.T, all []said) json.RawMessage{
	"amplitude": func(t *rapid.T, all []said) json.RawMessage {
		return rowShape(t, all, "environmentId", "cohortId", "cohortName", "userId")
	},
	"segment-audiences": func(t *rapid.T, all []said) json.RawMessage {
		return rowShape(t, all, "environmentId", "cohortId", "cohortName", "userId")
	},
	"census-synced-segments": func(t *rapid.T, all []said) json.RawMessage {
		return rowShape(t, all, "environment_id", "cohort_id", "cohort_name", "user_id")
	},
	"rudderstack": func(t *rapid.T, all []said) json.RawMessage { return listShape(t, all, "listData") },
	"fulcrum":     func(t *rapid.T, all []said) json.RawMessage { return listShape(t, all, "included") },
	"sumatra-synced-segments": func(t *rapid.T, all []said) json.RawMessage {
		return listShape(t, all, "included")
	},
	"heap-inbound": func(t *rapid.T, all []said) json.RawMessage {
		add, remove := lists(t, all)
		data := object(t, map[string]any{"segment": object(t, map[string]any{"id": all[0].cohort, "name": "Name of " + all[0].cohort}), "add": add, "remove": remove})
		return object(t, map[string]any{"parameters": map[string]any{"environment_id": "e"}, "heap": map[string]any{"data": data}})
	},
	"example-synced-segment-integration1": func(t *rapid.T, all []said) json.RawMessage {
		add, remove := lists(t, all)
		data := object(t, map[string]any{"segment": object(t, map[string]any{"id": all[0].cohort, "name": "Name of " + all[0].cohort}), "add": add, "remove": remove})
		fields := []any{map[string]any{"value": map[string]any{"id": "e"}}}
		return object(t, map[string]any{"customer_config": map[string]any{"fields": fields}, "data": data})
	},
	"hightouch": func(t *rapid.T, all []said) json.RawMessage {
		return object(t, map[string]any{"environmentId": "e", "cohortId": all[0].cohort, "cohortName": "Name of " + all[0].cohort, "action": word(all, "add", "remove"), "members": wordRows(t, all, "integration_distinct_id")})
	},
	"zeotap": func(t *rapid.T, all []said) json.RawMessage {
		return wordShape(t, all, "integration_", "integration_distinct_id", "add_members", "remove_members")
	},
	"tealium-synced-segments": func(t *rapid.T, all []said) json.RawMessage {
		return wordShape(t, all, "tealium_", "member_id", "add_member", "remove_member")
	},
	"example-synced-segment-integration2": func(t *rapid.T, all []said) json.RawMessage {
		return wordShape(t, all, "mixpanel_", "mixpanel_distinct_id", "members", "remove_members")
	},
	"mixpanel": func(t *rapid.T, all []said) json.RawMessage {
		parameters := object(t, map[string]any{"mixpanel_cohort_id": all[0].cohort, "mixpanel_cohort_name": "Name of " + all[0].cohort, "members": wordRows(t, all, "mixpanel_distinct_id")})
		return object(t, map[string]any{"environmentId": "e", "action": word(all, "add_members", "remove_members"), "parameters": parameters})
	},
	"amplitude-webhook": func(t *rapid.T, all []said) json.RawMessage {
		return object(t, map[string]any{"environmentId": "e", "cohort_id": all[0].cohort, "cohort_name": "Name of " + all[0].cohort, "in_cohort": all[0].joins, "users": wordRows(t, all, "user_id")})
	},
}

func rowShape(t *rapid.T, all []said, environment, cohortID, cohortName, id string) json.RawMessage {
	rows := []json.RawMessage{}
	for _, s := range all {
		value := rapid.SampledFrom([]any{s.joins, fmt.Sprint(s.joins), map[bool]any{true: 1, false: 0}[s.joins]}).Draw(t, "spelling")
		rows = append(rows, object(t, map[string]any{id: s.id, cohortID: s.cohort, cohortName: "Name of " + s.cohort, "value": value}))
	}
	return object(t, map[string]any{environment: "e", "batch": rows})
}

func lists(t *rapid.T, all []said) (add, remove []json.RawMessage) {
	add, remove = []json.RawMessage{}, []json.RawMessage{}
	for _, s := range all {
		row := object(t, map[string]any{"id": s.id, "other": []int{1}})
		if s.joins {
			add = append(add, row)
		} else {
			remove = append(remove, row)
		}
	}
	return add, remove
}

func listShape(t *rapid.T, all []said, under string) json.RawMessage {
	add, remove := lists(t, all)
	return object(t, map[string]any{"environmentId": "e", "cohortId": all[0].cohort, "cohortName": "Name of " + all[0].cohort, under: object(t, map[string]any{"add": add, "remove": remove})})
}

func wordShape(t *rapid.T, all []said, prefix, id, add, remove string) json.RawMessage {
	parameters := object(t, map[string]any{prefix + "project_id": "e", prefix + "cohort_id": all[0].cohort, prefix + "cohort_name": "Name of " + all[0].cohort, "members": wordRows(t, all, id)})
	return object(t, map[string]any{"action": word(all, add, remove), "parameters": parameters})
}

func wordRows(t *rapid.T, all []said, id string) []json.RawMessage {
	rows := []json.RawMessage{}
	for _, s := range all {
		rows = append(rows, object(t, map[string]any{id: s.id}))
	}
	return rows
}

func word(all []said, add, remove string) string {
	if all[0].joins {
		return add
	}
	return remove
}

func TestEveryShapeGivesThePlanThatTheToolMeans(t *testing.T) {
	r, err := NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range r.All() {
		t.Run(string(m.Key), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				all := drawMembers(t, m)
				body := shapes[string(m.Key)](t, all)
				p, err := m.Parse(strings.NewReader(string(body)), "")
				if err != nil {
					t.Fatalf("%s: %v", body, err)
				}
				got := map[string]map[string]segment.Ops{}
				for _, c := range p.Batch.Cohorts {
					if c.Name != "Name of "+c.ExternalID {
						t.Errorf("cohort %s has the name %s", c.ExternalID, c.Name)
					}
					c.Changes.Compact()
					of := map[string]segment.Ops{}
					for ch := range c.Changes.All() {
						of[string(ch.Key)] = ch.Ops
					}
					got[c.ExternalID] = of
				}
				if d := cmp.Diff(meant(m, all), got); d != "" {
					t.Fatalf("plan of %s (-want +got):\n%s", body, d)
				}
				if p.Batch.Received != len(all) || p.Batch.Skipped != 0 {
					t.Errorf("received %d, skipped %d", p.Batch.Received, p.Batch.Skipped)
				}
			})
		})
	}
}

// drawMembers draws what the tool's shape can say.
func drawMembers(t *rapid.T, m *Manifest) []said {
	all := make([]said, rapid.IntRange(1, 12).Draw(t, "members"))
	for i := range all {
		all[i] = said{id: anyID().Draw(t, "id"), cohort: rapid.SampledFrom([]string{"c1", "c/2", "é"}).Draw(t, "cohort"), joins: rapid.Bool().Draw(t, "joins")}
		if m.override.id.slot < 0 {
			all[i].cohort = all[0].cohort
		}
		if m.action != nil {
			all[i].joins = all[0].joins
		}
	}
	return all
}

// meant folds members by hand: in order, for two lists the leavers last.
func meant(m *Manifest, all []said) map[string]map[string]segment.Ops {
	plan := map[string]map[string]segment.Ops{}
	put := func(s said, ops segment.Ops) {
		if plan[s.cohort] == nil {
			plan[s.cohort] = map[string]segment.Ops{}
		}
		plan[s.cohort][s.key()] = ops
	}
	listed := len(m.arrays) == 2
	for _, s := range all {
		switch {
		case s.joins:
			put(s, segment.Include)
		case !listed:
			put(s, segment.Uninclude)
		}
	}
	for _, s := range all {
		if listed && !s.joins {
			put(s, segment.Uninclude)
		}
	}
	return plan
}
