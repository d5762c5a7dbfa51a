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
		m.described++
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
	m.described++
	return nil
}

// described returns the rules that are here with what the source says about them: as they are here,
// because they came with the SDK data. Differ is true if they are not the source's, or somebody
// described them otherwise and that may not be overwritten.
func described(source, here []object, overwrite bool) (rules []object, change, differ bool) {
	byID := map[string]object{}
	for _, r := range here {
		byID[r.text("_id")] = r
	}
	for _, s := range source {
		id := s.text("_id")
		r, ok := byID[id]
		delete(byID, id)
		switch {
		case !ok && s.truth("disabled"):
			rules, change = append(rules, s), true
			continue
		case !ok:
			return nil, false, true
		}
		if text := s.text("description"); text != r.text("description") {
			if r.text("description") != "" && !overwrite {
				return nil, false, true
			}
			r["description"], change = s["description"], true
		}
		rules = append(rules, r)
	}
	return rules, change, len(byID) > 0
}
