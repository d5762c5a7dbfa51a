package list_test

import (
	"encoding/csv"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"muster/internal/connector/list"
	"muster/internal/fault"
	"muster/internal/segment"
)

// readAny reads foreign text and checks what holds for all of it.
func readAny(t *testing.T, text string, o list.Options) ([]string, error) {
	t.Helper()
	k, skipped, sum, err := read(t, text, o)
	if err == nil && (int64(len(k)) != sum.Rows-sum.Skipped || int64(len(skipped)) != sum.Skipped) {
		t.Errorf("%d keys and %d skipped of %+v", len(k), len(skipped), sum)
	}
	if err != nil && fault.KindOf(err) != fault.Invalid {
		t.Errorf("error %v", err)
	}
	for _, key := range k {
		if key == "" || len(key) > segment.MaxKeyBytes || !utf8.ValidString(key) {
			t.Errorf("key %q", key)
		}
	}
	return k, err
}

// FuzzCSV compares with the standard library's reader what that can read too.
func FuzzCSV(f *testing.F) {
	for _, seed := range []string{"a,b\n\"c\"\"d\",e\n", "\xef\xbb\xbfid\r\n\"", "a\"\"\"\n\"\"\"\n", "a\rb\r\n\"c\rd\",\r", "id;x\na;b\n", "x\tkey\n1\t2\n"} {
		f.Add(seed, "")
		f.Add(seed, "1")
		f.Add(seed, "key")
	}
	f.Fuzz(func(t *testing.T, text, column string) {
		_, _ = readAny(t, text, list.Options{Column: column})
		no := false
		got, err := readAny(t, text, list.Options{Header: &no})
		theirs := csv.NewReader(strings.NewReader(text))
		theirs.FieldsPerRecord = -1
		rows, failed := theirs.ReadAll()
		if failed != nil || strings.Contains(text, "\r") || strings.HasPrefix(text, "\xef\xbb\xbf") {
			return
		}
		var want []string
		for _, row := range rows {
			if key := row[0]; key != "" && len(key) <= segment.MaxKeyBytes && utf8.ValidString(key) {
				want = append(want, key)
			}
		}
		slices.Sort(want)
		if err == nil && !slices.Equal(got, want) {
			t.Errorf("keys %q, the standard library says %q", got, want)
		}
		if err != nil && len(want) > 0 && !strings.Contains(err.Error(), "UTF-16") && !strings.Contains(err.Error(), "spreadsheet") {
			t.Errorf("refused with %v, the standard library says %q", err, want)
		}
	})
}

// FuzzLines checks lines of JSON.
func FuzzLines(f *testing.F) {
	for _, seed := range []string{"\"a\"\n{\"id\":1}\n", "{\"b\":[{}],\"key\":\"\\u0061\"}\r\n7\n", "\"\\ud800\"\nnull\n[1]\n1e3\n"} {
		f.Add(seed, "")
		f.Add(seed, "b")
	}
	f.Fuzz(func(t *testing.T, text, column string) {
		_, _ = readAny(t, text, list.Options{Format: list.NDJSON, Column: column})
	})
}

// FuzzArray compares arrays with lines of the same elements.
func FuzzArray(f *testing.F) {
	for _, seed := range []string{"[\"a\",{\"key\":\"b\"}]", " [ 1 , {} ,null, [\"x\"], \"\\u00e9\" ]\n", "[]", "[\"a\"", "[[[[", "[\"a\"]]"} {
		f.Add(seed, "")
		f.Add(seed, "b")
	}
	f.Fuzz(func(t *testing.T, text, column string) {
		got, err := readAny(t, text, list.Options{Format: list.JSON, Column: column})
		var elements []jsontext.Value
		if err != nil || json.Unmarshal([]byte(text), &elements, jsontext.AllowDuplicateNames(true)) != nil || len(elements) == 0 {
			return
		}
		var lines strings.Builder
		for _, e := range elements {
			if e.Compact(jsontext.AllowDuplicateNames(true)) != nil {
				return
			}
			lines.WriteString(string(e) + "\n")
		}
		if want, err := readAny(t, lines.String(), list.Options{Format: list.NDJSON, Column: column}); err != nil || !slices.Equal(got, want) {
			t.Errorf("keys %q, as lines %q, %v", got, want, err)
		}
	})
}
