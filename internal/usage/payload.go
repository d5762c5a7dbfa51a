package usage

import (
	"bytes"
	"io"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"muster/internal/catalog"
	"muster/internal/store"
)

// lenient reads what SDKs of any age write: odd JSON is still their report.
var lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// NoVariation stands for evaluations that served the default of the code, or a variation that the
// flag does not have any more.
const NoVariation = -1

// evaluated is what one count is of.
type evaluated struct {
	flag      catalog.FlagKey
	variation int
}

// payload gathers what one report says before any of it counts. It grows with the flags that the
// project has, and not with the body.
type payload struct {
	report   Report
	store    store.Catalog
	counts   map[evaluated]uint64
	defaults map[catalog.FlagKey]string // what the code would serve, as JSON
	unknown  uint64                     // evaluations of flags that the project does not have
	contexts map[contextName]uint64     // how many events named them
}

// read reads a list of events, or the one event that diagnostics send. An error means that the body
// is no such thing; an event of a sort that is not known, or is not as it should be, is passed over.
func (p *payload) read(body []byte) error {
	d := jsontext.NewDecoder(bytes.NewBuffer(body), lenient)
	single := d.PeekKind() == '{'
	if single {
		v, err := d.ReadValue()
		if err != nil {
			return err
		}
		p.event(v)
	} else if err := elements(d, func(v jsontext.Value) { p.event(v) }); err != nil {
		return err
	}
	if _, err := d.ReadToken(); err != io.EOF { //nolint:errorlint // the decoder returns it as it is
		return errBody
	}
	return nil
}

// event reads one event. The members beside kind are those of several kinds.
func (p *payload) event(v jsontext.Value) {
	var e struct {
		Kind      string         `json:"kind"`
		Features  jsontext.Value `json:"features"`
		Key       string         `json:"key"`
		Variation *int           `json:"variation"`
		Default   jsontext.Value `json:"default"`
		Context   jsontext.Value `json:"context"`
		User      jsontext.Value `json:"user"` // its name of before there were kinds
		ID        struct {
			Diagnostic string `json:"diagnosticId"`
		} `json:"id"`
		SDK struct {
			Name    string `json:"name"`
			Version string `json:"version"`
		} `json:"sdk"`
	}
	if json.Unmarshal(v, &e, lenient) != nil {
		return
	}
	p.context(e.Context)
	p.context(e.User)
	switch e.Kind {
	case "summary":
		_ = members(e.Features, p.feature) // it is JSON; features that are no object count nothing
	case "feature":
		if p.report.Unsummarized {
			p.count(catalog.FlagKey(e.Key), counter{Variation: e.Variation, Count: 1}, e.Default)
		}
	case "diagnostic-init", "diagnostic", "diagnostic-combined":
		if p.report.Instance == "" {
			p.report.Instance = clip(e.ID.Diagnostic)
		}
		if p.report.SDK == (SDK{}) && e.SDK.Version != "" {
			p.report.SDK = SDK{Name: clip(e.SDK.Name), Version: clip(e.SDK.Version)}
		}
	}
}

// counter is how often one variation was served.
type counter struct {
	Variation *int  `json:"variation"`
	Count     int64 `json:"count"`
}

// feature reads what a summary says of one flag.
func (p *payload) feature(key string, v jsontext.Value) {
	var f struct {
		Default  jsontext.Value `json:"default"`
		Counters jsontext.Value `json:"counters"`
	}
	if json.Unmarshal(v, &f, lenient) != nil {
		return
	}
	_ = elements(jsontext.NewDecoder(bytes.NewBuffer(f.Counters), lenient), func(v jsontext.Value) { // as above
		var c counter
		if json.Unmarshal(v, &c, lenient) == nil {
			p.count(catalog.FlagKey(key), c, f.Default)
		}
	})
}

const (
	// maxCount is the most that one counter can add: no SDK evaluates a flag that often between two
	// reports, and sums of it don't overflow.
	maxCount = 1 << 40
	// maxDefault is how long a default may be to be shown.
	maxDefault = 1 << 10
	// maxName is how many bytes of names are kept.
	maxName = 128
)

func (p *payload) count(key catalog.FlagKey, c counter, fallback jsontext.Value) {
	if c.Count <= 0 || c.Count > maxCount {
		return
	}
	f, ok := p.store.Flag(p.report.Environment.Project, key)
	if !ok {
		p.unknown += uint64(c.Count)
		return
	}
	at := evaluated{f.Key, NoVariation}
	if c.Variation != nil && *c.Variation >= 0 && *c.Variation < len(f.Variations) {
		at.variation = *c.Variation
	}
	p.counts[at] += uint64(c.Count)
	if len(fallback) == 0 || len(fallback) > maxDefault || !fallback.IsValid() {
		return
	}
	if p.defaults == nil {
		p.defaults = make(map[catalog.FlagKey]string)
	}
	p.defaults[f.Key] = string(fallback)
}

// members calls fn with the members of a JSON object. Other JSON is an error.
func members(v jsontext.Value, fn func(name string, v jsontext.Value)) error {
	d := jsontext.NewDecoder(bytes.NewBuffer(v), lenient)
	if d.PeekKind() != '{' {
		return errBody
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return err
		}
		key := name.String()
		value, err := d.ReadValue()
		if err != nil {
			return err
		}
		fn(key, value)
	}
	return nil
}

// elements calls fn with the elements of a JSON array. Other JSON is an error.
func elements(d *jsontext.Decoder, fn func(jsontext.Value)) error {
	if d.PeekKind() != '[' {
		return errBody
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() != ']' {
		v, err := d.ReadValue()
		if err != nil {
			return err
		}
		fn(v)
	}
	_, err := d.ReadToken()
	return err
}

// clip makes a name of what somebody sent.
func clip(s string) string {
	if len(s) > maxName {
		s = s[:maxName]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
