package catalog

import (
	"regexp"
	"strconv"
	"testing"
	"time"

	"muster/internal/segment"
)

func TestSecretIsPrefixAndUUID(t *testing.T) {
	form := regexp.MustCompile(`^sdk-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string]bool{}
	for range 100 {
		s := NewSecret(SDKKeyPrefix)
		if !form.MatchString(s) {
			t.Fatalf("secret %q is not a prefix and a UUID v4", s)
		}
		if seen[s] {
			t.Fatalf("secret %q came twice", s)
		}
		seen[s] = true
	}
}

func TestIDBeginsWithTheTime(t *testing.T) {
	before := time.Now().Unix()
	id := NewID()
	after := time.Now().Unix()
	if !ValidID(id) {
		t.Fatalf("NewID() = %q is not valid", id)
	}
	at, err := strconv.ParseInt(string(id[:8]), 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	if at < before || at > after {
		t.Errorf("id carries the second %d, made between %d and %d", at, before, after)
	}
	if NewID() == id {
		t.Errorf("id %q came twice", id)
	}
}

func TestIDsOfAProcessSortInTheOrderTheyWereMade(t *testing.T) {
	last := NewID()
	for range 10_000 {
		id := NewID()
		if id <= last {
			t.Fatalf("%s was made after %s", id, last)
		}
		last = id
	}
}

func TestValidEnvID(t *testing.T) {
	tests := []struct {
		name string
		id   segment.EnvID
		want bool
	}{
		{"a new id is valid", NewEnvID(), true},
		{"24 lower-case digits are valid", "0123456789abcdef01234567", true},
		{"upper case is not valid", "0123456789ABCDEF01234567", false},
		{"another letter is not valid", "0123456789abcdef0123456g", false},
		{"a short id is not valid", "0123456789abcdef0123456", false},
		{"a long id is not valid", "0123456789abcdef012345678", false},
		{"nothing is not valid", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := ValidEnvID(tt.id); got != tt.want {
				t.Errorf("ValidEnvID(%q) = %v, want %v", tt.id, got, tt.want)
			}
		})
	}
}
