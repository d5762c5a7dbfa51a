package catalog

import (
	"regexp"
	"slices"
	"time"

	"muster/internal/fault"
	"muster/internal/policy"
)

// FilterKey is the key by which SDKs ask for a payload filter, unique in its project, immutable.
type FilterKey string

// PayloadFilter selects flags of a project: an SDK that names it is sent those, with the flags and
// segments that they need, and nothing else.
type PayloadFilter struct {
	ID          ID
	Key         FilterKey
	Name        string
	Description string
	Rules       []PayloadRule
	CreatedAt   time.Time
	ModifiedAt  time.Time
	Version     int // grows with every change
}

// PayloadRule includes or excludes flags.
type PayloadRule struct {
	Exclude  bool
	Property PayloadProperty
	Regex    string // has to match the whole of the property
}

// PayloadProperty is what a rule looks at.
type PayloadProperty string

// The properties. A flag has any number of tags, of which one has to match.
const (
	FlagKeyProperty PayloadProperty = "flag-key"
	FlagTagProperty PayloadProperty = "flag-tag"
)

const (
	maxPayloadFilters = 50 // of a project
	maxPayloadRules   = 50
	maxPayloadRegex   = 1 << 10 // bytes
)

// PayloadFilter returns a filter of the project; false if there is none.
func (p *Project) PayloadFilter(key FilterKey) (*PayloadFilter, bool) {
	for _, f := range p.Filters {
		if f.Key == key {
			return f, true
		}
	}
	return nil, false
}

// Clone returns a copy that shares nothing changeable with f.
func (f *PayloadFilter) Clone() *PayloadFilter {
	c := *f
	c.Rules = slices.Clone(f.Rules)
	return &c
}

// Validate returns a sentence about the first field that can't be as it is.
func (f *PayloadFilter) Validate() error {
	if err := checkKey("payload filter", string(f.Key)); err != nil {
		return err
	}
	if err := checkName(f.Name); err != nil {
		return err
	}
	if err := checkText("description", f.Description, MaxDescriptionLength); err != nil {
		return err
	}
	if len(f.Rules) > maxPayloadRules {
		return fault.TooLargef("the payload filter has %d rules; at most %d are allowed", len(f.Rules), maxPayloadRules)
	}
	for i, r := range f.Rules {
		if err := r.validate(); err != nil {
			return fault.Invalidf("rule %d: %s", i, fault.From(err).Message)
		}
	}
	return nil
}

func (r PayloadRule) validate() error {
	if r.Property != FlagKeyProperty && r.Property != FlagTagProperty {
		return fault.Invalidf("property %q is none that a payload filter knows; use %q or %q", clip(string(r.Property)), FlagKeyProperty, FlagTagProperty)
	}
	if r.Regex == "" || len(r.Regex) > maxPayloadRegex {
		return fault.Invalidf("regex must have 1 to %d bytes", maxPayloadRegex)
	}
	if _, err := r.compile(); err != nil {
		return fault.Invalidf("regex %q is not a regular expression as RE2 knows them", clip(r.Regex)).Because(err)
	}
	return nil
}

// compile returns the expression of the whole property. What it costs to match grows with the length of
// the text only.
func (r PayloadRule) compile() (*regexp.Regexp, error) {
	return regexp.Compile(`^(?:` + r.Regex + `)$`)
}

func (p *Project) checkFilters() error {
	if len(p.Filters) > maxPayloadFilters {
		return fault.TooLargef("project %s would have %d payload filters; at most %d are allowed", p.Key, len(p.Filters), maxPayloadFilters)
	}
	for _, f := range p.Filters {
		if err := f.Validate(); err != nil {
			return err
		}
	}
	return nil
}

// PayloadSelection is a payload filter made ready to be asked about many flags.
type PayloadSelection struct {
	include, exclude []payloadMatch
}

type payloadMatch struct {
	property PayloadProperty
	regex    *regexp.Regexp
}

// Selection returns what the filter selects. A rule that is none, which Validate refuses, matches nothing.
func (f *PayloadFilter) Selection() *PayloadSelection {
	s := &PayloadSelection{}
	for _, r := range f.Rules {
		re, err := r.compile()
		if err != nil {
			re = never
		}
		if m := (payloadMatch{r.Property, re}); r.Exclude {
			s.exclude = append(s.exclude, m)
		} else {
			s.include = append(s.include, m)
		}
	}
	return s
}

var never = regexp.MustCompile(`[^\x00-\x{10FFFF}]`)

// Selects reports whether a flag is selected: by one of the rules that include flags, or by the lack of
// any, and by none that excludes them.
func (s *PayloadSelection) Selects(key FlagKey, tags []string) bool {
	matches := func(m payloadMatch) bool {
		if m.property == FlagTagProperty {
			return slices.ContainsFunc(tags, m.regex.MatchString)
		}
		return m.regex.MatchString(string(key))
	}
	return (len(s.include) == 0 || slices.ContainsFunc(s.include, matches)) && !slices.ContainsFunc(s.exclude, matches)
}

// PayloadFilterResource returns what policies call a payload filter of a project.
func PayloadFilterResource(p *Project, key FilterKey) policy.Resource {
	return append(slices.Clip(ProjectResource(p)), policy.Part{Kind: "payload-filter", Name: string(key)})
}
