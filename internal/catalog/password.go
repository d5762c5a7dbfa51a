package catalog

import (
	"unicode/utf8"

	"muster/internal/fault"
)

// Bounds of a password. Nothing is asked of it but its length.
const (
	MinPasswordLength = 12
	maxPasswordBytes  = 1024
)

// CheckPassword returns a sentence about a password that can't be one.
func CheckPassword(password string) error {
	switch {
	case !utf8.ValidString(password):
		return fault.Invalidf("the password is not UTF-8")
	case utf8.RuneCountInString(password) < MinPasswordLength:
		return fault.Invalidf("the password has %d characters; it needs %d or more", utf8.RuneCountInString(password), MinPasswordLength)
	case len(password) > maxPasswordBytes:
		return fault.Invalidf("the password has %d bytes; at most %d are allowed", len(password), maxPasswordBytes)
	}
	return nil
}
