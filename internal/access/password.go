package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"muster/internal/fault"
)

// What a password costs: RFC 9106's algorithm with the memory and time that OWASP asks for. Each hash
// says what it was made with, so these can be raised.
const (
	passwordTime   = 2
	passwordMemory = 19 * 1024 // KiB
	passwordLanes  = 1
	saltBytes      = 16
	sumBytes       = 32

	// passwordsAtOnce bounds memory and processors, passwordsWaiting who waits for them.
	passwordsAtOnce  = 4
	passwordsWaiting = 32
)

// passwords makes and compares hashes of passwords, a few at once: a flood of tries waits or is refused.
type passwords struct {
	atWork  chan struct{}
	waiting chan struct{}
}

func newPasswords() passwords {
	return passwords{make(chan struct{}, passwordsAtOnce), make(chan struct{}, passwordsAtOnce+passwordsWaiting)}
}

// sum derives a key from a password.
func (p *passwords) sum(ctx context.Context, password string, salt []byte, time, memory uint32, lanes uint8) ([]byte, error) {
	select {
	case p.waiting <- struct{}{}:
		defer func() { <-p.waiting }()
	default:
		return nil, fault.Unavailablef("too many passwords are being compared at this moment; try again")
	}
	select {
	case p.atWork <- struct{}{}:
		defer func() { <-p.atWork }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return argon2.IDKey([]byte(password), salt, time, memory, lanes, sumBytes), nil
}

// HashPassword returns what is to be kept of a password.
func (a *Access) HashPassword(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails
	sum, err := a.passwords.sum(ctx, password, salt, passwordTime, passwordMemory, passwordLanes)
	if err != nil {
		return "", err
	}
	text := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, passwordMemory, passwordTime, passwordLanes, text(salt), text(sum)), nil
}

// same reports whether a password is the one that was kept. Where none was kept it takes as long.
func (p *passwords) same(ctx context.Context, kept, given string) (bool, error) {
	time, memory, lanes := uint32(passwordTime), uint32(passwordMemory), uint8(passwordLanes)
	salt, want := make([]byte, saltBytes), []byte(nil)
	if kept != "" {
		var err error
		if salt, want, err = readHash(kept, &time, &memory, &lanes); err != nil {
			return false, err
		}
	}
	sum, err := p.sum(ctx, given, salt, time, memory, lanes)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(sum, want) == 1, nil
}

// readHash reads what HashPassword returns.
func readHash(kept string, time, memory *uint32, lanes *uint8) (salt, sum []byte, err error) {
	var version int
	parts := strings.Split(kept, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return nil, nil, fmt.Errorf("a kept password is of an unknown kind")
	}
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return nil, nil, fmt.Errorf("a kept password is of an unknown version")
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", memory, time, lanes); err != nil {
		return nil, nil, fmt.Errorf("read the cost of a kept password: %w", err)
	}
	if salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil {
		return nil, nil, fmt.Errorf("read the salt of a kept password: %w", err)
	}
	if sum, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil {
		return nil, nil, fmt.Errorf("read a kept password: %w", err)
	}
	return salt, sum, nil
}
