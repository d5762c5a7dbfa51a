package api

import (
	"strings"

	"muster/internal/fault"
)

const maxFilterBytes = 8 << 10

// term is one condition of a filter in colon form.
type term struct{ field, value string }

// parseFilter reads a filter in colon form: "field:value,field:value", all of which must hold.
// Which fields mean something is the list's affair; it skips the others, because ldcli's dev server
// filters by fields that only LaunchDarkly has.
func parseFilter(text string) ([]term, error) {
	if len(text) > maxFilterBytes {
		return nil, fault.TooLargef("the filter is longer than %d bytes", maxFilterBytes)
	}
	var terms []term
	for _, part := range splitOutside(text, ',') {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		field, value, ok := strings.Cut(part, ":")
		if !ok || field == "" {
			return nil, fault.Invalidf("the filter %q is not of the form field:value", clip(part))
		}
		terms = append(terms, term{field: strings.TrimSpace(field), value: strings.TrimSpace(value)})
	}
	return terms, nil
}

// splitOutside splits at sep where it stands outside of JSON texts, objects, arrays and parentheses.
func splitOutside(text string, sep byte) []string {
	var parts []string
	start, depth, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted:
			switch c {
			case '\\':
				i++
			case '"':
				quoted = false
			}
		case c == '"':
			quoted = true
		case c == '{' || c == '[' || c == '(':
			depth++
		case (c == '}' || c == ']' || c == ')') && depth > 0:
			depth--
		case c == sep && depth == 0:
			parts = append(parts, text[start:i])
			start = i + 1
		}
	}
	return append(parts, text[start:])
}

// allOf splits a value at "+", which arrives as a blank when the client did not escape it.
func allOf(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return r == '+' || r == ' ' })
}

// anyOf splits a value at "|".
func anyOf(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return r == '|' })
}

// selected returns the values that all terms keep. matches reports whether a value passes a term;
// it lets pass what it doesn't know.
func selected[T any](all []T, terms []term, matches func(T, term) bool) []T {
	if len(terms) == 0 {
		return all
	}
	var kept []T
next:
	for _, v := range all {
		for _, t := range terms {
			if !matches(v, t) {
				continue next
			}
		}
		kept = append(kept, v)
	}
	return kept
}

// mentions reports whether any of the texts contains the query, without regard to case.
func mentions(query string, texts ...string) bool {
	query = strings.ToLower(query)
	for _, t := range texts {
		if strings.Contains(strings.ToLower(t), query) {
			return true
		}
	}
	return false
}

// hasTags reports whether tags holds one of the "|" alternatives, each of which is an AND of tags.
func hasTags(tags []string, value string) bool {
	alternatives := anyOf(value)
	if len(alternatives) == 0 {
		return true
	}
	held := make(map[string]bool, len(tags))
	for _, t := range tags {
		held[t] = true
	}
	for _, alternative := range alternatives {
		ok := true
		for _, tag := range allOf(alternative) {
			ok = ok && held[tag]
		}
		if ok {
			return true
		}
	}
	return false
}
