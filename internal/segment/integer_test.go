package segment_test

import (
	"strings"
	"testing"

	"muster/internal/segment"
)

func TestIntegersFromText(t *testing.T) {
	digits := "1" + strings.Repeat("0", segment.MaxKeyBytes-1)
	for num, want := range map[string]string{
		"0": "0", "-0": "0", "0.0": "0", "0e999999999999": "0", "123.0": "123", "1e3": "1000", "1E+3": "1000", "1.5e1": "15",
		"100e-2": "1", "-2.50e1": "-25", "9007199254740993": "9007199254740993", "1e2047": digits,
		"10e2046": digits, "0.001e3": "1", "0.5": "", "1.5": "", "1e-1": "", "1e2048": "", "1e999999999999": "", "1e-999999999999": "", "123e-2": "",
	} {
		got, ok := segment.AppendInteger(nil, []byte(num))
		if ok != (want != "") || ok && string(got) != want {
			t.Errorf("%s is %q, %v, want %q", num, got, ok, want)
		}
	}
}
