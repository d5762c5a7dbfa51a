package api

import (
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"muster/internal/fault"
)

// JSON Patch with the meaning that LaunchDarkly's clients expect of it. It differs from RFC 6902 in
// two ways that a general library can't give: "replace" of an absent member adds it, and a run of
// removes that Terraform sends with ascending indexes counts in the original array.

// Limits of one patch.
const (
	maxPatchOps    = 10_000
	maxPointer     = 32        // reference tokens in a path
	maxCopiedNodes = 1_000_000 // values that all "copy" operations may multiply
	// maxShifted is by how many places elements of lists may be shifted, all operations together: this
	// is done while nobody else can change the object.
	maxShifted = 200_000_000
)

// patchOp is one operation. Value is nil when the member is absent.
type patchOp struct {
	Op    string         `json:"op"`
	Path  *string        `json:"path"`
	From  *string        `json:"from"`
	Value jsontext.Value `json:"value"`
}

func patchError(index int, format string, args ...any) *fault.Error {
	e := fault.New(fault.Invalid, fault.CodeInvalidPatch, format, args...)
	e.Message = "operation " + strconv.Itoa(index) + ": " + e.Message
	return e
}

// step is a parsed operation.
type step struct {
	index      int
	op         string
	path, from []string
	value      any
}

// parseJSONPatch reads the operations of a patch.
func parseJSONPatch(text jsontext.Value) ([]step, error) {
	var ops []patchOp
	if err := decode(text, &ops); err != nil {
		return nil, err
	}
	if len(ops) > maxPatchOps {
		return nil, fault.TooLargef("the patch holds more than %d operations", maxPatchOps)
	}
	steps := make([]step, 0, len(ops))
	for i, op := range ops {
		s, err := op.step(i)
		if err != nil {
			return nil, err
		}
		steps = append(steps, s)
	}
	return steps, nil
}

func (op patchOp) step(index int) (step, error) {
	s := step{index: index, op: op.Op}
	if op.Path == nil {
		return s, patchError(index, "it has no path")
	}
	var ok bool
	if s.path, ok = parsePointer(*op.Path); !ok {
		return s, patchError(index, "the path %q is not a JSON pointer of at most %d parts", clip(*op.Path), maxPointer)
	}
	switch op.Op {
	case "add", "replace", "test":
		if op.Value == nil {
			return s, patchError(index, "%s needs a value", op.Op)
		}
		return s, decode(op.Value, &s.value)
	case "move", "copy":
		if op.From == nil {
			return s, patchError(index, "%s needs from", op.Op)
		}
		if s.from, ok = parsePointer(*op.From); !ok {
			return s, patchError(index, "from %q is not a JSON pointer of at most %d parts", clip(*op.From), maxPointer)
		}
	case "remove":
	default:
		return s, patchError(index, "unknown op %q; use add, replace, remove, test, move or copy", clip(op.Op))
	}
	return s, nil
}

// parsePointer splits a JSON pointer into its reference tokens.
func parsePointer(text string) ([]string, bool) {
	if text == "" {
		return nil, true
	}
	if text[0] != '/' || strings.Count(text, "/") > maxPointer {
		return nil, false
	}
	tokens := strings.Split(text[1:], "/")
	for i, t := range tokens {
		if !strings.Contains(t, "~") {
			continue
		}
		if strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(t), "~") {
			return nil, false
		}
		tokens[i] = strings.ReplaceAll(strings.ReplaceAll(t, "~1", "/"), "~0", "~")
	}
	return tokens, true
}

// patching is a document while operations are applied to it.
type patching struct {
	doc     any
	copied  int
	shifted int
}

// shift takes into account that an operation shifts n elements.
func (p *patching) shift(s step, n int) error {
	if p.shifted += n; p.shifted > maxShifted {
		return patchError(s.index, "the patch shifts elements of lists by more than %d places; replace the list instead", maxShifted)
	}
	return nil
}

