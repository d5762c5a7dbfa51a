package catalog

import (
	"slices"
	"strings"

	"muster/internal/fault"
)

// CheckPrerequisites refuses prerequisites in env that don't exist, are archived, name no
// variation, or lead back to the flag. SDKs evaluate a flag on such a cycle as malformed.
func (f *Flag) CheckPrerequisites(env EnvKey, lookup func(FlagKey) (*Flag, bool)) error {
	c := f.Environments[env]
	if c == nil {
		return nil
	}
	for i, p := range c.Prerequisites {
		if p.Key == f.Key {
			return fault.Invalidf("flag %s can't be its own prerequisite", f.Key)
		}
		if slices.ContainsFunc(c.Prerequisites[:i], func(q Prerequisite) bool { return q.Key == p.Key }) {
			return fault.Invalidf("flag %s is a prerequisite twice in environment %s", clip(string(p.Key)), env)
		}
		other, ok := lookup(p.Key)
		if !ok {
			return fault.Invalidf("prerequisite %q of environment %s is not a flag of the project", clip(string(p.Key)), env)
		}
		if other.Archived {
			return fault.Invalidf("prerequisite %s of environment %s is archived", p.Key, env)
		}
		if err := checkIndex("variation of prerequisite "+string(p.Key), p.Variation, len(other.Variations)); err != nil {
			return err
		}
	}
	return f.checkPrerequisiteCycle(env, lookup)
}

func (f *Flag) checkPrerequisiteCycle(env EnvKey, lookup func(FlagKey) (*Flag, bool)) error {
	seen := map[FlagKey]bool{}
	var path []string
	var visit func(at *Flag) bool
	visit = func(at *Flag) bool {
		c := at.Environments[env]
		if c == nil {
			return false
		}
		path = append(path, string(at.Key))
		for _, p := range c.Prerequisites {
			if p.Key == f.Key {
				path = append(path, string(p.Key))
				return true
			}
			if seen[p.Key] {
				continue
			}
			seen[p.Key] = true
			if next, ok := lookup(p.Key); ok && visit(next) {
				return true
			}
		}
		path = path[:len(path)-1]
		return false
	}
	if visit(f) {
		return fault.Invalidf("the prerequisites in environment %s go round in a circle: %s", env, strings.Join(path, " -> "))
	}
	return nil
}

// Requires returns the environments in which the other flag is a prerequisite of f, sorted.
func (f *Flag) Requires(other FlagKey) []EnvKey {
	var envs []EnvKey
	for env, c := range f.Environments {
		if slices.ContainsFunc(c.Prerequisites, func(p Prerequisite) bool { return p.Key == other }) {
			envs = append(envs, env)
		}
	}
	slices.Sort(envs)
	return envs
}
