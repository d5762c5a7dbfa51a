package segment

import "bytes"

// AppendInteger appends the decimal digits of a JSON number when it is a whole one of at most
// [MaxKeyBytes] digits. It works on the text: a double would change long ids.
func AppendInteger(dst, num []byte) ([]byte, bool) {
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
	case last > point || point-first > MaxKeyBytes:
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
