package catalog

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"

	"muster/internal/fault"
	"muster/internal/segment"
)

// MaxInstructionTargets is how many context keys one semantic patch of a segment may name.
const MaxInstructionTargets = 1500

// Instruction is one step of a semantic patch. Params is the instruction as decoded JSON: texts,
// numbers as float64 or int, booleans, []any, map[string]any. Names are matched whatever their
// case, and a number may come as text: the vendor's own samples do both.
type Instruction struct {
	Kind   string
	Params map[string]any
}

// arguments reads the parameters of one instruction. The first that is missing or of another type
// ends up in err; what is read after it is zero.
type arguments struct {
	kind string // in lower case
	by   map[string]any
	err  error
}

func newArguments(kind string, params map[string]any) *arguments {
	a := &arguments{kind: strings.ToLower(kind), by: make(map[string]any, len(params))}
	for name, v := range params {
		a.by[strings.ToLower(name)] = v
	}
	return a
}

func (a *arguments) fail(format string, args ...any) {
	if a.err == nil {
		a.err = fault.Invalidf("instruction %s: %s", clip(a.kind), fmt.Sprintf(format, args...))
	}
}

// has reports whether a parameter is there and not null.
func (a *arguments) has(name string) bool { return a.by[strings.ToLower(name)] != nil }

func (a *arguments) value(name string) any {
	v := a.by[strings.ToLower(name)]
	if v == nil {
		a.fail("%s is missing", name)
	}
	return v
}

func (a *arguments) text(name string) string {
	v := a.value(name)
	s, ok := v.(string)
	if v != nil && !ok {
		a.fail("%s must be a text", name)
	}
	return s
}

func (a *arguments) textOr(name, otherwise string) string {
	if !a.has(name) {
		return otherwise
	}
	return a.text(name)
}

func (a *arguments) contextKind(name string) segment.ContextKind {
	return orUser(segment.ContextKind(a.textOr(name, "")))
}

func (a *arguments) flag(name string) bool {
	v := a.value(name)
	b, ok := v.(bool)
	if v != nil && !ok {
		a.fail("%s must be true or false", name)
	}
	return b
}

func (a *arguments) number(name string) int {
	n, ok := wholeNumber(a.value(name))
	if a.has(name) && !ok {
		a.fail("%s must be a whole number", name)
	}
	return n
}

func wholeNumber(v any) (int, bool) {
	switch v := v.(type) {
	case int:
		return v, true
	case int64:
		return int(v), true
	case float64:
		return int(v), v == math.Trunc(v) && math.Abs(v) < 1<<53
	case string:
		n, err := strconv.Atoi(v)
		return n, err == nil
	}
	return 0, false
}

func (a *arguments) list(name string) []any {
	v := a.value(name)
	l, ok := v.([]any)
	if texts, isTexts := v.([]string); isTexts {
		for _, s := range texts {
			l = append(l, s)
		}
		ok = true
	}
	if v != nil && !ok {
		a.fail("%s must be a list", name)
	}
	return l
}

func (a *arguments) texts(name string) []string {
	list := a.list(name)
	texts := make([]string, 0, len(list))
	for _, v := range list {
		s, ok := v.(string)
		if !ok {
			a.fail("%s must hold texts only", name)
			return nil
		}
		texts = append(texts, s)
	}
	return texts
}

func (a *arguments) values(name string) []ldvalue.Value {
	var values []ldvalue.Value
	for _, v := range a.list(name) {
		values = append(values, ldvalue.CopyArbitraryValue(v))
	}
	return values
}

// objects returns the elements of a list of objects, each as arguments of the same instruction;
// call join with each when it was read.
func (a *arguments) objects(name string) []*arguments {
	var objects []*arguments
	for _, v := range a.list(name) {
		m, ok := v.(map[string]any)
		if !ok {
			a.fail("%s must hold objects only", name)
			return nil
		}
		objects = append(objects, newArguments(a.kind, m))
	}
	return objects
}

