package catalog

import (
	"slices"
	"strings"

	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"
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
		a.fail("it must be the only one of a patch; or delete the flag with DELETE …/flags/%s/%s", f.Project, f.Key)
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
