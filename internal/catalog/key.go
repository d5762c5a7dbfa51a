package catalog

import (
	"slices"
	"unicode/utf8"

	"muster/internal/fault"
	"muster/internal/segment"
)

// The limits of what people name.
const (
	MaxKeyLength         = 256
	MaxNameLength        = 256
	MaxDescriptionLength = 4096
	MaxTagLength         = 64
	MaxTags              = 200
)

// ValidKey reports whether s can be the key of a project, environment, flag or segment: a letter or
// digit, then letters, digits, "_", "." and "-", at most 256 in all.
func ValidKey(s string) bool {
	if len(s) == 0 || len(s) > MaxKeyLength || !letterOrDigit(s[0]) {
		return false
	}
	return keyBytes(s)
}

// ValidContextKind reports whether k can be the key of a context kind. SDKs accept kinds that begin
// with "_", "." or "-", which no other key may.
func ValidContextKind(k segment.ContextKind) bool {
	return len(k) > 0 && len(k) <= MaxKeyLength && keyBytes(string(k)) && k != "kind" && k != "multi"
}

func letterOrDigit(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func keyBytes(s string) bool {
	for i := range len(s) {
		if c := s[i]; !letterOrDigit(c) && c != '_' && c != '.' && c != '-' {
			return false
		}
	}
	return true
}

func checkKey(what, key string) error {
	if !ValidKey(key) {
		return fault.Invalidf("key %q of the %s must begin with a letter or digit and hold only letters, digits, '_', '.' and '-', at most %d", clip(key), what, MaxKeyLength)
	}
	return nil
}

func checkKind(field string, k segment.ContextKind) error {
	if !ValidContextKind(k) {
		return fault.Invalidf("%s %q is not a context kind; use letters, digits, '_', '.' and '-', and neither \"kind\" nor \"multi\"", field, clip(string(k)))
	}
	return nil
}

func checkName(name string) error {
	if name == "" {
		return fault.Invalidf("name must not be empty")
	}
	return checkText("name", name, MaxNameLength)
}

func checkText(field, text string, most int) error {
	if !utf8.ValidString(text) {
		return fault.Invalidf("%s is not valid UTF-8", field)
	}
	if n := utf8.RuneCountInString(text); n > most {
		return fault.Invalidf("%s has %d characters; at most %d are allowed", field, n, most)
	}
	return nil
}

func checkTags(tags []string) error {
	if len(tags) > MaxTags {
		return fault.Invalidf("tags has %d elements; at most %d are allowed", len(tags), MaxTags)
	}
	for _, t := range tags {
		if len(t) == 0 || len(t) > MaxTagLength || !keyBytes(t) {
			return fault.Invalidf("tag %q must have 1 to %d letters, digits, '_', '.' or '-'", clip(t), MaxTagLength)
		}
	}
	return nil
}

// sortedTags returns the tags as they are kept: sorted, each once.
func sortedTags(tags []string) []string {
	s := slices.Clone(tags)
	slices.Sort(s)
	return slices.Compact(s)
}

// clip keeps messages short whatever was sent.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
