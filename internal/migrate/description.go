package migrate

import (
	"context"
	"encoding/json"
	"slices"
)

// description is what people wrote about the rules of a flag or segment, which the SDK data lacks;
// rules that are switched off are not in it either.
type description struct {
	name  string
	rules json.RawMessage // of the source
	fresh bool            // whether this run made the object
	at    string          // of the object in muster
	// member is where a patch finds its rules, here where they are in its representation.
	member string
	here   func(object) json.RawMessage
}

// describe carries a description over to the rules that are here.
func (m *migration) describe(ctx context.Context, d description) error {
	rules := read[[]object](d.rules)
	if !slices.ContainsFunc(rules, func(r object) bool { return r.text("description") != "" || r.truth("disabled") }) {
		return nil
	}
	if m.DryRun && d.fresh {
		m.count(ruleDescriptions)
		return nil
	}
	var there object
	if _, err := m.muster.get(ctx, d.at, &there); err != nil {
		return m.lost(ruleDescriptions, d.name, err)
	}
	kept, change, differ := described(rules, read[[]object](d.here(there)), m.Overwrite)
	switch {
	case differ:
		m.differs(ruleDescriptions, d.name, nil)
		return nil
	case !change:
		m.same(ruleDescriptions)
		return nil
	}
	if !m.DryRun {
		text, err := json.Marshal(kept)
		if err != nil {
			return err
		}
		if err := m.muster.replace(ctx, d.at, object{d.member: text}); err != nil {
			return m.lost(ruleDescriptions, d.name, err)
		}
	}
	m.count(ruleDescriptions)
	return nil
}

// described returns the rules that are here with what the source says about them: as they are here,
// because they came with the SDK data. Differ is true if they are not the source's, or somebody
// described them otherwise and that may not be overwritten.
func described(source, here []object, overwrite bool) (rules []object, change, differ bool) {
	matching := matcher(source, here)
	matched := 0
	for _, s := range source {
		r := matching(s)
		switch {
		case r == nil && s.truth("disabled"):
			rules, change = append(rules, s), true
			continue
		case r == nil:
			return nil, false, true
		}
		matched++
		if text := s.text("description"); text != r.text("description") {
			if r.text("description") != "" && !overwrite {
				return nil, false, true
			}
			r["description"], change = s["description"], true
		}
		rules = append(rules, r)
	}
	return rules, change, matched < len(here)
}

// matcher finds a rule of the source among those that are here: by its id or, as old SDK data has no
// ids, by its place among the rules that are switched on.
func matcher(source, here []object) func(object) object {
	byID, ids := map[string]object{}, map[string]bool{}
	for _, s := range source {
		ids[s.text("_id")] = true
	}
	var nameless []object // here, with an id that the source does not know
	for _, r := range here {
		id := r.text("_id")
		byID[id] = r
		if !ids[id] {
			nameless = append(nameless, r)
		}
	}
	places := map[string]int{}
	for _, s := range source {
		if id := s.text("_id"); byID[id] == nil && !s.truth("disabled") {
			places[id] = len(places)
		}
	}
	return func(s object) object {
		id := s.text("_id")
		place, ok := places[id]
		if ok && len(places) == len(nameless) {
			return nameless[place]
		}
		return byID[id]
	}
}
