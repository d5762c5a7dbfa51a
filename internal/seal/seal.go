// Package seal is how secrets that muster must be able to use, such as the password of a Redis or
// what signs a webhook, lie on the disk. Secrets that are only compared are kept as hashes instead.
//
// A secret is sealed with AES-256-GCM under the first of the operator's keys, and bound to the place
// that it was sealed for: it opens nowhere else. What is kept names its key, so that keys can be
// changed one by one: a new one in front seals from then on, those behind it still open. The package
// knows neither files nor what has secrets.
//
//	sealed, err := keys.Seal(secret, "webhook/"+id+"/secret") // kept in the catalog
//	secret, err := keys.Open(sealed, "webhook/"+id+"/secret") // the same place
package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Sealed is a secret as it is kept: format (1 byte, 1), key id (8), nonce (12), then the secret,
// encrypted, with its tag (16). Without a secret it is empty. It may be logged and copied.
type Sealed []byte

// UnmarshalText reads the base64 that is kept of a secret. Any other text reads as a secret that no key
// opens: what is wrong with a secret must not be in the way of the object that has it.
func (s *Sealed) UnmarshalText(text []byte) error {
	sealed, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil {
		sealed = []byte{unreadable}
	}
	*s = sealed
	return nil
}

const (
	format = 1
	// unreadable is the format of what was never sealed, of which nothing is kept.
	unreadable = 0
	keySize    = 32
	idSize     = 8
	tagStart   = 1 + idSize
	// maxKeys is how many keys one text can hold.
	maxKeys = 100
)

// Keys seals and opens secrets. It never changes and may be used by any number of goroutines.
type Keys struct {
	keys   []key  // the first seals
	absent string // why there are none
}

type key struct {
	id     [idSize]byte
	cipher cipher.AEAD
}

// NewKey returns the text of a new random key: 32 bytes in base64.
func NewKey() string {
	var secret [keySize]byte
	_, _ = rand.Read(secret[:]) // never fails
	return base64.StdEncoding.EncodeToString(secret[:])
}

// ParseKeys reads keys, the one that seals first: 32 bytes in base64 each, with blanks, commas or
// line ends between them. A line may end in a comment behind '#'. The error tells which key is wrong
// and nothing of its text.
func ParseKeys(text string) (*Keys, error) {
	var words []string
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		words = append(words, strings.FieldsFunc(line, func(c rune) bool { return strings.ContainsRune(" \t\r\n,", c) })...)
	}
	if len(words) == 0 {
		return nil, errors.New("there is no key in it")
	}
	if len(words) > maxKeys {
		return nil, fmt.Errorf("there are %d keys in it; at most %d are read", len(words), maxKeys)
	}
	keys := new(Keys)
	for i, word := range words {
		secret, err := base64.StdEncoding.DecodeString(word)
		if err != nil || len(secret) != keySize {
			return nil, fmt.Errorf("key %d of it is not %d bytes in base64, as `openssl rand -base64 %d` prints them", i+1, keySize, keySize)
		}
		k, err := newKey(secret)
		if err != nil {
			return nil, err
		}
		keys.keys = append(keys.keys, k)
	}
	return keys, nil
}

// Without returns no keys at all, so that everything that has no secret works on: to seal or to open
// one fails with the reason.
func Without(reason string) *Keys { return &Keys{absent: reason} }

func newKey(secret []byte) (key, error) {
	block, err := aes.NewCipher(secret)
	if err != nil {
		return key{}, fmt.Errorf("use a secret key: %w", err)
	}
	k := key{}
	// 96 random bits as nonce are good for 2^32 secrets a key.
	if k.cipher, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return key{}, fmt.Errorf("use a secret key: %w", err)
	}
	sum := sha256.Sum256(append([]byte("muster secret key "), secret...))
	copy(k.id[:], sum[:])
	return k, nil
}

// Seal returns a secret as it is to be kept at a place: kind, id and member of the object that it
// belongs to. No secret seals to nothing.
func (k *Keys) Seal(secret, place string) (Sealed, error) {
	if secret == "" {
		return nil, nil
	}
	if len(k.keys) == 0 {
		return nil, errors.New(k.absent)
	}
	first := k.keys[0]
	sealed := append([]byte{format}, first.id[:]...)
	return first.cipher.Seal(sealed, nil, []byte(secret), []byte(place)), nil
}

// Open returns the secret that was sealed for a place. The error is a sentence for the operator: it
// says which key is missing, or that what is kept was changed or belongs elsewhere.
func (k *Keys) Open(sealed Sealed, place string) (string, error) {
	if len(sealed) == 0 {
		return "", nil
	}
	if len(sealed) < tagStart || sealed[0] != format {
		return "", errors.New("what is kept of the secret can't be read: it was damaged, or written by a later version")
	}
	if len(k.keys) == 0 {
		return "", errors.New(k.absent)
	}
	for _, candidate := range k.keys {
		if !bytes.Equal(candidate.id[:], sealed[1:tagStart]) {
			continue
		}
		secret, err := candidate.cipher.Open(nil, nil, sealed[tagStart:], []byte(place))
		if err != nil {
			return "", errors.New("what is kept of the secret was damaged, or was moved here from another object")
		}
		return string(secret), nil
	}
	return "", fmt.Errorf("the secret was sealed with the key %s, which this server was not given (it has %s)", sealed.KeyID(), strings.Join(k.IDs(), ", "))
}

// Newest reports whether a secret is sealed with the key that seals now.
func (k *Keys) Newest(sealed Sealed) bool {
	return len(k.keys) > 0 && len(sealed) >= tagStart && bytes.Equal(k.keys[0].id[:], sealed[1:tagStart])
}

// IDs returns the ids of the keys, 16 hexadecimal digits each, that of the one that seals first.
func (k *Keys) IDs() []string {
	ids := make([]string, 0, len(k.keys))
	for _, one := range k.keys {
		ids = append(ids, hex.EncodeToString(one.id[:]))
	}
	return ids
}

// KeyID returns the id of the key that opens the secret, "" if that can't be read.
func (s Sealed) KeyID() string {
	if len(s) < tagStart {
		return ""
	}
	return hex.EncodeToString(s[1:tagStart])
}
