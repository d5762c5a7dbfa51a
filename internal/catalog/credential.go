package catalog

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"sync/atomic"
	"time"

	"muster/internal/fault"
	"muster/internal/segment"
)

// The prefixes that tell the kinds of secret credentials apart.
const (
	AccessTokenPrefix = "api-"
	SDKKeyPrefix      = "sdk-"
	MobileKeyPrefix   = "mob-"
	RelayKeyPrefix    = "rel-"
)

const idDigits = 24

// NewSecret returns a new secret credential: the prefix and 122 random bits written as a UUID.
func NewSecret(prefix string) string { return prefix + NewUUID() }

// maxExpiringSDKKeys is how many rotated SDK keys an environment can still have.
const maxExpiringSDKKeys = 10

// RotateSDKKey gives the environment another SDK key. No key from before works after expiry. Keys that
// have expired by themselves are still known, because relays go on with them, until a rotation that takes
// effect at once.
func (e *Environment) RotateSDKKey(key string, now, expiry time.Time) error {
	before := slices.Concat(e.ExpiringSDKKeys, []ExpiringKey{{Key: e.SDKKey, Expiry: expiry}})
	var expired, working []ExpiringKey
	for _, old := range before {
		if old.Expiry.After(expiry) {
			old.Expiry = expiry
		}
		if old.Expiry.After(now) {
			working = append(working, old)
		} else if expiry.After(now) {
			expired = append(expired, old)
		}
	}
	expired = expired[max(0, len(expired)-max(0, maxExpiringSDKKeys-len(working))):]
	if e.ExpiringSDKKeys = slices.Concat(expired, working); len(working) > maxExpiringSDKKeys {
		return fault.Conflictf("environment %s has %d SDK keys from before that still work; at most %d may: rotate with an earlier expiry, or without one", e.Key, len(working), maxExpiringSDKKeys)
	}
	e.SDKKey = key
	return nil
}

// HashSecret returns what is kept of a secret.
func HashSecret(secret string) [32]byte { return sha256.Sum256([]byte(secret)) }

// NewUUID returns a random UUID, version 4.
func NewUUID() string {
	var u [16]byte
	_, _ = rand.Read(u[:]) // never fails
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	var s [36]byte
	hex.Encode(s[0:8], u[0:4])
	hex.Encode(s[9:13], u[4:6])
	hex.Encode(s[14:18], u[6:8])
	hex.Encode(s[19:23], u[8:10])
	hex.Encode(s[24:36], u[10:16])
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'
	return string(s[:])
}

// lastID is the Unix time in nanoseconds of the newest ID.
var lastID atomic.Int64

// NewID returns a new ID: seconds, nanoseconds and 32 random bits. IDs sort by time, those of one
// process in the order in which they were made.
func NewID() ID {
	var at int64
	for {
		last := lastID.Load()
		at = max(time.Now().UnixNano(), last+1)
		if lastID.CompareAndSwap(last, at) {
			break
		}
	}
	var b [idDigits / 2]byte
	binary.BigEndian.PutUint32(b[:4], uint32(at/int64(time.Second)))
	binary.BigEndian.PutUint32(b[4:8], uint32(at%int64(time.Second)))
	_, _ = rand.Read(b[8:]) // never fails
	return ID(hex.EncodeToString(b[:]))
}

// NewEnvID returns a new environment id, all of it random: it is also the client-side ID.
func NewEnvID() segment.EnvID {
	var b [idDigits / 2]byte
	_, _ = rand.Read(b[:]) // never fails
	return segment.EnvID(hex.EncodeToString(b[:]))
}

// ValidEnvID reports whether id has the form of an environment id: 24 lower-case hexadecimal digits.
func ValidEnvID(id segment.EnvID) bool { return validID(string(id)) }

// ValidID reports whether id has the form of an ID: 24 lower-case hexadecimal digits.
func ValidID(id ID) bool { return validID(string(id)) }

func validID(s string) bool {
	if len(s) != idDigits {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