// applyJSONPatch applies the operations to the document, which it changes. After an error the
// document is worthless.
func applyJSONPatch(doc any, steps []step) (any, error) {
	p := &patching{doc: doc}
	for i := 0; i < len(steps); {
		n := removeRun(steps[i:])
		if n > 1 {
			if err := p.removeAll(steps[i : i+n]); err != nil {
				return nil, err
			}
			i += n
			continue
		}
		if err := p.apply(steps[i]); err != nil {
			return nil, err
		}
		i++
	}
	return p.doc, nil
}

// removeRun returns how many of the first steps remove elements of one array.
func removeRun(steps []step) int {
	n := 0
	for n < len(steps) && steps[n].op == "remove" && len(steps[n].path) > 0 {
		last := len(steps[n].path) - 1
		if _, ok := arrayIndex(steps[n].path[last], maxPatchIndex); !ok || !slices.Equal(steps[n].path[:last], steps[0].path[:len(steps[0].path)-1]) {
			break
		}
		n++
	}
	return n
}

const maxPatchIndex = 1 << 30

// removeAll removes elements of one array one after the other, and if that fails, by their indexes
// before the first removal: Terraform removes surplus variations as /variations/2, /variations/3.
func (p *patching) removeAll(steps []step) error {
	parent := steps[0].path[:len(steps[0].path)-1]
	before, isArray := p.at(parent).([]any)
	if isArray {
		before = slices.Clone(before)
	}
	var failed error
	for _, s := range steps {
		if failed = p.apply(s); failed != nil {
			break
		}
	}
	if failed == nil || !isArray {
		return failed
	}
	gone := make(map[int]bool, len(steps))
	for _, s := range steps {
		i, ok := arrayIndex(s.path[len(parent)], len(before))
		if !ok || gone[i] {
			return failed
		}
		gone[i] = true
	}
	kept := make([]any, 0, len(before)-len(gone))
	for i, v := range before {
		if !gone[i] {
			kept = append(kept, v)
		}
	}
	p.set(parent, kept)
	return nil
}

func (p *patching) apply(s step) error {
	switch s.op {
	case "add", "replace":
		return p.put(s, deepCopy(s.value)) // the steps may be applied once more
	case "remove":
		_, err := p.remove(s, s.path)
		return err
	case "test":
		return p.test(s)
	case "move":
		return p.move(s)
	default:
		v, ok := p.find(s.from)
		if !ok {
			return patchError(s.index, "there is nothing at %s to copy", pointer(s.from))
		}
		if p.copied += nodes(v); p.copied > maxCopiedNodes {
			return patchError(s.index, "the patch copies more than %d values; add them instead", maxCopiedNodes)
		}
		return p.put(s, deepCopy(v))
	}
}

func (p *patching) move(s step) error {
	if len(s.path) > len(s.from) && slices.Equal(s.path[:len(s.from)], s.from) {
		return patchError(s.index, "%s can't move into itself", pointer(s.from))
	}
	if len(s.from) == 0 {
		return nil
	}
	v, err := p.remove(s, s.from)
	if err != nil {
		return err
	}
	return p.put(s, v)
}

func (p *patching) test(s step) error {
	v, ok := p.find(s.path)
	if ok && sameJSON(v, s.value) {
		return nil
	}
	if n := len(s.path); n > 0 && (s.path[n-1] == "version" || s.path[n-1] == "_version") {
		return fault.New(fault.Conflict, fault.CodeOptimisticLock, "operation %d: the version at %s is another one by now; read it again and repeat the change", s.index, pointer(s.path))
	}
	return patchError(s.index, "the value at %s is not the one tested for", pointer(s.path))
}

