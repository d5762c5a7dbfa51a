package api_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the replies in testdata")

// TestGolden sends the requests of each file in testdata, in order, to an installation of its own
// and compares the replies. A request is a request line below /api/v2, headers, a blank line and a
// body; what differs from run to run (ids, keys, times) has a name instead.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in testdata: %v", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			comment, files := exchanges(string(text))
			a := newAccount(t)
			names := newNames()
			got := comment
			for _, file := range files {
				title, ok := strings.CutSuffix(file.name, ".request")
				if !ok {
					continue
				}
				answer := names.hide(a.exchange(t, names.show([]byte(file.text))))
				got += fmt.Sprintf("-- %s --\n%s-- %s.reply --\n%s", file.name, file.text, title, answer)
			}
			if *update {
				if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(text), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

type exchange struct{ name, text string }

// exchanges reads a txtar archive.
func exchanges(text string) (comment string, files []exchange) {
	for line := range strings.Lines(text) {
		name, marked := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "-- ")
		if name, ok := strings.CutSuffix(name, " --"); marked && ok {
			files = append(files, exchange{name: name})
			continue
		}
		if len(files) == 0 {
			comment += line
			continue
		}
		files[len(files)-1].text += line
	}
	return comment, files
}

// exchange sends a written request and writes down the reply.
func (a *account) exchange(t testing.TB, text []byte) []byte {
	t.Helper()
	head, body, _ := bytes.Cut(text, []byte("\n\n"))
	lines := bufio.NewScanner(bytes.NewReader(head))
	lines.Scan()
	method, path, _ := strings.Cut(lines.Text(), " ")
	r := httptest.NewRequest(method, "/api/v2"+path, bytes.NewReader(body))
	r.Header.Set("Authorization", a.token)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		r.Header.Set(name, strings.TrimSpace(value))
	}
	w := httptest.NewRecorder()
	a.api.ServeHTTP(w, r)
	var out bytes.Buffer
	fmt.Fprintf(&out, "%d %s\n", w.Code, http.StatusText(w.Code))
	for _, name := range []string{"Allow", "Content-Type", "ETag", "Retry-After", "X-Muster-Revision"} {
		if v := w.Header().Get(name); v != "" {
			fmt.Fprintf(&out, "%s: %s\n", name, v)
		}
	}
	out.WriteByte('\n')
	if w.Body.Len() > 0 {
		reply := jsontext.Value(w.Body.Bytes())
		if err := reply.Indent(jsontext.WithIndent(" ")); err != nil {
			t.Fatal(err)
		}
		out.Write(reply)
		out.WriteByte('\n')
	}
	return out.Bytes()
}

// names stands in for values that differ from run to run.
type names struct{ byValue, byName map[string]string }

func newNames() *names {
	return &names{byValue: map[string]string{}, byName: map[string]string{}}
}

var changing = regexp.MustCompile(`(?:api-|sdk-|mob-)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[0-9a-f]{32}\b|\b[0-9a-f]{24}\b|\b1[0-9]{12}\b`)

var (
	ending = regexp.MustCompile(`"token": "[0-9a-f]{4}"`)
	taken  = regexp.MustCompile(`"(parse|commit|p50|p99)": [0-9]+`)
)

func (n *names) hide(text []byte) []byte {
	text = ending.ReplaceAll(text, []byte(`"token": "<last four>"`))
	text = taken.ReplaceAll(text, []byte(`"$1": <ms>`))
	return changing.ReplaceAllFunc(text, func(value []byte) []byte {
		v := string(value)
		if len(v) == 13 {
			return []byte("<time>")
		}
		if n.byValue[v] == "" {
			name := fmt.Sprintf("<id %d>", len(n.byValue)+1)
			n.byValue[v], n.byName[name] = name, v
		}
		return []byte(n.byValue[v])
	})
}

var hidden = regexp.MustCompile(`<id [0-9]+>`)

func (n *names) show(text []byte) []byte {
	return hidden.ReplaceAllFunc(text, func(name []byte) []byte { return []byte(n.byName[string(name)]) })
}
