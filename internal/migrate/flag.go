package migrate

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
)

// flagMembers are what a flag has in all environments alike.
var flagMembers = []string{
	"name", "description", "tags", "temporary", "includeInSnippet", "clientSideAvailability", "customProperties", "variations",
}

// lists of flags: archived ones come only when they are asked for.
var flagLists = []string{"limit=100", "limit=100&filter=state:archived"}

// flags carries over what flags have in all environments alike. Those that are not here then are
// put into lost.
func (m *migration) flags(ctx context.Context, project string, lost map[string]bool) error {
	for _, query := range flagLists {
		err := m.source.each(ctx, path("flags", project)+"?"+query, func(f object) error {
			ok, err := m.flag(ctx, project, f)
			lost[f.text("key")] = !ok
			return err
		})
		if err != nil {
			return m.lost(flags, project+"/*", err)
		}
	}
	return nil
}

func (m *migration) flag(ctx context.Context, project string, f object) (bool, error) {
	key := f.text("key")
	at := path("flags", project, key)
	f["variations"] = variations(f)
	if f.text("maintainerId") != "" {
		m.maintained++
	}
	var there object
	if _, err := m.muster.get(ctx, at, &there); err != nil {
		return false, m.lost(flags, project+"/"+key, err)
	}
	if f.truth("archived") || there.truth("archived") && !m.Overwrite {
		m.archivedFlags[project+"/"+key] = true
	}
	states := []string{"archived", "deprecated"}
	members := slices.Concat(flagMembers, states)
	if f["defaults"] != nil { // old flags have none
		members = append(members, "defaults")
	}
	return m.settle(ctx, thing{
		kind: flags, name: project + "/" + key, at: at, source: f, target: there, members: members,
		// A flag can't be made archived: a migration may have broken off in between.
		free: func(differing []string) bool {
			return read[int](there["_version"]) <= 1 && !slices.ContainsFunc(differing, func(member string) bool { return !slices.Contains(states, member) })
		},
		make: func() error {
			body := f.only(append(members, "key")...)
			state := object{}
			for _, member := range states {
				delete(body, member)
				if f.truth(member) {
					state[member] = f[member]
				}
			}
			_, err := m.muster.call(ctx, http.MethodPost, path("flags", project), body)
			if err != nil || len(state) == 0 {
				return err
			}
			return m.muster.replace(ctx, at, state)
		},
	})
}

// variations returns those of a flag as muster takes them, with their ids: scripts name those.
func variations(f object) json.RawMessage {
	list := read[[]object](f["variations"])
	for i, v := range list {
		list[i] = v.only("_id", "value", "name", "description")
		list[i]["value"] = v["value"] // null is a value too
	}
	text, err := json.Marshal(list)
	if err != nil {
		panic("migrate: what was read as JSON can't be written: " + err.Error())
	}
	return text
}

// configurations carries over what the SDK data of an environment lacks of flags: what people wrote
// about rules, rules that are switched off, and all of flags that are archived.
func (m *migration) configurations(ctx context.Context, project, env string, lost map[string]bool) error {
	for _, query := range flagLists {
		err := m.source.each(ctx, path("flags", project)+"?summary=0&env="+url.QueryEscape(env)+"&"+query, func(f object) error {
			key := f.text("key")
			config := configuration(f, env)
			if lost[key] || config == nil {
				return nil
			}
			var err error
			if f.truth("archived") {
				err = m.archived(ctx, project, env, key, config)
			} else {
				err = m.describe(ctx, description{
					name: "flag " + project + "/" + env + "/" + key, rules: config["rules"],
					fresh: m.fresh["flag "+project+"/"+key],
					at:    path("flags", project, key), member: "environments/" + env + "/rules",
					here: func(there object) json.RawMessage { return configuration(there, env)["rules"] },
				})
			}
			return err
		})
		if err != nil {
			return m.lost(flagConfigurations, project+"/"+env+"/*", err)
		}
	}
	return nil
}

// configuration returns that of a flag in an environment.
func configuration(f object, env string) object {
	return read[map[string]object](f["environments"])[env]
}

// archived gives a flag that SDKs don't see its configuration, if it has none here yet.
func (m *migration) archived(ctx context.Context, project, env, key string, config object) error {
	at, name := path("flags", project, key), project+"/"+env+"/"+key
	var there object
	if _, err := m.muster.get(ctx, at, &there); err != nil {
		return m.lost(flagConfigurations, name, err)
	}
	if config.targeting().silent() || !configuration(there, env).targeting().silent() {
		m.same(flagConfigurations)
		return nil
	}
	if !m.DryRun {
		change := object{}
		for member, v := range config.only("on", "targets", "contextTargets", "rules", "fallthrough", "offVariation", "prerequisites", "trackEvents", "trackEventsFallthrough") {
			change["environments/"+env+"/"+member] = v
		}
		if err := m.muster.replace(ctx, at, change); err != nil {
			return m.lost(flagConfigurations, name, err)
		}
	}
	m.count(flagConfigurations)
	return nil
}
