package api

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"muster/internal/fault"
)

// condition is a filter in operator form, such as `tags anyOf ["a"],(unbounded equals true|query
// equals "x")`: a comma is AND and binds closer than "|", which is OR. A leaf may also be written
// `tags:{"anyOf":["a"]}`, or `query:x` for equals, and a text without quotes up to the next comma, bar
// or parenthesis: LaunchDarkly's samples of searches for contexts do both.
type condition struct {
	// Either a leaf …
	field, op string
	value     jsontext.Value
	read      any // what value says, once somebody has asked
	// … or a combination: one of parts when or is set, else all.
	or    bool
	parts []*condition
}

const (
	maxConditionDepth = 16
	maxConditions     = 100
)

// parseCondition reads a filter in operator form; nil when it is empty.
func parseCondition(text string) (*condition, error) {
	if len(text) > maxFilterBytes {
		return nil, fault.TooLargef("the filter is longer than %d bytes", maxFilterBytes)
	}
	p := conditionParser{rest: text}
	if p.skipBlanks(); p.rest == "" {
		return nil, nil
	}
	c, err := p.either(0)
	if err != nil {
		return nil, err
	}
	if p.rest != "" {
		return nil, fault.Invalidf("the filter has %q where it should end", clip(p.rest))
	}
	return c, nil
}

type conditionParser struct {
	rest   string
	leaves int
}

func (p *conditionParser) skipBlanks() { p.rest = strings.TrimLeft(p.rest, " \t") }

func (p *conditionParser) take(c byte) bool {
	if p.skipBlanks(); p.rest != "" && p.rest[0] == c {
		p.rest = p.rest[1:]
		p.skipBlanks()
		return true
	}
	return false
}

func (p *conditionParser) either(depth int) (*condition, error) {
	return p.list('|', true, depth, func(depth int) (*condition, error) {
		return p.list(',', false, depth, p.one)
	})
}

func (p *conditionParser) list(sep byte, or bool, depth int, next func(int) (*condition, error)) (*condition, error) {
	c, err := next(depth)
	if err != nil {
		return nil, err
	}
	all := &condition{or: or, parts: []*condition{c}}
	for p.take(sep) {
		if c, err = next(depth); err != nil {
			return nil, err
		}
		all.parts = append(all.parts, c)
	}
	if len(all.parts) == 1 {
		return all.parts[0], nil
	}
	return all, nil
}

func (p *conditionParser) one(depth int) (*condition, error) {
	if p.take('(') {
		if depth == maxConditionDepth {
			return nil, fault.Invalidf("the filter nests deeper than %d parentheses", maxConditionDepth)
		}
		c, err := p.either(depth + 1)
		if err != nil {
			return nil, err
		}
		if !p.take(')') {
			return nil, fault.Invalidf("the filter lacks a closing parenthesis")
		}
		return c, nil
	}
	if p.leaves++; p.leaves > maxConditions {
		return nil, fault.Invalidf("the filter holds more than %d conditions", maxConditions)
	}
	field := p.word()
	if field != "" && p.take(':') {
		return p.operators(field)
	}
	op := p.word()
	if field == "" || op == "" {
		return nil, fault.Invalidf("the filter is not of the form `field op value` at %q", clip(p.rest))
	}
	value, err := p.value(field)
	if err != nil {
		return nil, err
	}
	return &condition{field: field, op: op, value: value}, nil
}

// operators reads what stands behind `field:`: an object of operators that must all hold, or a value
// that must be equal.
func (p *conditionParser) operators(field string) (*condition, error) {
	value, err := p.value(field)
	if err != nil {
		return nil, err
	}
	if value.Kind() != '{' {
		return &condition{field: field, op: "equals", value: value}, nil
	}
	var values map[string]jsontext.Value
	if err := decode(value, &values); err != nil {
		return nil, err
	}
	all := &condition{parts: []*condition{}}
	for _, op := range slices.Sorted(maps.Keys(values)) {
		all.parts = append(all.parts, &condition{field: field, op: op, value: values[op]})
	}
	if p.leaves += len(values); p.leaves > maxConditions {
		return nil, fault.Invalidf("the filter holds more than %d conditions", maxConditions)
	}
	return all, nil
}

// value reads a JSON value, or a text without quotes.
func (p *conditionParser) value(field string) (jsontext.Value, error) {
	d := jsontext.NewDecoder(strings.NewReader(p.rest))
	value, err := d.ReadValue()
	if err == nil {
		value = value.Clone()
		p.rest = p.rest[d.InputOffset():]
		p.skipBlanks()
		return value, nil
	}
	end := strings.IndexAny(p.rest, ",|()")
	if end < 0 {
		end = len(p.rest)
	}
	text := strings.TrimSpace(p.rest[:end])
	if text == "" || strings.ContainsAny(text, "\"[]{}") {
		return nil, fault.Invalidf("the filter's value of %s is neither JSON nor a plain text", clip(field)).Because(err)
	}
	p.rest = p.rest[end:]
	p.skipBlanks()
	if value, err = json.Marshal(text); err != nil {
		return nil, fault.Invalidf("the filter's value of %s is not valid UTF-8", clip(field)).Because(err)
	}
	return value, nil
}

func (p *conditionParser) word() string {
	p.skipBlanks()
	end := strings.IndexAny(p.rest, " \t:,|()[]{}\"")
	if end < 0 {
		end = len(p.rest)
	}
	word := p.rest[:end]
	p.rest = p.rest[end:]
	p.skipBlanks()
	return word
}

// holds evaluates the condition with the given meaning of its leaves.
func (c *condition) holds(leaf func(*condition) (bool, error)) (bool, error) {
	if c.parts == nil {
		return leaf(c)
	}
	for _, part := range c.parts {
		ok, err := part.holds(leaf)
		if err != nil || ok == c.or {
			return ok, err
		}
	}
	return !c.or, nil
}

// leaves yields every leaf of the condition; none of one that is nil.
func (c *condition) leaves() iter.Seq[*condition] {
	return func(yield func(*condition) bool) { c.each(yield) }
}

func (c *condition) each(yield func(*condition) bool) bool {
	if c == nil {
		return true
	}
	if c.parts == nil {
		return yield(c)
	}
	for _, part := range c.parts {
		if !part.each(yield) {
			return false
		}
	}
	return true
}

// text returns the leaf's value as a text.
func (c *condition) text() (string, error) {
	return readAs[string](c, "a text")
}

// readAs returns the leaf's value as a T, in words what. It is read once for all objects of a list.
func readAs[T any](c *condition, what string) (T, error) {
	if v, ok := c.read.(T); ok {
		return v, nil
	}
	var v T
	if err := json.Unmarshal(c.value, &v); err != nil {
		return v, fault.Invalidf("the filter %s %s needs %s", c.field, c.op, what).Because(err)
	}
	c.read = v
	return v, nil
}

// texts returns the leaf's value as a list of texts; a single one counts as a list.
func (c *condition) texts() ([]string, error) {
	if c.value.Kind() == '"' {
		v, err := c.text()
		return []string{v}, err
	}
	return readAs[[]string](c, "a list of texts")
}

// truth returns the leaf's value as true or false.
func (c *condition) truth() (bool, error) {
	return readAs[bool](c, "true or false")
}
