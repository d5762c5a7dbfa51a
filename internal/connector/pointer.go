package connector

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxPointerBytes  = 1024
	maxPointerTokens = 32
)

// parsePointer splits a JSON pointer (RFC 6901) into its reference tokens.
func parsePointer(s string) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	if s[0] != '/' {
		return nil, fmt.Errorf("pointer %q does not start with a slash", s)
	}
	if len(s) > maxPointerBytes {
		return nil, fmt.Errorf("pointer is longer than %d bytes", maxPointerBytes)
	}
	tokens := strings.Split(s[1:], "/")
	if len(tokens) > maxPointerTokens {
		return nil, fmt.Errorf("pointer %q has more than %d parts", s, maxPointerTokens)
	}
	for i, t := range tokens {
		plain, err := unescapeToken(t)
		if err != nil {
			return nil, fmt.Errorf("pointer %q: %w", s, err)
		}
		tokens[i] = plain
	}
	return tokens, nil
}

func unescapeToken(t string) (string, error) {
	for i := 0; i < len(t); i++ {
		if t[i] == '~' && (i+1 == len(t) || t[i+1] != '0' && t[i+1] != '1') {
			return "", errors.New("a tilde is followed by neither 0 nor 1")
		}
	}
	return strings.ReplaceAll(strings.ReplaceAll(t, "~1", "/"), "~0", "~"), nil
}

// wanted is a tree of the places in a document that somebody asks for. Each place has a slot, the
// number under which a walker files what it finds there.
type wanted struct {
	root  *place
	slots int
}

type place struct {
	slot  int // negative when only places below are asked for
	below []branch
}

type branch struct {
	name   string
	quoted []byte // name as most senders write it
	index  int    // of an array element; negative when name is no index
	to     *place
}

// add asks for the place that tokens lead to and returns its slot.
func (w *wanted) add(tokens []string) int {
	if w.root == nil {
		w.root = &place{slot: -1}
	}
	at := w.root
	for _, t := range tokens {
		at = at.child(t)
	}
	if at.slot < 0 {
		at.slot = w.slots
		w.slots++
	}
	return at.slot
}

func (p *place) child(name string) *place {
	for _, b := range p.below {
		if b.name == name {
			return b.to
		}
	}
	// An invalid name only loses its fast path.
	quoted, err := jsontext.AppendQuote(nil, name)
	if err != nil {
		quoted = nil
	}
	to := &place{slot: -1}
	p.below = append(p.below, branch{name: name, quoted: quoted, index: arrayIndex(name), to: to})
	return to
}

// arrayIndex reads a reference token as an index: digits without leading zeros.
func arrayIndex(token string) int {
	if token == "" || len(token) > 9 || len(token) > 1 && token[0] == '0' {
		return -1
	}
	for _, c := range []byte(token) {
		if c < '0' || c > '9' {
			return -1
		}
	}
	n, err := strconv.Atoi(token)
	if err != nil {
		return -1
	}
	return n
}

// member returns the place below p for an object name in its quoted source form, nil when nobody
// asks for it.
func (p *place) member(quoted []byte) *place {
	for i := range p.below {
		if bytes.Equal(p.below[i].quoted, quoted) {
			return p.below[i].to
		}
	}
	if bytes.IndexByte(quoted, '\\') < 0 {
		return nil
	}
	name, err := jsontext.AppendUnquote(nil, quoted)
	if err != nil {
		return nil
	}
	for i := range p.below {
		if p.below[i].name == string(name) {
			return p.below[i].to
		}
	}
	return nil
}

// element returns the place below p for an array index, nil when nobody asks for it.
func (p *place) element(index int) *place {
	for i := range p.below {
		if p.below[i].index == index {
			return p.below[i].to
		}
	}
	return nil
}
