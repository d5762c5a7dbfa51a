package list_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"muster/internal/connector/list"
	"muster/internal/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// keys is a sink that keeps what it gets.
type keys struct{ all []string }

func (k *keys) Append(key []byte) error {
	k.all = append(k.all, string(key))
	return nil
}

// read reads a list with two parsers and returns its keys sorted, and what was skipped.
func read(tb testing.TB, text string, o list.Options) ([]string, []string, list.Summary, error) {
	tb.Helper()
	var skipped []string
	o.Skip = func(row int64, reason, _ string) { skipped = append(skipped, fmt.Sprint(row, ": ", reason)) }
	a, b := &keys{}, &keys{}
	sum, err := list.Read(tb.Context(), strings.NewReader(text), o, []list.Sink{a, b})
	all := slices.Concat(a.all, b.all)
	slices.Sort(all)
	return all, skipped, sum, err
}

func TestListsAreRead(t *testing.T) {
	yes, no := true, false
	tests := map[string]struct {
		text    string
		o       list.Options
		keys    []string
		skipped []string
	}{
		"one key a line":                          {"ann\nben\n", list.Options{}, []string{"ann", "ben"}, nil},
		"the last line without an end":            {"ann\nben", list.Options{}, []string{"ann", "ben"}, nil},
		"CRLF and empty lines":                    {"ann\r\n\r\nben\r\n", list.Options{}, []string{"ann", "ben"}, nil},
		"CR alone, as old spreadsheets write it":  {"id,x\rann,1\r\"b\ren\",2\r", list.Options{}, []string{"ann", "b\ren"}, nil},
		"every line end in one list":              {"ann\rben\ncleo\r\ndan\r\reve", list.Options{}, []string{"ann", "ben", "cleo", "dan", "eve"}, nil},
		"rows are counted as in a spreadsheet":    {"\r\nkey\r\nann\r\n\r\n\"\",\"a\r\nb\"\r\n\xff\r\n", list.Options{}, []string{"ann"}, []string{"5: the key is empty", "6: the key is not UTF-8"}},
		"semicolons under a known name":           {"name;id\nAnn, the first;ann\n\"B;C\";\"b\"\n", list.Options{Column: "ID"}, []string{"ann", "b"}, nil},
		"tabs under a known name":                 {"key\tname\nann\tAnn\n", list.Options{}, []string{"ann"}, nil},
		"semicolons in keys without a header":     {"a;b\nc;d\n", list.Options{}, []string{"a;b", "c;d"}, nil},
		"empty rows of a spreadsheet":             {"id,name\nann,Ann\n,\n", list.Options{}, []string{"ann"}, []string{"3: the key is empty"}},
		"a NUL in a key":                          {"ann\x00\nben\n", list.Options{}, []string{"ann\x00", "ben"}, nil},
		"a byte order mark":                       {"\xef\xbb\xbfann\n", list.Options{}, []string{"ann"}, nil},
		"further columns":                         {"ann,1\nben,2\n", list.Options{}, []string{"ann", "ben"}, nil},
		"quoted fields":                           {"\"a,b\",1\n\"say \"\"hi\"\"\"\n\"two\nlines\"\n", list.Options{}, []string{"a,b", "say \"hi\"", "two\nlines"}, nil},
		"quotes inside a field are what they are": {"a\"\"b\nc\"d\n", list.Options{}, []string{"a\"\"b", "c\"d"}, nil},
		"blanks are part of a key":                {" ann \n", list.Options{}, []string{" ann "}, nil},
		"a header that is known":                  {"User_ID,x\nann,1\n", list.Options{}, []string{"ann"}, nil},
		"a header that is told of":                {"name\nann\n", list.Options{Header: &yes}, []string{"ann"}, nil},
		"no header although it looks so":          {"id\nann\n", list.Options{Header: &no}, []string{"ann", "id"}, nil},
		"a column by its name":                    {"x,Login\n1,ann\n2,ben\n", list.Options{Column: "login"}, []string{"ann", "ben"}, nil},
		"a separator that is told of":             {"1;ann\n2;ben\n", list.Options{Column: "1", Header: &no, Separator: ';'}, []string{"ann", "ben"}, nil},
		"a separator that is another's part":      {"a,b;1\n", list.Options{Separator: ';'}, []string{"a,b"}, nil},
		"a column by its index":                   {"1,ann\n2,ben\n3\n", list.Options{Column: "1"}, []string{"ann", "ben"}, []string{"3: the row has no such column"}},
		"keys that can't be":                      {"ann\n,x\n\xff\xfe1\n" + strings.Repeat("x", 2049) + "\n", list.Options{}, []string{"ann"}, []string{"2: the key is empty", "3: the key is not UTF-8", "4: the key is longer than 2048 bytes"}},
		"lines of texts, numbers and objects":     {"\"ann\"\n42\n{\"id\":\"ben\",\"n\":[1,{}]}\n{\"x\":1}\n1.5\nnull\nnonsense\n\"a\\u0062c\"\n", list.Options{Format: list.NDJSON}, []string{"42", "abc", "ann", "ben"}, []string{"4: the object has no such field", "5: the number is not a whole one", "6: the element is neither text nor an object", "7: the line is not JSON"}},
		"an array":                                {" [\"ann\", {\"key\":7,\"email\":\"x\"}, 9007199254740993] ", list.Options{Format: list.JSON}, []string{"7", "9007199254740993", "ann"}, nil},
		"objects with a column that is told of":   {"[{\"a\":\"1\",\"b\":\"2\"},{\"a\":\"3\"}]", list.Options{Format: list.JSON, Column: "b"}, []string{"2"}, []string{"2: the object has no such field"}},
		"an empty array":                          {"[]", list.Options{Format: list.JSON}, nil, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, skipped, sum, err := read(t, tt.text, tt.o)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, tt.keys) || !slices.Equal(skipped, tt.skipped) {
				t.Errorf("keys %q, skipped %q", got, skipped)
			}
			if sum.Rows != int64(len(tt.keys)+len(tt.skipped)) || sum.Skipped != int64(len(tt.skipped)) || sum.Bytes != int64(len(tt.text)) {
				t.Errorf("summary %+v", sum)
			}
		})
	}
}

func TestListsThatAreNoneAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		o    list.Options
		says string
	}{
		"nothing":                     {"", list.Options{}, "no row"},
		"empty lines":                 {"\n\n", list.Options{}, "no row"},
		"UTF-16":                      {"\xff\xfea\x00", list.Options{}, "UTF-16"},
		"a zip":                       {"PK\x03\x04", list.Options{}, "compressed"},
		"no usable row":               {"\xff\n\xfe\n", list.Options{}, "no row of the list can be used"},
		"a column that isn't there":   {"a,b\n1,2\n", list.Options{Column: "c"}, "it has a, b"},
		"a column that can't be":      {"a\n", list.Options{Column: "-1"}, "can't be"},
		"an object instead of a list": {"{}", list.Options{Format: list.JSON}, "not a JSON array"},
		"an array that breaks off":    {"[\"a\",", list.Options{Format: list.JSON}, "after 1 elements"},
		"UTF-16 without a mark":       {"a\x00\n\x00b\x00", list.Options{}, "CSV UTF-8"},
		"an old spreadsheet":          {"\xd0\xcf\x11\xe0\xa1\xb1", list.Options{}, "spreadsheet"},
		"a quote that is not closed":  {"ann\n\"ben\ncleo\n", list.Options{}, "row 2 of the list begins a quoted field"},
		"a quote in another column":   {"ann,1\nben,\"2\ncleo,3\n", list.Options{}, "row 2 of the list begins a quoted field"},
		"text behind a quoted field":  {"ann\n\"ben\ncleo\n\"dan\"\n", list.Options{}, "row 2 of the list has text behind the closing quote"},
		"an element of 4 MiB":         {"[\"a\",\"" + strings.Repeat("x", 4<<20) + "\"]", list.Options{Format: list.JSON}, "element 2 of the list is longer"},
		"a line of JSON of 1 MiB":     {"\"a\"\n\"" + strings.Repeat("x", 1<<20) + "\"", list.Options{Format: list.NDJSON}, "row 2 of the list is longer"},
		"half a surrogate":            {"[\"a\",\"\\ud800\"]", list.Options{Format: list.JSON}, "after 1 elements"},
		"something after the array":   {"[\"a\"] 1", list.Options{Format: list.JSON}, "follows"},
		"nested without end":          {"[" + strings.Repeat("{\"a\":", 20000), list.Options{Format: list.JSON}, "not a JSON array"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, _, err := read(t, tt.text, tt.o)
			if err == nil || fault.KindOf(err) != fault.Invalid || !strings.Contains(fault.From(err).Message, tt.says) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestARowWithoutEndIsRefusedAtOnce(t *testing.T) {
	for name, begin := range map[string]string{"plain": "ann\n", "quoted": "ann\n\""} {
		t.Run(name, func(t *testing.T) {
			endless := &endless{}
			_, err := list.Read(t.Context(), io.MultiReader(strings.NewReader(begin), endless), list.Options{}, []list.Sink{&keys{}})
			if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "row 2 ") {
				t.Errorf("error %v", err)
			}
			if endless.read > 4<<20 {
				t.Errorf("%d bytes were read", endless.read)
			}
		})
	}
}

// endless is a line that goes on.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	e.read += len(p)
	return len(p), nil
}

