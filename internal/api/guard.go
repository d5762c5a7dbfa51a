package api

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/segment"
)

// guardJSON is the limits as they count; a limit that is null is off.
type guardJSON struct {
	ShrinkPercent *float64 `json:"shrinkPercent" doc:"The largest share of the members that may leave within the window"`
	MinMembers    int64    `json:"minMembers" doc:"Smaller segments are not guarded"`
	WindowSeconds int64    `json:"windowSeconds"`
	AllowEmpty    bool     `json:"allowEmpty"`
	GrowthPercent *float64 `json:"growthPercent"`
	OnHeld        string   `json:"onHeld" enum:"accept,reject" doc:"How a tool is answered whose sync is held"`
	Inherited     []string `json:"inherited" doc:"The limits that come from the source, the environment or the default"`
	// Origins has a member for every limit.
	Origins guardOriginsJSON `json:"origins" doc:"Where each limit was set; default if nowhere"`
	Links   links            `json:"_links"`
}

type guardOriginsJSON struct {
	ShrinkPercent string `json:"shrinkPercent" enum:"segment,source,environment,default"`
	MinMembers    string `json:"minMembers" enum:"segment,source,environment,default"`
	WindowSeconds string `json:"windowSeconds" enum:"segment,source,environment,default"`
	AllowEmpty    string `json:"allowEmpty" enum:"segment,source,environment,default"`
	GrowthPercent string `json:"growthPercent" enum:"segment,source,environment,default"`
	OnHeld        string `json:"onHeld" enum:"segment,source,environment,default"`
}

// What onHeld may say about the answer to a tool whose sync is held.
const (
	acceptHeld = "accept"
	rejectHeld = "reject"
)

// guardMember is one limit on the wire.
type guardMember struct {
	field segment.GuardField
	// set reads a value into settings; clear leaves the limit to the environment or the default.
	set   func(s *segment.GuardSettings, value jsontext.Value) error
	clear func(s *segment.GuardSettings)
}

var guardMembers = map[string]guardMember{
	"shrinkPercent": guardLimit(segment.GuardShrink, func(s *segment.GuardSettings) **float64 { return &s.Shrink }, percentOf),
	"minMembers":    guardLimit(segment.GuardMembers, func(s *segment.GuardSettings) **int64 { return &s.Members }, valueOf[int64]),
	"windowSeconds": guardLimit(segment.GuardWindow, func(s *segment.GuardSettings) **time.Duration { return &s.Window }, secondsOf),
	"allowEmpty":    guardLimit(segment.GuardAllowEmpty, func(s *segment.GuardSettings) **bool { return &s.AllowEmpty }, valueOf[bool]),
	"growthPercent": guardLimit(segment.GuardGrowth, func(s *segment.GuardSettings) **float64 { return &s.Growth }, percentOf),
	"onHeld":        guardLimit(segment.GuardReject, func(s *segment.GuardSettings) **bool { return &s.Reject }, rejectOf),
}

func guardLimit[V any](field segment.GuardField, at func(*segment.GuardSettings) **V, read func(jsontext.Value) (V, error)) guardMember {
	return guardMember{
		field: field,
		set: func(s *segment.GuardSettings, value jsontext.Value) error {
			v, err := read(value)
			if err != nil {
				return err
			}
			*at(s) = &v
			return nil
		},
		clear: func(s *segment.GuardSettings) { *at(s) = nil },
	}
}

// valueOf reads a limit that is always on.
func valueOf[V any](text jsontext.Value) (v V, err error) {
	if text.Kind() == 'n' {
		return v, fault.Invalidf("null stands for off, and this limit can't be off; name it in inherited to leave it to others")
	}
	return v, decode(text, &v)
}

// percentOf reads a limit that can be off.
func percentOf(text jsontext.Value) (float64, error) {
	if text.Kind() == 'n' {
		return -1, nil
	}
	v, err := valueOf[float64](text)
	if err == nil && v < 0 {
		return 0, fault.Invalidf("a percentage is 0 or more, or null for off")
	}
	return v, err
}

func secondsOf(text jsontext.Value) (time.Duration, error) {
	n, err := valueOf[int64](text)
	const most = int64(1<<63-1) / int64(time.Second)
	if err == nil && (n < -most || n > most) {
		return 0, fault.Invalidf("the number is out of range")
	}
	return time.Duration(n) * time.Second, err
}

