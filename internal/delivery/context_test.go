package delivery

import (
	"fmt"
	"strings"
	"testing"

	"muster/internal/fault"
)

func TestContextsThatAreRefused(t *testing.T) {
	tests := map[string]string{
		"nothing":                        ``,
		"null":                           `null`,
		"a list":                         `[]`,
		"cut off":                        `{"kind":"user","key":"u1"`,
		"more than one value":            `{"kind":"user","key":"u1"}{}`,
		"no key":                         `{"kind":"user"}`,
		"an empty key":                   `{"kind":"user","key":""}`,
		"an empty key of an older SDK":   `{"key":""}`,
		"a key that is no text":          `{"kind":"user","key":1}`,
		"an empty kind":                  `{"kind":"","key":"u1"}`,
		"a reserved kind":                `{"kind":"kind","key":"u1"}`,
		"a kind with a blank":            `{"kind":"a b","key":"u1"}`,
		"several kinds but none":         `{"kind":"multi"}`,
		"several kinds, one without key": `{"kind":"multi","user":{"key":"u1"},"org":{}}`,
		"a thousand kinds and one":       `{"kind":"multi"` + manyKinds(1001) + `}`,
		"a thousand kinds, disguised":    `{"kind":"\u006dulti"` + manyKinds(1001) + `}`,
		"endless nesting":                `{"kind":"user","key":"u1","a":` + strings.Repeat("[", 500_000),
		"deep nesting":                   `{"kind":"user","key":"u1","a":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`,
	}
	for name, raw := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ParseContext([]byte(raw))
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("error is %v", err)
			}
			if len(fault.From(err).Message) > 300 {
				t.Errorf("message has %d bytes", len(fault.From(err).Message))
			}
		})
	}
}

// manyKinds are the members of a context of n kinds.
func manyKinds(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"k%d":{"key":"a"}`, i)
	}
	return b.String()
}

func TestContextsMayBeLarge(t *testing.T) {
	for name, raw := range map[string]string{
		"a thousand kinds":          `{"kind":"multi"` + manyKinds(1000) + `}`,
		"more attributes than that": `{"kind":"user","key":"u1"` + manyKinds(3000) + `}`,
	} {
		if _, err := ParseContext([]byte(raw)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
