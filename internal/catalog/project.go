package catalog

import (
	"strings"

	"muster/internal/fault"
	"muster/internal/segment"
)

const (
	maxTTLMinutes   = 60
	maxSecretLength = 256
	colorDigits     = 6
)

// Normalize brings the project into the form that is kept.
func (p *Project) Normalize() { p.Tags = sortedTags(p.Tags) }

// Validate returns a sentence about the first field that can't be as it is.
func (p *Project) Validate() error {
	if err := checkKey("project", string(p.Key)); err != nil {
		return err
	}
	if err := checkName(p.Name); err != nil {
		return err
	}
	for i := range p.ContextKinds {
		if err := p.ContextKinds[i].Validate(); err != nil {
			return err
		}
	}
	if err := p.checkFilters(); err != nil {
		return err
	}
	return checkTags(p.Tags)
}

// ContextKind returns a context kind of the project; false if the project doesn't know it.
func (p *Project) ContextKind(key segment.ContextKind) (ContextKind, bool) {
	for _, k := range p.ContextKinds {
		if k.Key == key {
			return k, true
		}
	}
	return ContextKind{}, false
}

// Validate returns a sentence about the first field that can't be as it is.
func (k *ContextKind) Validate() error {
	if err := checkKind("key", k.Key); err != nil {
		return err
	}
	if err := checkName(k.Name); err != nil {
		return err
	}
	return checkText("description", k.Description, MaxDescriptionLength)
}

// Normalize brings the environment into the form that is kept.
func (e *Environment) Normalize() { e.Tags = sortedTags(e.Tags) }

// Validate returns a sentence about the first field that can't be as it is.
func (e *Environment) Validate() error {
	if !ValidEnvID(e.ID) {
		return fault.Invalidf("client-side ID %q must be 24 lower-case hexadecimal digits", clip(string(e.ID)))
	}
	if err := checkKey("environment", string(e.Key)); err != nil {
		return err
	}
	if err := checkName(e.Name); err != nil {
		return err
	}
	if !isColor(e.Color) {
		return fault.Invalidf("color %q must be 6 hexadecimal digits without '#'", clip(e.Color))
	}
	if e.DefaultTTL < 0 || e.DefaultTTL > maxTTLMinutes {
		return fault.Invalidf("defaultTtl is %d; it must be 0 to %d minutes", e.DefaultTTL, maxTTLMinutes)
	}
	if err := CheckSecret("SDK key", SDKKeyPrefix, e.SDKKey); err != nil {
		return err
	}
	if err := CheckSecret("mobile key", MobileKeyPrefix, e.MobileKey); err != nil {
		return err
	}
	if err := e.checkGuards(); err != nil {
		return err
	}
	if err := e.checkSources(); err != nil {
		return err
	}
	return checkTags(e.Tags)
}

// CheckSecret returns a sentence if a secret that somebody chose can't serve as credential. The
// sentence does not repeat the secret.
func CheckSecret(what, prefix, secret string) error {
	rest, ok := strings.CutPrefix(secret, prefix)
	if !ok || rest == "" || len(secret) > maxSecretLength {
		return fault.Invalidf("the %s must begin with %q and have at most %d characters", what, prefix, maxSecretLength)
	}
	for i := range len(secret) {
		if c := secret[i]; c <= ' ' || c > '~' {
			return fault.Invalidf("the %s must hold visible ASCII characters only", what)
		}
	}
	return nil
}

func isColor(s string) bool {
	if len(s) != colorDigits {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}