// cancelling ends a context when everything was read.
type cancelling struct {
	io.Reader
	cancel func()
}

func (c cancelling) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if err != nil {
		c.cancel()
	}
	return n, err
}

func TestAListIsReadWholeOrEndsWithAnError(t *testing.T) {
	const rows = 1 << 18
	text := strings.Repeat("somebody-or-other\n", rows)
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		a, b := new(count), new(count)
		sum, err := list.Read(ctx, cancelling{strings.NewReader(text), cancel}, list.Options{}, []list.Sink{a, b})
		if err == nil && (sum.Rows != rows || *a+*b != rows) {
			t.Fatalf("%d rows of %d, without an error", sum.Rows, rows)
		}
	}
}

func TestErrorsOfReaderAndSinkEndAList(t *testing.T) {
	broken := errors.New("broken")
	_, err := list.Read(t.Context(), io.MultiReader(strings.NewReader(strings.Repeat("ann\n", 1<<20)), failing{broken}), list.Options{}, []list.Sink{&keys{}})
	if !errors.Is(err, broken) {
		t.Errorf("of the reader: %v", err)
	}
	_, err = list.Read(t.Context(), strings.NewReader(strings.Repeat("ann\n", 1<<20)), list.Options{}, []list.Sink{full{broken}, full{broken}})
	if !errors.Is(err, broken) {
		t.Errorf("of a sink: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

type full struct{ err error }

func (f full) Append([]byte) error { return f.err }

func TestQuotedListsReadLikeTheStandardLibrarys(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var want []string
		var text bytes.Buffer
		w := csv.NewWriter(&text)
		w.UseCRLF = rapid.Bool().Draw(rt, "crlf")
		pad := strings.Repeat("p", rapid.SampledFrom([]int{0, 5, 70_000}).Draw(rt, "padding"))
		for range rapid.IntRange(1, 40).Draw(rt, "rows") {
			key := rapid.StringOfN(rapid.RuneFrom([]rune("ab,\"\n é")), 1, 8, -1).Draw(rt, "key")
			if err := w.Write([]string{key, pad, "q\"uo,te\n"}); err != nil {
				rt.Fatal(err)
			}
			want = append(want, key)
		}
		w.Flush()
		no := false
		got, _, _, err := read(t, text.String(), list.Options{Header: &no})
		slices.Sort(want)
		if w.UseCRLF { // the writer turns line ends inside fields into CRLF too
			for i := range got {
				got[i] = strings.ReplaceAll(got[i], "\r\n", "\n")
			}
			slices.Sort(got)
		}
		if err != nil || !slices.Equal(got, want) {
			rt.Fatalf("%q, want %q: %v", got, want, err)
		}
	})
}

type count int

func (c *count) Append([]byte) error { *c++; return nil }

func BenchmarkCSV(b *testing.B) {
	var text bytes.Buffer
	for i := range 1_000_000 {
		fmt.Fprintf(&text, "user-%015d\n", i)
	}
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		if _, err := list.Read(b.Context(), bytes.NewReader(text.Bytes()), list.Options{}, []list.Sink{new(count), new(count)}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(1e6*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
