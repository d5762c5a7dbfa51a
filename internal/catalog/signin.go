package catalog

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"slices"
	"strings"
	"time"
)

// MaxSignIns is how many sessions one token, or one account member by password, can have at once; the
// one that was unused the longest gives way.
const MaxSignIns = 20

// SignIn is a session: a browser that somebody signed in with. It belongs to the token or to the
// account member that it acts for, and ends with it.
type SignIn struct {
	ID   ID
	Hash [32]byte // of the secret that the browser holds
	// By is the hash of the token's secret that was given, and none when it was a password. The session
	// ends when that secret does.
	By     [32]byte
	At     time.Time
	UsedAt time.Time // a while behind
	Expiry time.Time
	Idle   time.Duration // unused for so long, it ends
}

// Ended reports whether the session is over, if it was last used then.
func (s *SignIn) Ended(now, used time.Time) bool {
	return !now.Before(s.Expiry) || now.Sub(used) >= s.Idle
}

// AddSignIn returns the sessions with one more.
func AddSignIn(all []SignIn, s SignIn) []SignIn {
	all = append(slices.Clone(all), s)
	for len(all) > MaxSignIns {
		oldest := slices.MinFunc(all, func(a, b SignIn) int { return cmp.Or(a.UsedAt.Compare(b.UsedAt), a.At.Compare(b.At)) })
		all = WithoutSignIn(all, oldest.ID)
	}
	return all
}

// WithoutSignIn returns the sessions without one.
func WithoutSignIn(all []SignIn, id ID) []SignIn {
	return slices.DeleteFunc(slices.Clone(all), func(s SignIn) bool { return s.ID == id })
}

// NewSessionSecret returns 256 random bits as text.
func NewSessionSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// What a session's value begins with: whose it is.
const (
	tokenSession  = "t"
	memberSession = "m"
)

// SessionValue is what a browser shows for a session of a token, or else of an account member.
func SessionValue(token, member ID, secret string) string {
	if token != "" {
		return tokenSession + string(token) + "." + secret
	}
	return memberSession + string(member) + "." + secret
}

// SplitSession takes a session's value apart; of a text that is none it returns an owner that nobody is.
func SplitSession(value string) (owner ID, secret string, byToken bool) {
	name, secret, _ := strings.Cut(value, ".")
	id, byToken := strings.CutPrefix(name, tokenSession)
	if !byToken {
		var byMember bool
		if id, byMember = strings.CutPrefix(name, memberSession); !byMember {
			return "", "", false
		}
	}
	return ID(id), secret, byToken
}