func rejectOf(text jsontext.Value) (bool, error) {
	v, err := valueOf[string](text)
	if err == nil && v != acceptHeld && v != rejectHeld {
		return false, fault.Invalidf("the value may be %s or %s", acceptHeld, rejectHeld)
	}
	return v == rejectHeld, err
}

func guardOf(r *http.Request, g admin.Guard) guardJSON {
	j := guardJSON{
		MinMembers: g.Members, WindowSeconds: int64(g.Window / time.Second), AllowEmpty: g.AllowEmpty, OnHeld: acceptHeld,
		Inherited: []string{},
		Origins: guardOriginsJSON{
			g.Origins[segment.GuardShrink], g.Origins[segment.GuardMembers], g.Origins[segment.GuardWindow],
			g.Origins[segment.GuardAllowEmpty], g.Origins[segment.GuardGrowth], g.Origins[segment.GuardReject],
		},
		Links: links{"self": {Href: r.URL.EscapedPath(), Type: "application/json"}},
	}
	if g.Shrink >= 0 {
		j.ShrinkPercent = &g.Shrink
	}
	if g.Growth >= 0 {
		j.GrowthPercent = &g.Growth
	}
	if g.Reject {
		j.OnHeld = rejectHeld
	}
	inherited := g.Inherited()
	for name, m := range guardMembers {
		if slices.Contains(inherited, m.field) {
			j.Inherited = append(j.Inherited, name)
		}
	}
	slices.Sort(j.Inherited)
	return j
}

// guardScopeOf says whose guard a path names. Integration keys are the same in any case.
func guardScopeOf(r *http.Request) catalog.GuardScope {
	return catalog.GuardScope{Segment: segmentPathOf(r).key, Source: strings.ToLower(r.PathValue("integrationKey"))}
}

// getGuard answers with the guard of a segment, or with the one that a source or an environment hands
// down.
func (s *server) getGuard(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	at := segmentPathOf(r)
	g, err := s.admin.Guard(r.Context(), who, at.project, at.env, guardScopeOf(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, guardOf(r, g))
}

// patchGuard sets the limits that the body names, and leaves those to others that it lists as
// inherited.
func (s *server) patchGuard(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	at := segmentPathOf(r)
	members, comment, err := readMerge(w, r)
	if err != nil {
		return err
	}
	how, err := changeOf(r, patch{comment: comment})
	if err != nil {
		return err
	}
	g, err := s.admin.ChangeGuard(r.Context(), who, at.project, at.env, guardScopeOf(r), how, func(set *segment.GuardSettings) error {
		return changeGuard(set, members)
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, guardOf(r, g))
}

func changeGuard(set *segment.GuardSettings, members map[string]jsontext.Value) error {
	var inherited []string
	if text, ok := members["inherited"]; ok {
		if err := decode(text, &inherited); err != nil {
			return within("inherited", err)
		}
	}
	for _, name := range inherited {
		m, known := guardMembers[name]
		if !known {
			return fault.Invalidf("inherited names %s, which is no limit of a guard", clip(name))
		}
		if _, both := members[name]; both {
			return fault.Invalidf("%s has a value and is named in inherited; leave out one of them", name)
		}
		m.clear(set)
	}
	for name, value := range members {
		m, known := guardMembers[name]
		if !known {
			continue
		}
		if err := m.set(set, value); err != nil {
			return within(name, err)
		}
	}
	return nil
}

// readMerge reads a merge patch in which null is a value: the object itself, or {"merge":{…}}.
func readMerge(w http.ResponseWriter, r *http.Request) (members map[string]jsontext.Value, comment string, err error) {
	text, err := readBody(w, r, maxBodyBytes)
	if err != nil {
		return nil, "", err
	}
	if text.Kind() != '{' {
		return nil, "", fault.Invalidf("the body must be a merge patch, an object")
	}
	if err := decode(text, &members); err != nil {
		return nil, "", err
	}
	if comment, err = commentOf(members); err != nil {
		return nil, "", err
	}
	inner, ok := members["merge"]
	if !ok {
		return members, comment, nil
	}
	if inner.Kind() != '{' {
		return nil, "", fault.Invalidf("merge must be an object")
	}
	members = nil
	err = decode(inner, &members)
	return members, comment, err
}
