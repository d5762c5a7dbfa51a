package migrate

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// object is something as the REST API shows it.
type object map[string]json.RawMessage

// text returns a member that is a text; "" if there is none.
func (o object) text(member string) string { return read[string](o[member]) }

// truth returns a member that is true or false; false if there is none.
func (o object) truth(member string) bool { return read[bool](o[member]) }

// read decodes what may be absent. Another type than expected counts as absent, as members of the
// same name never have two.
func read[T any](text json.RawMessage) T {
	var v T
	if len(text) > 0 {
		_ = json.Unmarshal(text, &v)
	}
	return v
}

// only returns the members of these names that say something.
func (o object) only(members ...string) object {
	kept := object{}
	for _, member := range members {
		if v := o[member]; len(v) > 0 && string(v) != "null" {
			kept[member] = v
		}
	}
	return kept
}

// differing returns the names of the members in which two objects differ. Nothing, null and what is
// empty are the same, and tags have no order.
func (o object) differing(other object, members ...string) []string {
	var names []string
	for _, member := range members {
		if !reflect.DeepEqual(canonical(member, o[member]), canonical(member, other[member])) {
			names = append(names, member)
		}
	}
	return names
}

func canonical(member string, text json.RawMessage) any {
	switch member {
	case "tags":
		tags := read[[]string](text)
		if len(tags) == 0 {
			return nil
		}
		slices.Sort(tags)
		return slices.Compact(tags)
	case "variations":
		return canonicalVariations(text)
	}
	return pruned(read[any](text))
}

// canonicalVariations leaves the ids out: those of a flag that was there before differ, and nothing
// but scripts looks at them.
func canonicalVariations(text json.RawMessage) any {
	type variation struct {
		Value             any
		Name, Description string
	}
	return read[[]variation](text)
}

// pruned takes away what says nothing.
func pruned(v any) any {
	switch v := v.(type) {
	case map[string]any:
		kept := map[string]any{}
		for name, member := range v {
			if member = pruned(member); member != nil {
				kept[name] = member
			}
		}
		if len(kept) > 0 {
			return kept
		}
		return nil
	case []any:
		if len(v) == 0 {
			return nil
		}
		kept := make([]any, len(v))
		for i := range v {
			kept[i] = pruned(v[i])
		}
		return kept
	case string:
		if v == "" {
			return nil
		}
	case bool:
		if !v {
			return nil
		}
	}
	return v
}

// targeting is what decides who gets what, of a flag in one environment or of a segment, in the
// REST API and in the SDK data model alike.
type targeting struct {
	On               bool     `json:"on"`
	Version          int      `json:"version"`
	Targets          []object `json:"targets"`
	ContextTargets   []object `json:"contextTargets"`
	Prerequisites    []object `json:"prerequisites"`
	Rules            []object `json:"rules"`
	Included         []string `json:"included"`
	Excluded         []string `json:"excluded"`
	IncludedContexts []object `json:"includedContexts"`
	ExcludedContexts []object `json:"excludedContexts"`
}

func (o object) targeting() targeting {
	return targeting{
		On: o.truth("on"), Targets: read[[]object](o["targets"]), ContextTargets: read[[]object](o["contextTargets"]),
		Prerequisites: read[[]object](o["prerequisites"]), Rules: read[[]object](o["rules"]),
	}
}

// silent reports whether it says nothing: off, and nobody is named.
func (t targeting) silent() bool {
	return !t.On && len(t.Targets)+len(t.ContextTargets)+len(t.Prerequisites)+len(t.Rules)+
		len(t.Included)+len(t.Excluded)+len(t.IncludedContexts)+len(t.ExcludedContexts) == 0
}

// untouched reports whether a text of the SDK data model says nothing and was never changed.
func untouched(text json.RawMessage) bool {
	t := read[targeting](text)
	return t.silent() && t.Version <= 1
}

// secret reports whether a key is shown in full: who may not see it gets stars.
func secret(key string) bool { return key != "" && !strings.Contains(key, "*") }

// changes returns what makes these members of another object as they are here: null takes away what
// is absent here.
func (o object) changes(members []string) object {
	changes := object{}
	for _, member := range members {
		changes[member] = json.RawMessage("null")
		if v := o[member]; len(v) > 0 {
			changes[member] = v
		}
	}
	return changes
}
