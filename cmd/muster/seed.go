package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
)

// seed is what a muster holds from its start. Everything in it is written as the REST API shows it,
// so that what GET answers can be pasted; only keys are required, and what muster makes itself is
// left out. It goes in through the API: nothing can be seeded that could not be made by hand.
type seed struct {
	Projects []seedProject    `json:"projects"`
	Tokens   []representation `json:"tokens"`
}

// seedProject is a project; without environments it gets those that every new project has.
type seedProject struct {
	Key          string           `json:"key"`
	Name         string           `json:"name"`
	Environments []representation `json:"environments"`
	Flags        []representation `json:"flags"`
	Segments     []seedSegment    `json:"segments"`
}

// seedSegment is a segment in one environment, or in each of its project.
type seedSegment struct {
	Environment string
	segment     representation
}

// representation is an object as the API shows it.
type representation map[string]json.RawMessage

// UnmarshalJSON takes the environment's key out of the segment.
func (s *seedSegment) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, &s.segment); err != nil {
		return err
	}
	s.Environment = s.segment.text("environmentKey")
	delete(s.segment, "environmentKey")
	return nil
}

// text returns a member that is a text; "" if there is none.
func (r representation) text(member string) string {
	var s string
	_ = json.Unmarshal(r[member], &s) // another type is refused by the API, which says so
	return s
}

// named returns the object with its key as name, unless it has one.
func (r representation) named() representation {
	named := maps.Clone(r)
	if named["name"] == nil {
		named["name"] = named["key"]
	}
	return named
}

// only returns the members of these names.
func (r representation) only(members ...string) representation {
	kept := representation{}
	for _, member := range members {
		if v := r[member]; v != nil {
			kept[member] = v
		}
	}
	return kept
}

// made are members of a flag's configuration that muster makes.
var made = []string{"archived", "lastModified", "salt", "sel", "version"}

// configurations returns those of a flag's environments without what muster makes.
func (r representation) configurations() (map[string]representation, error) {
	all := map[string]representation{}
	if r["environments"] == nil {
		return all, nil
	}
	if err := json.Unmarshal(r["environments"], &all); err != nil {
		return nil, fmt.Errorf("environments must be an object of configurations: %w", err)
	}
	for _, config := range all {
		maps.DeleteFunc(config, func(member string, _ json.RawMessage) bool {
			return strings.HasPrefix(member, "_") || slices.Contains(made, member)
		})
	}
	return all, nil
}

// readSeed reads a seed from a file.
func readSeed(path string) (*seed, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the seed (--seed): %w", err)
	}
	s := new(seed)
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(s); err != nil {
		return nil, fmt.Errorf("read the seed %s (--seed): %w", path, err)
	}
	if _, err := decoder.Token(); err != io.EOF { //nolint:errorlint // what the decoder returns as it is
		return nil, fmt.Errorf("read the seed %s (--seed): there is more behind the object", path)
	}
	return s, nil
}

func (s *seed) hasProjects() bool { return s != nil && len(s.Projects) > 0 }

// sow puts everything into a muster through its API.
func (s *seed) sow(ctx context.Context, api http.Handler, token string) error {
	in := sower{api: api, token: token}
	for i := range s.Projects {
		if err := in.project(ctx, &s.Projects[i]); err != nil {
			return fmt.Errorf("seed project %s: %w", s.Projects[i].Key, err)
		}
	}
	for i, t := range s.Tokens {
		t = maps.Clone(t)
		if t["serviceToken"] == nil {
			t["serviceToken"] = json.RawMessage("true")
		}
		if _, err := in.call(ctx, http.MethodPost, "/tokens", t); err != nil {
			return fmt.Errorf("seed token %s: %w", cmp.Or(t.text("name"), fmt.Sprint("number ", i+1)), err)
		}
	}
	return nil
}

// sower makes requests of the management API inside the process.
type sower struct {
	api   http.Handler
	token string
}