// put adds or replaces the value at the step's path.
func (p *patching) put(s step, v any) error {
	if len(s.path) == 0 {
		p.doc = v
		return nil
	}
	last := len(s.path) - 1
	parent, ok := p.find(s.path[:last])
	if !ok {
		return patchError(s.index, "there is nothing at %s", pointer(s.path[:last]))
	}
	switch parent := parent.(type) {
	case map[string]any:
		parent[s.path[last]] = v
		return nil
	case []any:
		if s.op == "replace" {
			i, ok := arrayIndex(s.path[last], len(parent))
			if !ok {
				return patchError(s.index, "there is no element at %s", pointer(s.path))
			}
			parent[i] = v
			return nil
		}
		i, ok := len(parent), s.path[last] == "-"
		if !ok {
			i, ok = arrayIndex(s.path[last], len(parent)+1)
		}
		if !ok {
			return patchError(s.index, "there is no place at %s", pointer(s.path))
		}
		if err := p.shift(s, len(parent)-i); err != nil {
			return err
		}
		p.set(s.path[:last], slices.Insert(parent, i, v))
		return nil
	}
	return patchError(s.index, "the value at %s has no members", pointer(s.path[:last]))
}

func (p *patching) remove(s step, path []string) (any, error) {
	v, ok := p.find(path)
	if !ok || len(path) == 0 {
		return nil, patchError(s.index, "there is nothing at %s to remove", pointer(path))
	}
	last := len(path) - 1
	switch parent := p.at(path[:last]).(type) {
	case map[string]any:
		delete(parent, path[last])
	case []any:
		i, _ := arrayIndex(path[last], len(parent))
		if err := p.shift(s, len(parent)-i); err != nil {
			return nil, err
		}
		p.set(path[:last], slices.Delete(parent, i, i+1))
	}
	return v, nil
}

func (p *patching) find(path []string) (any, bool) {
	v := p.doc
	for _, token := range path {
		switch in := v.(type) {
		case map[string]any:
			var ok bool
			if v, ok = in[token]; !ok {
				return nil, false
			}
		case []any:
			i, ok := arrayIndex(token, len(in))
			if !ok {
				return nil, false
			}
			v = in[i]
		default:
			return nil, false
		}
	}
	return v, true
}

func (p *patching) at(path []string) any {
	v, _ := p.find(path)
	return v
}

// set replaces the value at a path that exists.
func (p *patching) set(path []string, v any) {
	if len(path) == 0 {
		p.doc = v
		return
	}
	last := len(path) - 1
	switch parent := p.at(path[:last]).(type) {
	case map[string]any:
		parent[path[last]] = v
	case []any:
		if i, ok := arrayIndex(path[last], len(parent)); ok {
			parent[i] = v
		}
	}
}

// arrayIndex reads an index below n, written without leading zeros.
func arrayIndex(token string, n int) (int, bool) {
	if token == "" || len(token) > 10 || (token[0] == '0' && len(token) > 1) {
		return 0, false
	}
	i := 0
	for _, c := range []byte(token) {
		if c < '0' || c > '9' {
			return 0, false
		}
		i = i*10 + int(c-'0')
	}
	return i, i < n
}

func pointer(path []string) string {
	if len(path) == 0 {
		return "the root"
	}
	var b strings.Builder
	for _, t := range path {
		b.WriteByte('/')
		b.WriteString(strings.ReplaceAll(strings.ReplaceAll(t, "~", "~0"), "/", "~1"))
	}
	return clip(b.String())
}

func nodes(v any) int {
	n := 1
	switch v := v.(type) {
	case map[string]any:
		for _, e := range v {
			n += nodes(e)
		}
	case []any:
		for _, e := range v {
			n += nodes(e)
		}
	}
	return n
}

func deepCopy(v any) any {
	switch v := v.(type) {
	case map[string]any:
		c := make(map[string]any, len(v))
		for name, e := range v {
			c[name] = deepCopy(e)
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i, e := range v {
			c[i] = deepCopy(e)
		}
		return c
	}
	return v
}

func sameJSON(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for name, v := range a {
			if w, ok := b[name]; !ok || !sameJSON(v, w) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, sameJSON)
	}
	switch b.(type) {
	case map[string]any, []any:
		return false
	}
	return a == b
}
