package catalog

import (
	"slices"

	"muster/internal/segment"
)

// targeting is an instruction about the configuration of a flag in one environment.
type targeting struct {
	*Flag
	*arguments
	c      *FlagConfig
	others func(FlagKey) (*Flag, bool)
}

func (t targeting) serving() bool {
	switch t.kind {
	case "turnflagon", "turnflagoff":
		t.c.On = t.kind == "turnflagon"
	case "updatefallthroughvariationorrollout":
		t.c.Fallthrough = t.serve(t.arguments)
	case "updateoffvariation":
		t.c.OffVariation = new(t.variationOf(t.arguments, "variationId"))
	case "updatetrackevents":
		t.c.TrackEvents = t.flag("trackEvents")
	case "updatetrackeventsfallthrough":
		t.c.TrackEventsFallthrough = t.flag("trackEvents")
	default:
		return false
	}
	return true
}

func (t targeting) serve(a *arguments) Serve {
	if !a.has("rolloutWeights") {
		return Serve{Variation: new(t.variationOf(a, "variationId"))}
	}
	weights := a.object("rolloutWeights")
	r := &Rollout{BucketBy: a.textOr("rolloutBucketBy", ""), Context: a.contextKind("rolloutContextKind")}
	for i, v := range t.Variations {
		if weights.has(v.ID) {
			r.Variations = append(r.Variations, WeightedVariation{Variation: i, Weight: weights.number(v.ID)})
		}
	}
	if len(r.Variations) < len(weights.by) {
		a.fail("rolloutWeights names a variation that flag %s lacks", t.Key)
	}
	a.join(weights)
	return Serve{Rollout: r}
}

func (t targeting) rule(a *arguments) FlagRule {
	r := FlagRule{ID: a.textOr("_id", ""), Ref: a.textOr("ref", ""), Description: a.textOr("description", ""), Clauses: a.clauses("clauses"), Serve: t.serve(a)}
	if r.ID == "" {
		r.ID = NewUUID()
	}
	if a.has("trackEvents") {
		r.TrackEvents = a.flag("trackEvents")
	}
	return r
}

func (t targeting) rules() bool {
	switch t.kind {
	case "addrule":
		r, at := t.rule(t.arguments), len(t.c.Rules)
		if before := t.textOr("beforeRuleId", ""); before != "" {
			if at = t.ruleIndex(before); at < 0 {
				return true
			}
		}
		t.c.Rules = slices.Insert(t.c.Rules, at, r)
	case "removerule":
		id := t.text("ruleId")
		t.c.Rules = slices.DeleteFunc(t.c.Rules, func(r FlagRule) bool { return r.ID == id })
	case "reorderrules":
		t.c.Rules = reorder(t.arguments, t.c.Rules, func(r FlagRule) string { return r.ID })
	case "replacerules":
		t.c.Rules = nil
		for _, o := range t.objects("rules") {
			t.c.Rules = append(t.c.Rules, t.rule(o))
			t.join(o)
		}
	default:
		return false
	}
	return true
}

func (t targeting) clausesOfRule() bool {
	switch t.kind {
	case "addclauses", "removeclauses", "updateclause", "addvaluestoclause", "removevaluesfromclause",
		"updateruledescription", "updateruletrackevents", "updaterulevariationorrollout":
	default:
		return false
	}
	i := t.ruleIndex(t.text("ruleId"))
	if i < 0 {
		return true
	}
	r := &t.c.Rules[i]
	switch t.kind {
	case "updateruledescription":
		r.Description = t.text("description")
	case "updateruletrackevents":
		r.TrackEvents = t.flag("trackEvents")
	case "updaterulevariationorrollout":
		r.Serve = t.serve(t.arguments)
	default:
		t.editClauses(&r.Clauses)
	}
	return true
}

func (t targeting) ruleIndex(id string) int {
	i := slices.IndexFunc(t.c.Rules, func(r FlagRule) bool { return r.ID == id })
	if i < 0 {
		t.fail("flag %s has no rule %q", t.Key, clip(id))
	}
	return i
}

