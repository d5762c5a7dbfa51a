package catalog

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"

	"muster/internal/fault"
	"muster/internal/segment"
)

// MaxInstructionTargets is how many context keys one semantic patch of a segment may name.
const MaxInstructionTargets = 1500

// maxInstructionObjects is how many rules, clauses, targets or prerequisites one instruction may hold.
const maxInstructionObjects = 1000

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
	sent string // as it was sent
	by   map[string]any
	err  error
}

func newArguments(kind string, params map[string]any) *arguments {
	a := &arguments{kind: strings.ToLower(kind), sent: kind, by: make(map[string]any, len(params))}
	for name, v := range params {
		lower := strings.ToLower(name)
		if _, twice := a.by[lower]; twice {
			a.fail("%s is there twice, in upper and in lower case", clip(lower))
		}
		a.by[lower] = v
	}
	return a
}

func (a *arguments) fail(format string, args ...any) {
	if a.err == nil {
		a.err = fault.Invalidf("instruction %s: %s", clip(a.sent), fmt.Sprintf(format, args...))
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
	list := a.list(name)
	if len(list) > maxInstructionObjects {
		a.fail("%s has %d elements; at most %d are allowed", name, len(list), maxInstructionObjects)
		return nil
	}
	for _, v := range list {
		m, ok := v.(map[string]any)
		if !ok {
			a.fail("%s must hold objects only", name)
			return nil
		}
		objects = append(objects, newArguments(a.sent, m))
	}
	return objects
}

func (a *arguments) object(name string) *arguments {
	v := a.value(name)
	m, ok := v.(map[string]any)
	if v != nil && !ok {
		a.fail("%s must be an object", name)
	}
	return newArguments(a.sent, m)
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
		gone := make(map[string]bool)
		for _, id := range a.texts("clauseIds") {
			gone[id] = true
		}
		*cs = slices.DeleteFunc(*cs, func(c Clause) bool { return gone[c.ID] })
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
			held := valueSet(c.Values)
			for _, v := range a.values("values") {
				if key := valueKey(v); !held[key] {
					held[key] = true
					c.Values = append(c.Values, v)
				}
			}
		}
	case "removevaluesfromclause":
		if c := a.clauseOf(*cs); c != nil {
			gone := valueSet(a.values("values"))
			c.Values = slices.DeleteFunc(c.Values, func(v ldvalue.Value) bool { return gone[valueKey(v)] })
		}
	}
}

// valueKey is the same for values that are equal, and for no others.
func valueKey(v ldvalue.Value) string {
	text := jsontext.Value(v.JSONString())
	if k := text.Kind(); k == '{' || k == '[' {
		_ = text.Canonicalize() // of members in any order; what was read as JSON can be
	}
	return string(text)
}

func valueSet(values []ldvalue.Value) map[string]bool {
	set := make(map[string]bool, len(values))
	for _, v := range values {
		set[valueKey(v)] = true
	}
	return set
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
		*tags = without(*tags, a.texts("values"))
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

// with returns the list with those of the given values added that it lacks. A patch may add a thousand
// times to a long list, so a few values are looked for without hashing all of it.
func with(list, more []string) []string {
	const few = 8
	if len(more) <= few {
		for _, m := range more {
			if !slices.Contains(list, m) {
				list = append(list, m)
			}
		}
		return list
	}
	lacks := make(map[string]bool, len(more))
	for _, m := range more {
		lacks[m] = true
	}
	for _, s := range list {
		delete(lacks, s)
	}
	for _, m := range more {
		if lacks[m] {
			delete(lacks, m)
			list = append(list, m)
		}
	}
	return list
}
