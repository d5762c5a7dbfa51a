package connector

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"muster/internal/segment"
)

// fit says how well a found value serves as text.
type fit uint8

const (
	fits       fit = iota
	wrongType      // neither text nor a whole number
	notUnicode     // text with bytes or surrogates that no UTF-8 can hold
)

// appendText appends the value as text: a string's content, a whole number's digits. Content that
// is not Unicode is appended with replacement characters.
func (f found) appendText(dst []byte) ([]byte, fit) {
	switch f.kind {
	case jsontext.KindString:
		dst, err := jsontext.AppendUnquote(dst, f.raw)
		if err != nil {
			return dst, notUnicode
		}
		return dst, fits
	case jsontext.KindNumber:
		if dst, ok := segment.AppendInteger(dst, f.raw); ok {
			return dst, fits
		}
	}
	return dst, wrongType
}

// word returns what an action says: text as it is, a number or boolean by its source text.
func (f found) word() (string, bool) {
	switch f.kind {
	case jsontext.KindString:
		text, err := jsontext.AppendUnquote(nil, f.raw)
		return string(text), err == nil
	case jsontext.KindNumber, jsontext.KindTrue, jsontext.KindFalse:
		return string(f.raw), true
	}
	return "", false
}

// truth reads a membership flag in the spellings that tools use.
func (f found) truth() (value, ok bool) {
	switch f.kind {
	case jsontext.KindTrue:
		return true, true
	case jsontext.KindFalse:
		return false, true
	case jsontext.KindNumber, jsontext.KindString:
		var buf [32]byte // an escaped false fits
		if len(f.raw) > len(buf) {
			return false, false
		}
		text, fit := f.appendText(buf[:0])
		switch {
		case fit != fits:
		case len(text) == 1 && text[0] == '1' || bytes.EqualFold(text, []byte("true")):
			return true, true
		case len(text) == 1 && text[0] == '0' || bytes.EqualFold(text, []byte("false")):
			return false, true
		}
	}
	return false, false
}
