package connector

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"muster/internal/segment"
)

const (
	maxTemplateBytes = 16 << 10
	maxTemplateDepth = 8
	// maxInsertRunes bounds what one value of the body adds to a reply.
	maxInsertRunes = 4096
)

// template is a reply: literal text, values and conditions in the part of the Handlebars language
// that public manifests use.
type template struct{ parts []part }

// part is literal text, or a reference that is inserted, or one that decides between two branches.
type part struct {
	literal   string
	ref       *ref
	condition bool
	yes, no   []part
}

// ref names a variable, or a place in the request body.
type ref struct {
	variable string
	body     field // used when variable is "requestBody"
}

const bodyVariable = "requestBody"

// variables are the names a template may use.
var variables = []string{
	bodyVariable, "statusCode", "errorMessage", "errorCode", "projectKey", "environmentKey",
	"segmentKey", "segmentUrl", "added", "removed", "skipped", "syncId",
}

// templateParser reads a template; places of the body that it mentions are added to want.
type templateParser struct {
	rest string
	want *wanted
}

func parseTemplate(text string, want *wanted) (*template, error) {
	if len(text) > maxTemplateBytes {
		return nil, fmt.Errorf("longer than %d bytes", maxTemplateBytes)
	}
	p := templateParser{rest: text, want: want}
	parts, end, err := p.parts(0)
	if err != nil {
		return nil, err
	}
	if end != "" {
		return nil, fmt.Errorf("{{%s}} without {{#if}}", end)
	}
	return &template{parts: parts}, nil
}

// parts reads up to the end of the text, or to the {{else}} or {{/if}} that it returns.
func (p *templateParser) parts(depth int) (parts []part, end string, err error) {
	if depth > maxTemplateDepth {
		return nil, "", fmt.Errorf("conditions nested deeper than %d", maxTemplateDepth)
	}
	for p.rest != "" {
		literal, _, found := strings.Cut(p.rest, "{{")
		if literal != "" {
			parts = append(parts, part{literal: literal})
		}
		p.rest = p.rest[len(literal):]
		if !found {
			break
		}
		tag, err := p.tag()
		if err != nil {
			return nil, "", err
		}
		switch path, conditional := strings.CutPrefix(tag, "#if "); {
		case tag == "else" || tag == "/if":
			return parts, tag, nil
		case conditional:
			next, err := p.condition(path, depth)
			if err != nil {
				return nil, "", err
			}
			parts = append(parts, next)
		default:
			r, err := p.ref(tag)
			if err != nil {
				return nil, "", err
			}
			parts = append(parts, part{ref: r})
		}
	}
	return parts, "", nil
}

// tag takes the next {{…}} or {{{…}}} off the text and returns what is inside.
func (p *templateParser) tag() (string, error) {
	opening, closing := "{{", "}}"
	if strings.HasPrefix(p.rest, "{{{") {
		opening, closing = "{{{", "}}}"
	}
	inside, rest, ok := strings.Cut(p.rest[len(opening):], closing)
	if !ok {
		return "", fmt.Errorf("%s without %s", opening, closing)
	}
	p.rest = rest
	inside = strings.TrimSpace(inside)
	if opening == "{{{" && (inside == "else" || strings.HasPrefix(inside, "/") || strings.HasPrefix(inside, "#")) {
		return "", fmt.Errorf("{{{%s}}} must be written with two braces", inside)
	}
	return inside, nil
}

func (p *templateParser) condition(path string, depth int) (part, error) {
	r, err := p.ref(strings.TrimSpace(path))
	if err != nil {
		return part{}, err
	}
	c := part{ref: r, condition: true}
	var end string
	if c.yes, end, err = p.parts(depth + 1); err != nil {
		return part{}, err
	}
	if end == "else" {
		if c.no, end, err = p.parts(depth + 1); err != nil {
			return part{}, err
		}
	}
	if end != "/if" {
		return part{}, errors.New("{{#if}} without {{/if}}")
	}
	return c, nil
}