func (a *arguments) object(name string) *arguments {
	v := a.value(name)
	m, ok := v.(map[string]any)
	if v != nil && !ok {
		a.fail("%s must be an object", name)
	}
	return newArguments(a.kind, m)
}

func (a *arguments) join(part *arguments) {
	if a.err == nil {
		a.err = part.err
	}
}

func (a *arguments) clause() Clause {
	c := Clause{
		ID:        a.textOr("_id", ""),
		Kind:      segment.ContextKind(a.textOr("contextKind", "")),
		Attribute: a.textOr("attribute", ""),
		Op:        a.text("op"),
		Values:    a.values("values"),
	}
	if a.has("negate") {
		c.Negate = a.flag("negate")
	}
	return c
}

func (a *arguments) clauses(name string) []Clause {
	var cs []Clause
	for _, o := range a.objects(name) {
		cs = append(cs, o.clause())
		a.join(o)
	}
	return cs
}

// editClauses carries out an instruction if it is about the clauses of one rule.
func (a *arguments) editClauses(cs *[]Clause) {
	switch a.kind {
	case "addclauses":
		*cs = append(*cs, a.clauses("clauses")...)
	case "removeclauses":
		for _, id := range a.texts("clauseIds") {
			*cs = slices.DeleteFunc(*cs, func(c Clause) bool { return c.ID == id })
		}
	case "updateclause":
		if c := a.clauseOf(*cs); c != nil {
			part := a.object("clause")
			next := part.clause()
			a.join(part)
			next.ID = c.ID
			*c = next
		}
	case "addvaluestoclause":
		if c := a.clauseOf(*cs); c != nil {
			for _, v := range a.values("values") {
				if !slices.ContainsFunc(c.Values, v.Equal) {
					c.Values = append(c.Values, v)
				}
			}
		}
	case "removevaluesfromclause":
		if c := a.clauseOf(*cs); c != nil {
			gone := a.values("values")
			c.Values = slices.DeleteFunc(c.Values, func(v ldvalue.Value) bool { return slices.ContainsFunc(gone, v.Equal) })
		}
	}
}

func (a *arguments) clauseOf(cs []Clause) *Clause {
	id := a.text("clauseId")
	for i := range cs {
		if cs[i].ID == id {
			return &cs[i]
		}
	}
	a.fail("the rule has no clause %q", clip(id))
	return nil
}

// reorder sorts rules as the parameter ruleIds says, which names each of them once.
func reorder[R any](a *arguments, rules []R, id func(R) string) []R {
	ids := a.texts("ruleIds")
	at := make(map[string]R, len(rules))
	for _, r := range rules {
		at[id(r)] = r
	}
	sorted := make([]R, 0, len(rules))
	for _, want := range ids {
		r, ok := at[want]
		if !ok {
			a.fail("ruleIds names %q, which is no rule or named twice", clip(want))
			return rules
		}
		delete(at, want)
		sorted = append(sorted, r)
	}
	if len(at) > 0 {
		a.fail("ruleIds names %d of %d rules; it must name each once", len(ids), len(rules))
		return rules
	}
	return sorted
}

// editTags carries out an instruction about tags; false if it is none.
func (a *arguments) editTags(tags *[]string) bool {
	switch a.kind {
	case "addtags":
		*tags = sortedTags(append(*tags, a.texts("values")...))
	case "removetags":
		gone := a.texts("values")
		*tags = slices.DeleteFunc(*tags, func(t string) bool { return slices.Contains(gone, t) })
	default:
		return false
	}
	return true
}

// without returns the list without the given values, in its order.
func without(list, gone []string) []string {
	drop := make(map[string]bool, len(gone))
	for _, g := range gone {
		drop[g] = true
	}
	return slices.DeleteFunc(list, func(s string) bool { return drop[s] })
}

// with returns the list with those of the given values added that it lacks.
func with(list, more []string) []string {
	held := make(map[string]bool, len(list))
	for _, s := range list {
		held[s] = true
	}
	for _, m := range more {
		if !held[m] {
			held[m] = true
			list = append(list, m)
		}
	}
	return list
}
