package catalog

import (
	"slices"
	"strings"

	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"

	"muster/internal/segment"
)

// Instruct carries out a semantic patch: all instructions, in order, or none. An instruction that
// is already satisfied changes nothing. Instructions about targeting concern env, the others the
// whole flag. The result still has to be validated.
func (f *Flag) Instruct(env EnvKey, ins []Instruction) error {
	return f.InstructAmong(env, ins, func(FlagKey) (*Flag, bool) { return nil, false })
}

// InstructAmong is Instruct for patches that may name variations of other flags as prerequisites.
func (f *Flag) InstructAmong(env EnvKey, ins []Instruction, others func(FlagKey) (*Flag, bool)) error {
	n := f.Clone()
	for _, in := range ins {
		a := newArguments(in.Kind, in.Params)
		if !n.instructFlag(a) {
			n.instructConfig(env, a, others)
		}
		if a.err != nil {
			return a.err
		}
	}
	n.Normalize()
	*f = *n
	return nil
}

func (f *Flag) instructConfig(env EnvKey, a *arguments, others func(FlagKey) (*Flag, bool)) {
	c := f.Environments[env]
	if c == nil {
		if env == "" {
			a.fail("environmentKey is missing, or there is no such instruction for flags")
		} else {
			a.fail("there is no environment %q", clip(string(env)))
		}
		return
	}
	t := targeting{Flag: f, c: c, arguments: a, others: others}
	if t.serving() || t.rules() || t.clausesOfRule() || t.targets() || t.prerequisites() {
		return
	}
	a.fail("there is no such instruction for flags")
}

// instructFlag carries out an instruction about the whole flag; false if it is none.
func (f *Flag) instructFlag(a *arguments) bool {
	if a.editTags(&f.Tags) || f.instructVariations(a) || f.instructCustomProperties(a) {
		return true
	}
	switch a.kind {
	case "updatename":
		f.Name = a.text("value")
	case "updatedescription":
		f.Description = a.text("value")
	case "makeflagpermanent":
		f.Temporary = false
	case "makeflagtemporary":
		f.Temporary = true
	case "turnonclientsideavailability", "turnoffclientsideavailability":
		f.setAvailability(a, a.kind == "turnonclientsideavailability")
	case "updatemaintainermember":
		f.MaintainerID = ID(a.text("value"))
	case "removemaintainer":
		f.MaintainerID = ""
	case "updatemaintainerteam":
		a.fail("there are no teams here; name an account member")
	case "archiveflag", "restoreflag":
		f.Archived = a.kind == "archiveflag"
	case "deprecateflag", "restoredeprecatedflag":
		f.Deprecated = a.kind == "deprecateflag"
	case "deleteflag":
		a.fail("delete the flag with DELETE …/flags/{project}/%s", f.Key)
	default:
		return false
	}
	return true
}

func (f *Flag) setAvailability(a *arguments, on bool) {
	switch v := a.text("value"); strings.ToLower(v) {
	case "usingmobilekey":
		f.Availability.MobileKey = on
	case "usingenvironmentid":
		f.Availability.EnvironmentID = on
	default:
		a.fail("value %q must be usingMobileKey or usingEnvironmentId", clip(v))
	}
}

func (f *Flag) instructCustomProperties(a *arguments) bool {
	switch a.kind {
	case "addcustomproperties", "replacecustomproperties", "removecustomproperties":
	default:
		return false
	}
	if f.CustomProperties == nil {
		f.CustomProperties = map[string]CustomProperty{}
	}
	key := a.text("key")
	p := f.CustomProperties[key]
	switch a.kind {
	case "addcustomproperties":
		p.Name = a.textOr("name", p.Name)
		p.Values = with(p.Values, a.texts("values"))
	case "replacecustomproperties":
		p.Name = a.textOr("name", p.Name)
		p.Values = a.texts("values")
	case "removecustomproperties":
		if a.has("values") {
			p.Values = without(p.Values, a.texts("values"))
		} else {
			p.Values = nil
		}
	}
	if len(p.Values) == 0 {
		delete(f.CustomProperties, key)
		return true
	}
	if p.Name == "" {
		p.Name = key
	}
	f.CustomProperties[key] = p
	return true
}

func (f *Flag) instructVariations(a *arguments) bool {
	switch a.kind {
	case "addvariation":
		a.value("value")
		f.Variations = append(f.Variations, Variation{
			ID: NewUUID(), Value: ldvalue.CopyArbitraryValue(a.by["value"]), Name: a.textOr("name", ""), Description: a.textOr("description", ""),
		})
	case "updatevariation":
		i := f.variationOf(a, "variationId")
		if a.err != nil {
			return true
		}
		v := &f.Variations[i]
		v.Name, v.Description = a.textOr("name", v.Name), a.textOr("description", v.Description)
		if a.has("value") {
			v.Value = ldvalue.CopyArbitraryValue(a.by["value"])
		}
	case "removevariation":
		if i := f.variationOf(a, "variationId"); a.err == nil {
			f.removeVariation(a, i)
		}
	case "updatedefaultvariation":
		f.Defaults.On = f.defaultOf(a, "onVariation", f.Defaults.On)
		f.Defaults.Off = f.defaultOf(a, "offVariation", f.Defaults.Off)
	default:
		return false
	}
	return true
}

// defaultOf reads a default variation, named by its value or its id.
func (f *Flag) defaultOf(a *arguments, name string, otherwise int) int {
	if a.has(name + "Id") {
		return f.variationOf(a, name+"Id")
	}
	if !a.has(name + "Value") {
		return otherwise
	}
	want := ldvalue.CopyArbitraryValue(a.value(name + "Value"))
	for i, v := range f.Variations {
		// The vendor's samples send "true" for true.
		if v.Value.Equal(want) || want.IsString() && v.Value.JSONString() == want.StringValue() {
			return i
		}
	}
	a.fail("%sValue %s is not the value of a variation", name, clip(want.JSONString()))
	return otherwise
}

// variationOf reads the id of a variation as its index.
func (f *Flag) variationOf(a *arguments, name string) int {
	id := a.text(name)
	if a.err != nil {
		return 0
	}
	i := slices.IndexFunc(f.Variations, func(v Variation) bool { return v.ID == id })
	if i < 0 {
		a.fail("%s %q is not a variation of flag %s", name, clip(id), f.Key)
		return 0
	}
	return i
}

func (f *Flag) removeVariation(a *arguments, gone int) {
	used := f.Defaults.On == gone || f.Defaults.Off == gone
	shift := func(i *int) {
		if i == nil {
			return
		}
		used = used || *i == gone
		if *i > gone {
			*i--
		}
	}
	shift(&f.Defaults.On)
	shift(&f.Defaults.Off)
	for _, c := range f.Environments {
		c.eachVariation(shift)
	}
	if used {
		a.fail("variation %d of flag %s is still served, targeted or a default somewhere", gone, f.Key)
		return
	}
	f.Variations = slices.Delete(f.Variations, gone, gone+1)
}

// eachVariation shows every place of the configuration that holds the index of a variation.
func (c *FlagConfig) eachVariation(see func(*int)) {
	serve := func(s Serve) {
		see(s.Variation)
		if s.Rollout != nil {
			for i := range s.Rollout.Variations {
				see(&s.Rollout.Variations[i].Variation)
			}
		}
	}
	see(c.OffVariation)
	serve(c.Fallthrough)
	for i := range c.Rules {
		serve(c.Rules[i].Serve)
	}
	for i := range c.Targets {
		see(&c.Targets[i].Variation)
	}
	for i := range c.ContextTargets {
		see(&c.ContextTargets[i].Variation)
	}
}

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