func (in *sower) project(ctx context.Context, p *seedProject) error {
	body := map[string]any{"key": p.Key, "name": cmp.Or(p.Name, p.Key)}
	if len(p.Environments) > 0 {
		var environments []representation
		for _, e := range p.Environments {
			environments = append(environments, e.named())
		}
		body["environments"] = environments
	}
	answer, err := in.call(ctx, http.MethodPost, "/projects", body)
	if err != nil {
		return err
	}
	var created struct {
		Environments []struct {
			Key, APIKey, MobileKey string
			ID                     string `json:"_id"`
		} `json:"environments"`
	}
	if err := json.Unmarshal(answer, &created); err != nil {
		return err
	}
	// Rules name segments, and prerequisites name flags, in any order: all come first, then what they say.
	for _, change := range []func(context.Context, string, string, representation) error{in.makeSegment, in.fillSegment} {
		for _, s := range p.Segments {
			known := false
			for _, e := range created.Environments {
				if s.Environment != "" && s.Environment != e.Key {
					continue
				}
				known = true
				if err := change(ctx, p.Key, e.Key, s.segment); err != nil {
					return fmt.Errorf("segment %s in %s: %w", s.segment.text("key"), e.Key, err)
				}
			}
			if !known {
				return fmt.Errorf("segment %s: there is no environment %q", s.segment.text("key"), s.Environment)
			}
		}
	}
	for _, change := range []func(context.Context, string, representation) error{in.makeFlag, in.targetFlag} {
		for _, f := range p.Flags {
			if err := change(ctx, p.Key, f); err != nil {
				return fmt.Errorf("flag %s: %w", f.text("key"), err)
			}
		}
	}
	for _, e := range created.Environments {
		fmt.Printf("%s/%s: SDK key %s, mobile key %s, client-side ID %s\n", p.Key, e.Key, e.APIKey, e.MobileKey, e.ID)
	}
	return nil
}

func (in *sower) makeFlag(ctx context.Context, project string, f representation) error {
	_, err := in.call(ctx, http.MethodPost, "/flags/"+url.PathEscape(project), f.named())
	return err
}

func (in *sower) targetFlag(ctx context.Context, project string, f representation) error {
	configs, err := f.configurations()
	if err != nil {
		return err
	}
	merge := map[string]any{}
	for member, v := range f.only("archived", "deprecated") {
		merge[member] = v
	}
	if len(configs) > 0 {
		merge["environments"] = configs
	}
	return in.merge(ctx, "/flags/"+url.PathEscape(project)+"/"+url.PathEscape(f.text("key")), merge)
}

func segmentsPath(project, environment string) string {
	return "/segments/" + url.PathEscape(project) + "/" + url.PathEscape(environment)
}

func (in *sower) makeSegment(ctx context.Context, project, environment string, s representation) error {
	_, err := in.call(ctx, http.MethodPost, segmentsPath(project, environment), s.named())
	return err
}

// fillSegment gives a segment its targets and rules; a large one takes its targets as members.
func (in *sower) fillSegment(ctx context.Context, project, environment string, s representation) error {
	path := segmentsPath(project, environment) + "/" + url.PathEscape(s.text("key"))
	if string(s["unbounded"]) != "true" {
		return in.merge(ctx, path, s.only("included", "excluded", "includedContexts", "excludedContexts", "rules"))
	}
	members := map[string]any{}
	for set, keys := range s.only("included", "excluded") {
		members[set] = map[string]any{"add": keys}
	}
	if len(members) > 0 {
		if _, err := in.call(ctx, http.MethodPost, path+"/contexts", members); err != nil {
			return err
		}
	}
	return in.merge(ctx, path, s.only("rules"))
}

func (in *sower) merge(ctx context.Context, path string, members any) error {
	_, err := in.call(ctx, http.MethodPatch, path, map[string]any{"merge": members})
	return err
}

// call makes a request and returns the answer's body; a refusal is an error with its sentence.
func (in *sower) call(ctx context.Context, method, path string, body any) ([]byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, method, "/api/v2"+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", in.token)
	r.Header.Set("Content-Type", "application/json")
	w := &reply{status: http.StatusOK, header: http.Header{}}
	in.api.ServeHTTP(w, r)
	if w.status >= http.StatusBadRequest {
		message, _ := sentence(w.body.Bytes())
		return nil, &refusal{w.status, message}
	}
	return w.body.Bytes(), nil
}

// reply is what a handler answers inside the process.
type reply struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (r *reply) Header() http.Header                { return r.header }
func (r *reply) WriteHeader(status int)             { r.status = status }
func (r *reply) Write(text []byte) (n int, _ error) { return r.body.Write(text) }
