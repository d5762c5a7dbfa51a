package seal_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"muster/internal/seal"
)

func parse(t testing.TB, text string) *seal.Keys {
	t.Helper()
	keys, err := seal.ParseKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func sealed(t testing.TB, keys *seal.Keys, secret, place string) seal.Sealed {
	t.Helper()
	s, err := keys.Seal(secret, place)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWhatIsSealedOpensAtItsPlaceOnly(t *testing.T) {
	keys := parse(t, seal.NewKey())
	rapid.Check(t, func(t *rapid.T) {
		secret, place := rapid.String().Draw(t, "secret"), rapid.String().Draw(t, "place")
		s, err := keys.Seal(secret, place)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := keys.Open(s, place); err != nil || got != secret {
			t.Fatalf("opened %q, %v; want %q", got, err, secret)
		}
		if secret == "" {
			return
		}
		if len(secret) > 8 && bytes.Contains(s, []byte(secret)) {
			t.Fatalf("%x holds the secret %q", s, secret)
		}
		if got, err := keys.Open(s, place+"x"); err == nil {
			t.Fatalf("it opens elsewhere: %q", got)
		}
		at := rapid.IntRange(0, len(s)-1).Draw(t, "at")
		changed := slices.Clone(s)
		changed[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if got, err := keys.Open(changed, place); err == nil {
			t.Fatalf("it opens with byte %d changed: %q", at, got)
		}
		cut := s[:rapid.IntRange(1, len(s)-1).Draw(t, "length")]
		if got, err := keys.Open(cut, place); err == nil {
			t.Fatalf("it opens with %d of %d bytes: %q", len(cut), len(s), got)
		}
	})
}

func TestTheSameSecretNeverSealsTheSame(t *testing.T) {
	keys := parse(t, seal.NewKey())
	if a, b := sealed(t, keys, "hunter2", "a"), sealed(t, keys, "hunter2", "a"); bytes.Equal(a, b) {
		t.Errorf("sealed twice to %x", a)
	}
}

func TestKeysAreChangedOneByOne(t *testing.T) {
	old, next := seal.NewKey(), seal.NewKey()
	before := sealed(t, parse(t, old), "hunter2", "a")
	both := parse(t, next+"\n"+old)
	after := sealed(t, both, "hunter2", "a")
	for name, s := range map[string]seal.Sealed{"sealed before": before, "sealed after": after} {
		if got, err := both.Open(s, "a"); err != nil || got != "hunter2" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if both.Newest(before) || !both.Newest(after) || !parse(t, old).Newest(before) || both.Newest(nil) || seal.Without("").Newest(after) {
		t.Error("Newest does not tell the key that seals from the others")
	}
	if got, err := parse(t, next).Open(after, "a"); err != nil || got != "hunter2" {
		t.Errorf("the first key did not seal: %q, %v", got, err)
	}
	_, err := parse(t, next).Open(before, "a")
	if err == nil || !strings.Contains(err.Error(), before.KeyID()) || !strings.Contains(err.Error(), after.KeyID()) {
		t.Errorf("error %v names not both the key that is missing, %s, and the one that is there, %s", err, before.KeyID(), after.KeyID())
	}
}

func TestParseKeysReads(t *testing.T) {
	a, b := seal.NewKey(), seal.NewKey()
	ids := parse(t, a+","+b).IDs()
	if len(ids) != 2 || ids[0] == ids[1] || len(ids[0]) != 16 {
		t.Fatalf("ids %q", ids)
	}
	for name, text := range map[string]string{
		"a line each, with comments": "# of November\n" + a + " # seals\r\n\n\t" + b + "\n",
		"blanks":                     "  " + a + "  " + b,
		"a comma and a blank":        a + ", " + b,
	} {
		if got := parse(t, text).IDs(); !slices.Equal(got, ids) {
			t.Errorf("%s: %q, want %q", name, got, ids)
		}
	}
}

func TestParseKeysRefuses(t *testing.T) {
	good := seal.NewKey()
	short := base64.StdEncoding.EncodeToString(make([]byte, 16))
	for name, c := range map[string]struct{ text, says string }{
		"nothing":        {"", "no key"},
		"a comment only": {"# " + good, "no key"},
		"no base64":      {good + "\nsecretsecret!", "key 2"},
		"too few bytes":  {short, "key 1"},
		"too many keys":  {strings.Repeat(good+" ", 101), "101"},
	} {
		_, err := seal.ParseKeys(c.text)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v says nothing of %q", name, err, c.says)
			continue
		}
		for _, secret := range []string{good, short, "secretsecret"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: error %v holds %q", name, err, secret)
			}
		}
	}
}

func TestWithoutKeys(t *testing.T) {
	none := seal.Without("there is no key file")
	s := sealed(t, parse(t, seal.NewKey()), "hunter2", "a")
	if _, err := none.Open(s, "a"); err == nil || !strings.Contains(err.Error(), "no key file") {
		t.Errorf("open: %v", err)
	}
	if _, err := none.Seal("hunter2", "a"); err == nil || !strings.Contains(err.Error(), "no key file") {
		t.Errorf("seal: %v", err)
	}
	if s, err := none.Seal("", "a"); err != nil || len(s) != 0 {
		t.Errorf("no secret needs a key: %x, %v", s, err)
	}
	if got, err := none.Open(nil, "a"); err != nil || got != "" {
		t.Errorf("nothing needs a key: %q, %v", got, err)
	}
}

func TestWhatIsKeptOfASecretIsBase64InJSON(t *testing.T) {
	keys := parse(t, seal.NewKey())
	kept, err := json.Marshal(sealed(t, keys, "secret", "place"))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{string(kept): "secret", `""`: "", `null`: ""} {
		var s seal.Sealed
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			t.Fatal(err)
		}
		if got, err := keys.Open(s, "place"); err != nil || got != want {
			t.Errorf("%s opens to %q, %v; want %q", text, got, err, want)
		}
	}
}

// TestATextThatWasNeverSealedOpensNowhere: it can be read, and nothing of it is kept.
func TestATextThatWasNeverSealedOpensNowhere(t *testing.T) {
	for _, text := range []string{`"in the clear!"`, `"SuperSecret1"`, `"AQ=="`, `"\u0001\u0001"`} {
		var s seal.Sealed
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			t.Errorf("%s can't be read: %v", text, err)
		}
		if got, err := parse(t, seal.NewKey()).Open(s, "place"); err == nil || !strings.Contains(err.Error(), "can't be read") {
			t.Errorf("%s opens to %q, %v", text, got, err)
		}
		if strings.Contains(string(s), "clear") {
			t.Errorf("%s is kept", text)
		}
	}
}
