package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
)

// environmentMembers are what an environment has beside its keys.
var environmentMembers = []string{
	"name", "color", "defaultTtl", "secureMode", "defaultTrackEvents", "requireComments", "confirmChanges", "critical", "tags",
}

func (m *migration) projects(ctx context.Context) error {
	for _, key := range m.Projects {
		var p object
		found, err := m.source.get(ctx, path("projects", key), &p)
		switch {
		case err != nil:
			err = m.lost(projects, key, err)
		case !found:
			m.failed(projects, key, errors.New("the source has none with this key, or its token may not see it"))
		default:
			err = m.project(ctx, p)
		}
		if err != nil {
			return err
		}
	}
	if len(m.Projects) > 0 {
		return nil
	}
	err := m.source.each(ctx, path("projects")+"?limit=20", func(p object) error { return m.project(ctx, p) })
	if err != nil {
		return m.lost(projects, "*", err)
	}
	return nil
}

// project carries a project over with all that is in it.
func (m *migration) project(ctx context.Context, p object) error {
	key := p.text("key")
	var envs []object
	err := m.source.each(ctx, path("projects", key, "environments")+"?limit=20", func(e object) error {
		if wanted(e.text("key"), m.Environments) {
			m.seen[e.text("key")] = true
			envs = append(envs, e)
		}
		return nil
	})
	if err != nil {
		return m.lost(projects, key, err)
	}
	if len(envs) == 0 {
		return nil
	}
	var there object
	if _, err := m.muster.get(ctx, path("projects", key), &there); err != nil {
		return m.lost(projects, key, err)
	}
	members := []string{"name", "tags", "includeInSnippetByDefault", "defaultClientSideAvailability"}
	ok, err := m.settle(ctx, thing{
		kind: projects, name: key, at: path("projects", key), source: p, target: there, members: members,
		make: func() error {
			// Without any it would get environments that the source does not have.
			body := p.only(append(members, "key")...)
			first, err := json.Marshal([]object{m.newEnvironment(envs[0])})
			if err != nil {
				return err
			}
			body["environments"] = first
			if _, err = m.muster.call(ctx, http.MethodPost, path("projects"), body); err == nil {
				m.fresh["environment "+key+"/"+envs[0].text("key")] = true
			}
			return err
		},
	})
	if err != nil || !ok {
		return err
	}
	return m.contents(ctx, key, envs)
}

// contents carries over what is in a project: first all that can be named, then what names it.
func (m *migration) contents(ctx context.Context, key string, envs []object) error {
	if err := m.contextKinds(ctx, key); err != nil {
		return err
	}
	var kept []object
	for _, e := range envs {
		ok, err := m.environment(ctx, key, e)
		if err != nil {
			return err
		}
		if ok {
			kept = append(kept, e)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	lost := map[string]bool{}
	if err := m.flags(ctx, key, lost); err != nil {
		return err
	}
	for _, e := range kept {
		if err := m.targeting(ctx, key, e, lost); err != nil {
			return err
		}
	}
	return nil
}

// newEnvironment is what makes an environment.
func (m *migration) newEnvironment(e object) object {
	body := e.only(append(slices.Clone(environmentMembers), "key")...)
	if m.KeepKeys {
		maps.Copy(body, e.only("_id", "apiKey", "mobileKey"))
	}
	return body
}

// environment carries an environment over; false if it is not there then, or not as it must be.
func (m *migration) environment(ctx context.Context, project string, e object) (bool, error) {
	key := e.text("key")
	name, at := project+"/"+key, path("projects", project, "environments", key)
	if m.KeepKeys && (!secret(e.text("apiKey")) || !secret(e.text("mobileKey"))) {
		m.failed(environments, name, errors.New("the source's token may not see its keys; take one with the action viewSdkKey, or leave out --keep-keys"))
		return false, nil
	}
	var there object
	if _, err := m.muster.get(ctx, at, &there); err != nil {
		return false, m.lost(environments, name, err)
	}
	if m.fresh["environment "+name] {
		m.made(environments, name)
		return true, nil
	}
	if there != nil && m.KeepKeys && len(e.differing(there, "_id", "apiKey", "mobileKey")) > 0 {
		m.failed(environments, name, errors.New("it is here already with keys of its own, and those can't be chosen afterwards: delete it (or its project, if that holds nothing) and run this again, or leave out --keep-keys"))
		return false, nil
	}
	return m.settle(ctx, thing{
		kind: environments, name: name, at: at, source: e, target: there, members: environmentMembers,
		make: func() error {
			_, err := m.muster.call(ctx, http.MethodPost, path("projects", project, "environments"), m.newEnvironment(e))
			return err
		},
	})
}

func (m *migration) contextKinds(ctx context.Context, project string) error {
	there := map[string]object{}
	err := m.muster.each(ctx, path("projects", project, "context-kinds"), func(k object) error {
		there[k.text("key")] = k
		return nil
	})
	if err != nil && refused(err) != http.StatusNotFound { // a dry run looks at projects that are not there
		return m.lost(contextKinds, project+"/*", err)
	}
	if there["user"] == nil { // every project has it from its start
		there["user"] = object{"name": json.RawMessage(`"user"`)}
	}
	err = m.source.each(ctx, path("projects", project, "context-kinds"), func(k object) error {
		key := k.text("key")
		put := func() error {
			body := k.only("name", "description", "archived", "hideInTargeting")
			_, err := m.muster.call(ctx, http.MethodPut, path("projects", project, "context-kinds", key), body)
			return err
		}
		_, err := m.settle(ctx, thing{
			kind: contextKinds, name: project + "/" + key, source: k, target: there[key],
			members: []string{"name", "description", "archived", "hideInTargeting"},
			// Muster made these by itself, and nobody has looked after them yet.
			free: func([]string) bool {
				return read[int](there[key]["version"]) <= 1 && there[key].text("createdFrom") != "manual"
			},
			make:   put,
			change: func([]string) error { return put() },
		})
		return err
	})
	if err != nil {
		return m.lost(contextKinds, project+"/*", err)
	}
	return nil
}
