package api

import (
	"cmp"
	"strings"
	"testing"
)

func TestByTextComparesWithoutRegardToCaseFirst(t *testing.T) {
	words := []string{"", "a", "A", "b", "B", "ab", "aB", "Ä", "ä", "aé", "AÉ", "z", "Z", "[", "_", "\u212a", "k"}
	for _, x := range words {
		for _, y := range words {
			want := cmp.Or(strings.Compare(strings.ToLower(x), strings.ToLower(y)), strings.Compare(x, y))
			if got := byText(x, y); got != want {
				t.Errorf("byText(%q, %q) is %d, want %d", x, y, got, want)
			}
		}
	}
}