// ref reads a path such as segmentKey or requestBody.fields.[0].id.
func (p *templateParser) ref(path string) (*ref, error) {
	segments, err := pathSegments(path)
	if err != nil {
		return nil, err
	}
	name := segments[0]
	switch {
	case !slices.Contains(variables, name):
		return nil, fmt.Errorf("{{%s}} is no variable; there are %s", path, strings.Join(variables, ", "))
	case name != bodyVariable && len(segments) > 1:
		return nil, fmt.Errorf("{{%s}}: %s has nothing below it", path, name)
	case name != bodyVariable:
		return &ref{variable: name}, nil
	case len(segments) > maxPointerTokens:
		return nil, fmt.Errorf("{{%s}} has more than %d parts", path, maxPointerTokens)
	}
	return &ref{variable: name, body: field{slot: p.want.add(segments[1:])}}, nil
}

func pathSegments(path string) ([]string, error) {
	segments := strings.Split(path, ".")
	for i, s := range segments {
		if inner, ok := strings.CutPrefix(s, "["); ok {
			s, ok = strings.CutSuffix(inner, "]")
			if !ok {
				return nil, fmt.Errorf("{{%s}}: [ without ]", path)
			}
			segments[i] = s
		}
		if s == "" || strings.ContainsAny(s, " \t\r\n{}[]#/\"'`~!&>()=|@^*\\") {
			return nil, fmt.Errorf("{{%s}} is neither a path nor a condition", path)
		}
	}
	return segments, nil
}

// render fills in values and reports whether the outcome is JSON.
func (t *template) render(value func(*ref) found) ([]byte, bool) {
	r := renderer{value: value}
	r.parts(t.parts)
	return r.out, jsontext.Value(r.out).IsValid(jsontext.AllowDuplicateNames(true))
}

// try renders both ways that a reply can go.
func (t *template) try() error {
	for _, o := range []Outcome{{Status: 200}, {Status: 400, ErrorMessage: "no"}} {
		if _, ok := t.render(o.value(nil)); !ok {
			return fmt.Errorf("does not render to JSON for status %d", o.Status)
		}
	}
	return nil
}

// renderer follows its own output to know whether a value lands inside a JSON string.
type renderer struct {
	value   func(*ref) found
	out     []byte
	quoted  bool
	escaped bool
}

func (r *renderer) parts(parts []part) {
	for _, p := range parts {
		switch {
		case p.ref == nil:
			r.literal(p.literal)
		case p.condition && truthy(r.value(p.ref)):
			r.parts(p.yes)
		case p.condition:
			r.parts(p.no)
		default:
			r.insert(r.value(p.ref))
		}
	}
}

func (r *renderer) literal(text string) {
	for _, c := range []byte(text) {
		switch {
		case r.escaped:
			r.escaped = false
		case c == '\\' && r.quoted:
			r.escaped = true
		case c == '"':
			r.quoted = !r.quoted
		}
	}
	r.out = append(r.out, text...)
}

func (r *renderer) insert(v found) {
	switch v.kind {
	case jsontext.KindString:
		if r.quoted {
			r.out = append(r.out, innerText(v.raw)...)
			return
		}
	case jsontext.KindNumber, jsontext.KindTrue, jsontext.KindFalse:
		r.out = append(r.out, v.raw...)
		return
	}
	if !r.quoted {
		r.out = append(r.out, "null"...)
	}
}

// innerText returns a JSON string as it may stand between quotes: valid Unicode and not too long.
func innerText(raw []byte) []byte {
	text, _ := jsontext.AppendUnquote(nil, raw)
	quoted, _ := jsontext.AppendQuote(nil, cut(string(text), maxInsertRunes))
	return quoted[1 : len(quoted)-1]
}

// truthy is what {{#if}} asks.
func truthy(v found) bool {
	switch v.kind {
	case jsontext.KindTrue, jsontext.KindBeginObject:
		return true
	case jsontext.KindBeginArray:
		return !v.empty
	case jsontext.KindString:
		return len(v.raw) > 2
	case jsontext.KindNumber:
		zero, ok := segment.AppendInteger(nil, v.raw)
		return !ok || string(zero) != "0"
	}
	return false
}