func (t targeting) targets() bool {
	switch t.kind {
	case "addtargets":
		t.addTargets(t.contextKind("contextKind"), t.arguments)
	case "addusertargets":
		t.addTargets(segment.DefaultKind, t.arguments)
	case "removetargets":
		t.removeTargets(t.contextKind("contextKind"))
	case "removeusertargets":
		t.removeTargets(segment.DefaultKind)
	case "cleartargets":
		t.c.Targets, t.c.ContextTargets = nil, nil
	case "clearusertargets":
		t.c.Targets = nil
	case "replacetargets":
		t.c.Targets, t.c.ContextTargets = nil, nil
		for _, o := range t.objects("targets") {
			t.addTargets(o.contextKind("contextKind"), o)
			t.join(o)
		}
	case "replaceusertargets":
		t.c.Targets = nil
		for _, o := range t.objects("targets") {
			t.addTargets(segment.DefaultKind, o)
			t.join(o)
		}
	default:
		return false
	}
	return true
}

func (t targeting) targetsOf(kind segment.ContextKind) *[]Target {
	if isUser(kind) {
		return &t.c.Targets
	}
	return &t.c.ContextTargets
}

func (t targeting) addTargets(kind segment.ContextKind, a *arguments) {
	variation, values := t.variationOf(a, "variationId"), a.texts("values")
	if a.err != nil {
		return
	}
	wanted := make(map[string]bool, len(values))
	for _, v := range values {
		wanted[v] = true
	}
	list := t.targetsOf(kind)
	at := -1
	for i, target := range *list {
		if target.Kind != kind {
			continue
		}
		if target.Variation == variation {
			at = i
			continue
		}
		if j := slices.IndexFunc(target.Values, func(v string) bool { return wanted[v] }); j >= 0 {
			a.fail("%s %q is already a target of variation %d", kind, clip(target.Values[j]), target.Variation)
			return
		}
	}
	if at < 0 {
		at = len(*list)
		*list = append(*list, Target{Kind: kind, Variation: variation})
	}
	(*list)[at].Values = with((*list)[at].Values, values)
}

func (t targeting) removeTargets(kind segment.ContextKind) {
	variation, values := t.variationOf(t.arguments, "variationId"), t.texts("values")
	if t.err != nil {
		return
	}
	list := t.targetsOf(kind)
	*list = slices.DeleteFunc(*list, func(target Target) bool {
		return target.Kind == kind && target.Variation == variation && len(without(slices.Clone(target.Values), values)) == 0
	})
	for i := range *list {
		if target := &(*list)[i]; target.Kind == kind && target.Variation == variation {
			target.Values = without(target.Values, values)
		}
	}
}

func (t targeting) prerequisites() bool {
	switch t.kind {
	case "addprerequisite", "updateprerequisite":
		p := t.prerequisite(t.arguments)
		i := t.prerequisiteIndex(p.Key)
		switch {
		case i >= 0:
			t.c.Prerequisites[i] = p
		case t.kind == "updateprerequisite":
			t.fail("flag %s has no prerequisite %q", t.Key, clip(string(p.Key)))
		default:
			t.c.Prerequisites = append(t.c.Prerequisites, p)
		}
	case "removeprerequisite":
		if i := t.prerequisiteIndex(FlagKey(t.text("key"))); i >= 0 {
			t.c.Prerequisites = slices.Delete(t.c.Prerequisites, i, i+1)
		}
	case "replaceprerequisites":
		t.c.Prerequisites = nil
		for _, o := range t.objects("prerequisites") {
			t.c.Prerequisites = append(t.c.Prerequisites, t.prerequisite(o))
			t.join(o)
		}
	default:
		return false
	}
	return true
}

func (t targeting) prerequisiteIndex(key FlagKey) int {
	return slices.IndexFunc(t.c.Prerequisites, func(p Prerequisite) bool { return p.Key == key })
}

func (t targeting) prerequisite(a *arguments) Prerequisite {
	p := Prerequisite{Key: FlagKey(a.text("key"))}
	other, ok := t.others(p.Key)
	if !ok {
		a.fail("prerequisite %q is not a flag of the project", clip(string(p.Key)))
		return p
	}
	p.Variation = other.variationOf(a, "variationId")
	return p
}
