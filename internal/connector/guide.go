package connector

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Guide tells a person how to connect a tool.
type Guide struct {
	Native Native
	// Steps lead through the tool, one sentence each.
	Steps []string
	// Body is what the tool is to send where it lets people write that, with GuideEnvironment and
	// GuideKind in the places of their values and words in capitals for what the tool fills in.
	Body string
	// Cannot is what the tool does not do, with what follows from it.
	Cannot []string
	// Addressed says that the environment stands in the address, Password that the token is given as
	// the password of basic authentication, Example that the manifest is an example of a format.
	Addressed, Password, Example bool
}

// Native says what becomes of a tool's own connector to LaunchDarkly.
type Native string

// It takes another address, or it has LaunchDarkly's built in, or there is none.
const (
	NativeAddress Native = "address"
	NativeFixed   Native = "fixed"
	NativeNone    Native = "none"
)

// What stands in a guide's body for values that whoever shows it knows.
const (
	GuideEnvironment = "{{environmentId}}"
	GuideKind        = "{{contextKind}}"
)

// Abilities are what the format of a tool can say.
type Abilities struct {
	Replace     bool // the whole list at once
	Kind        bool // which kind of contexts the members are
	Link        bool // where the cohort is in the tool
	Description bool
	MessageID   bool // so that a repeat is known
	Cohorts     bool // several cohorts in one request
}

// Abilities returns what the tool's format can say beside adding and removing members.
func (m *Manifest) Abilities() Abilities {
	named := func(f field) bool { return f.slot >= 0 }
	return Abilities{
		Replace: m.action != nil && m.action.replace != nil, Kind: named(m.kind), Link: named(m.url), Description: named(m.description),
		MessageID: named(m.messageID), Cohorts: named(m.override.id),
	}
}

type guideJSON struct {
	Native    Native         `json:"native"`
	Steps     []string       `json:"steps"`
	Body      jsontext.Value `json:"body"`
	Cannot    []string       `json:"cannot"`
	Addressed bool           `json:"environmentInAddress"`
	Password  bool           `json:"basicAuthentication"`
	Example   bool           `json:"example"`
}

const (
	maxGuideSentences = 20
	maxSentenceBytes  = 500
)

// guide checks what a manifest says to people. A manifest without a guide gets one that says only what
// holds for every tool.
func (c *compiler) guide(j *guideJSON) {
	if j == nil {
		c.m.Guide = Guide{Native: NativeNone, Steps: []string{"Have the tool post its requests to the address, with the token in the header."}}
		return
	}
	switch j.Native {
	case NativeAddress, NativeFixed, NativeNone:
	default:
		c.fail(fmt.Errorf("x-muster.guide.native %q must be address, fixed or none", j.Native))
	}
	if len(j.Steps) == 0 || len(j.Steps)+len(j.Cannot) > maxGuideSentences {
		c.fail(fmt.Errorf("x-muster.guide needs steps, and can have %d sentences", maxGuideSentences))
	}
	for _, text := range append(append([]string{}, j.Steps...), j.Cannot...) {
		if strings.TrimSpace(text) == "" || len(text) > maxSentenceBytes {
			c.fail(fmt.Errorf("a sentence of x-muster.guide is empty or longer than %d bytes", maxSentenceBytes))
		}
	}
	c.m.Guide = Guide{Native: j.Native, Steps: j.Steps, Cannot: j.Cannot, Addressed: j.Addressed, Password: j.Password, Example: j.Example}
	if len(j.Body) == 0 {
		return
	}
	body := j.Body.Clone()
	if err := body.Indent(jsontext.WithIndent("  ")); err != nil {
		c.fail(errors.New("x-muster.guide.body is no JSON"))
	}
	c.m.Guide.Body = string(body)
}
