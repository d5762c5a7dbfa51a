package api

import (
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"

	"muster/internal/catalog"
	"muster/internal/delivery"
	"muster/internal/fault"
)

// flagTrialJSON is what a flag serves to a context, with a change that is not kept and without it.
type flagTrialJSON struct {
	FlagKey string      `json:"flagKey"`
	Saved   outcomeJSON `json:"saved" doc:"As the flag is"`
	Changed outcomeJSON `json:"changed" doc:"With the change; the same without one"`
	Links   links       `json:"_links"`
}

type outcomeJSON struct {
	Value  ldvalue.Value `json:"_value"`
	Reason reasonJSON    `json:"reason"`
	Bucket *int          `json:"bucket,omitzero" doc:"Where in the rollout that decided the context falls, in thousandths of a percent; absent where none did"`
}

// flagTrialAskedJSON is a context, and a change of the flag in one of the forms that a PATCH has.
type flagTrialAskedJSON struct {
	Context      map[string]any   `json:"context" doc:"As SDKs know it: kind, key and attributes"`
	Patch        []any            `json:"patch,omitzero" doc:"JSON Patch operations"`
	Merge        map[string]any   `json:"merge,omitzero" doc:"A merge patch"`
	Instructions []map[string]any `json:"instructions,omitzero" doc:"Those of a semantic patch, in this environment"`
}

// tryFlag answers what a flag would serve to a context.
func (s *server) tryFlag(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	env, err := s.admin.Environment(r.Context(), who, projectKey(r), environmentKey(r))
	if err != nil {
		return err
	}
	text, err := readBody(w, r, maxBodyBytes)
	if err != nil {
		return err
	}
	var members map[string]jsontext.Value
	if text.Kind() != '{' {
		return fault.Invalidf("the body must be an object with the member context")
	}
	if err := decode(text, &members); err != nil {
		return err
	}
	c, err := delivery.ParseContext(members["context"])
	if err != nil {
		return within("context", err)
	}
	p, err := trialPatch(env.Key, members)
	if err != nil {
		return err
	}
	others, err := s.namedFlags(r, who, p)
	if err != nil {
		return err
	}
	before, after, err := s.admin.PreviewFlag(r.Context(), who, env.Project, flagKey(r), func(f *catalog.Flag) error {
		switch {
		case p.instructions != nil:
			return f.InstructAmong(env.Key, p.instructions, others)
		case p.edit != nil:
			return editFlag(f, p)
		}
		return nil
	})
	if err != nil {
		return err
	}
	j := flagTrialJSON{FlagKey: string(before.Key), Links: links{"flag": apiLink("/flags/" + string(env.Project) + "/" + string(before.Key))}}
	for into, f := range map[*outcomeJSON]*catalog.Flag{&j.Saved: before, &j.Changed: after} {
		def := catalog.FlagDefinition(f, env.Key)
		if def.JSON == nil {
			return fault.Invalidf("the flag %s is archived, and serves nothing", f.Key)
		}
		o, err := s.delivery.Try(r.Context(), env.ID, def, c)
		if err != nil {
			return err
		}
		*into = outcomeJSON{o.Value, reasonOf(o), o.Bucket.AsPointer()}
	}
	return writeJSON(w, http.StatusOK, j)
}

// trialPatch reads the change; one that changes nothing if there is none.
func trialPatch(env catalog.EnvKey, members map[string]jsontext.Value) (patch, error) {
	given := 0
	for _, name := range []string{"patch", "merge", "instructions"} {
		if members[name] != nil {
			given++
		}
	}
	switch {
	case given == 0:
		return patch{}, nil
	case given > 1:
		return patch{}, fault.Invalidf("give one of patch, merge and instructions")
	case members["patch"] != nil:
		return jsonPatch(members["patch"], "")
	case members["merge"] != nil:
		return mergePatch(members["merge"], "")
	}
	text, err := json.Marshal(map[string]jsontext.Value{"instructions": members["instructions"]})
	if err != nil {
		return patch{}, err
	}
	p, err := semanticPatch(text)
	p.environment = env
	return p, err
}
