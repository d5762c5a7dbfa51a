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
		if dst, ok := appendInteger(dst, f.raw); ok {
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

// appendInteger appends the decimal digits of a JSON number when it is a whole one of at most
// [segment.MaxKeyBytes] digits. It works on the text: a double would change long ids.
func appendInteger(dst, num []byte) ([]byte, bool) {
	negative := num[0] == '-'
	if negative {
		num = num[1:]
	}
	exponent := 0
	if e := bytes.IndexAny(num, "eE"); e >= 0 {
		exponent = readExponent(num[e+1:])
		num = num[:e]
	}
	whole, fraction, _ := bytes.Cut(num, []byte{'.'})
	// The value is the digits of both parts with the point moved to behind digit number point.
	point := len(whole) + exponent
	digit := func(i int) byte {
		switch {
		case i < len(whole):
			return whole[i]
		case i < len(whole)+len(fraction):
			return fraction[i-len(whole)]
		}
		return '0'
	}
	first, last := 0, len(whole)+len(fraction)
	for first < last && digit(first) == '0' {
		first++
	}
	for last > first && digit(last-1) == '0' {
		last--
	}
	switch {
	case first == last:
		return append(dst, '0'), true
	case last > point || point-first > segment.MaxKeyBytes:
		return dst, false
	}
	if negative {
		dst = append(dst, '-')
	}
	for i := first; i < point; i++ {
		dst = append(dst, digit(i))
	}
	return dst, true
}

// readExponent reads the exponent of a number, at most a million either way: more decides nothing.
func readExponent(text []byte) int {
	const enough = 1_000_000
	sign, n := 1, 0
	for _, c := range text {
		switch {
		case c == '-':
			sign = -1
		case c >= '0' && c <= '9':
			n = min(n*10+int(c-'0'), enough)
		}
	}
	return sign * n
}
