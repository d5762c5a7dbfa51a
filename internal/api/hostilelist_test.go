package api_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"muster/internal/segment"
)

func TestOddListsAreCountedExactly(t *testing.T) {
	a := bigAccount(t)
	long := strings.Repeat("k", 2049)
	for _, tt := range []struct {
		name, query, list string
		header            []string
		result, rejects   string
	}{
		{
			"a spreadsheet with everything", "?mode=replace", "\xef\xbb\xbfName,Key\r\nAnn,ann\r\n\r\n\"B, C\",\"b\"\"b\"\r\n,\r\nD,\"two\r\nlines\"\r\nlatin,\xe9\r\nlong," + long + "\r\nAnn again,ann\r\nshort\r\n",
			[]string{"?", "column=key"},
			`{"added":3,"removed":0,"unchanged":1,"skipped":4}`,
			"5,the key is empty,\n7,the key is not UTF-8,\ufffd\n8,the key is longer than 2048 bytes," + long[:64] + "\n10,the row has no such column,short\n",
		},
		{"rows that end with CR", "?mode=replace", "key\rann\r\rben\r", nil, `{"added":1,"removed":2,"unchanged":1,"skipped":0}`, ""},
		{"blanks and controls are part of a key", "?mode=replace", " ann\nann \nan\x00n\n\tann\n", nil, `{"added":4,"removed":2,"unchanged":0,"skipped":0}`, ""},
		{
			"lines of JSON of all kinds", "?mode=replace", "\"ann\"\n7\n{\"key\":\"ben\",\"x\":" + strings.Repeat("[", 500) + strings.Repeat("]", 500) + "}\n\n[]\nnull\n\"\"\n\"\\ud800\"\n{\"key\":{}}\n\"half\n",
			[]string{"Content-Type", "application/x-ndjson"},
			`{"added":3,"removed":4,"unchanged":0,"skipped":6}`,
			"5,the element is neither text nor an object,[]\n6,the element is neither text nor an object,null\n7,the key is empty,\n8,the line is not JSON,\"\"\"\\ud800\"\"\"\n9,the object has no such field,\"{\"\"key\"\":{}}\"\n10,the line is not JSON,\"\"\"half\"\n",
		},
		{
			"an array of all kinds", "?mode=replace", "[\"ann\",7,{\"id\":\"x\",\"key\":\"ben\"},[[]],true,1.5,{}]",
			[]string{"Content-Type", "application/json"},
			`{"added":0,"removed":0,"unchanged":3,"skipped":4}`,
			"4,the element is neither text nor an object,\n5,the element is neither text nor an object,\n6,the number is not a whole one,\n7,the object has no such field,\n",
		},
		{"several members of gzip", "?mode=replace", zipped(t, "ann\n") + zipped(t, "ben\n"), []string{"Content-Encoding", "gzip"}, `{"added":0,"removed":1,"unchanged":2,"skipped":0}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			query, header := tt.query, tt.header
			if len(header) == 2 && header[0] == "?" {
				query, header = query+"&"+header[1], nil
			}
			r := a.decided(t, a.load(t, query, tt.list, header...))
			r.want(t, "status", `"complete"`, "result", tt.result)
			if got := a.rejects(t, r.str("runId")); got != tt.rejects {
				t.Errorf("rejected %q, want %q", got, tt.rejects)
			}
		})
	}
}

// rejects returns the rows that a run skipped, without the header; none if there is no such file.
func (a *account) rejects(t testing.TB, run string) string {
	t.Helper()
	r := httptest.NewRequest("GET", "/api/v2"+listPath+"/runs/"+run+"/rejects", nil)
	r.Header.Set("Authorization", a.token)
	w := httptest.NewRecorder()
	a.api.ServeHTTP(w, r)
	if w.Code == 404 {
		return ""
	}
	rows, ok := strings.CutPrefix(w.Body.String(), "row,reason,value\n")
	if w.Code != 200 || !ok {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	return rows
}

func TestListsThatNobodyCanReadChangeNothing(t *testing.T) {
	a := bigAccount(t)
	a.decided(t, a.load(t, "", "ann\nben\n"))
	form := func(body string) []string {
		return []string{"Content-Type", "multipart/form-data; boundary=" + body}
	}
	ndjson, array := []string{"Content-Type", "application/x-ndjson"}, []string{"Content-Type", "application/json"}
	part := "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"l.csv\"\r\n\r\nann\r\n--x--\r\n"
	whole := zipped(t, strings.Repeat("ann ben\n", 999))
	for _, tt := range []struct {
		name, query, list string
		header            []string
		status            int
		says              string
	}{
		{"nothing", "", "", nil, 400, "no row"},
		{"blank lines", "", "\n\r\n\r", nil, 400, "no row"},
		{"only a header", "", "key\n", nil, 400, "no row"},
		{"UTF-16 from a spreadsheet", "", "\xff\xfek\x00e\x00y\x00\r\x00\n\x00", nil, 400, "CSV UTF-8"},
		{"a workbook", "", "PK\x03\x04\x14\x00", nil, 400, "spreadsheet"},
		{"gzip without a word", "", whole, nil, 400, "Content-Encoding"},
		{"gzip in gzip", "", zipped(t, whole), []string{"Content-Encoding", "gzip"}, 400, "compressed file"},
		{"gzip that is cut", "", whole[:len(whole)/2], []string{"Content-Encoding", "gzip"}, 400, "ends early"},
		{"zstd that is none", "", whole, []string{"Content-Encoding", "zstd"}, 400, "can't be decompressed as zstd"},
		{"a column that is not there", "?column=mail", "key,name\nann,Ann\n", nil, 400, "it has key, name"},
		{"a quote without an end", "", "zoe\nyan,\"x\nxia\n", nil, 400, "row 2 of the list begins a quoted field that is not closed"},
		{"a row of 2 MiB", "", "zoe\n" + strings.Repeat("x", 2<<20) + "\nyan\n", nil, 400, "row 2 of the list is longer than 1 MiB"},
		{"a line of JSON of 2 MiB", "", "\"zoe\"\n\"" + strings.Repeat("x", 2<<20) + "\"\n", ndjson, 400, "row 2 of the list is longer than 1 MiB"},
		{"a text of 4 MiB", "", "[\"zoe\",\"" + strings.Repeat("x", 4<<20) + "\"]", array, 400, "element 2 of the list is longer"},
		{"an array without an end", "", "[\"zoe\",\"yan\"", array, 400, "after 2 elements"},
		{"deep arrays", "", "[\"zoe\"," + strings.Repeat("[", 100_000), array, 400, "not a JSON array"},
		{"deep arrays in a line", "", "\"\"\n" + strings.Repeat("[", 100_000) + "\n", ndjson, 400, "no row of the list can be used"},
		{"an object", "", `{"keys":["zoe"]}`, array, 400, "not a JSON array"},
		{"no row that can be used", "", "\xe9\n\xe8\n", nil, 400, "no row of the list can be used"},
		{"a form with another boundary", "", part, form("y"), 400, "form"},
		{"a form without a boundary", "", part, []string{"Content-Type", "multipart/form-data"}, 400, "form"},
		{"a form with a part of endless headers", "", "--x\r\nContent-Disposition: form-data; name=\"file\"\r\n" + strings.Repeat("X-Y: z\r\n", 200_000) + "\r\nann\r\n--x--\r\n", form("x"), 400, "form"},
		{"a form with a header of 4 MiB", "", "--x\r\nContent-Disposition: form-data; name=\"" + strings.Repeat("f", 4<<20) + "\"\r\n\r\nann\r\n--x--\r\n", form("x"), 400, "form"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, query := range []string{"", "&dryRun=true"} {
				r := a.load(t, "?mode=replace"+query+strings.Replace(tt.query, "?", "&", 1), tt.list, tt.header...)
				if r.status != tt.status || !strings.Contains(r.str("message"), tt.says) {
					t.Errorf("%d %s, want %d %q", r.status, r.text, tt.status, tt.says)
				}
			}
			if got := a.members(t); got != "2" {
				t.Errorf("%s members", got)
			}
		})
	}
	a.nothingLeft(t)
}

// nothingLeft checks that no import left anything behind that only an import at work needs.
func (a *account) nothingLeft(t testing.TB) {
	t.Helper()
	for a.must(t, 200, "", "GET", listPath, "").at("_importInProgress") == true && t.Context().Err() == nil {
	}
	open, err := a.store.Sessions(segment.EnvID(clientSideID))
	if err != nil || len(open) > 0 {
		t.Errorf("sessions %v, %v", open, err)
	}
	for doc, err := range a.store.DocumentList(t.Context(), segment.EnvID(clientSideID), "import/") {
		t.Errorf("document %v, %v", doc.ID, err)
	}
	r := a.must(t, 200, "", "GET", listPath+"/imports?limit=1000", "")
	for i, item := range r.at("items").([]any) {
		if s := item.(map[string]any)["status"]; s != "complete" && s != "stopped" {
			t.Errorf("import %d is %v", i, s)
		}
	}
}

// sending is an upload of which a piece was sent.
type sending struct {
	to    *io.PipeWriter
	reply chan reply
}

// begin sends the first piece of a list over a connection, and waits until it has arrived.
func (a *account) begin(t *testing.T, url, token, query, piece string) *sending {
	t.Helper()
	body, to := io.Pipe()
	s := &sending{to, make(chan reply, 1)}
	go func() {
		req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), "POST", url+"/api/v2"+listPath+"/imports"+query, body)
		if err == nil {
			req.Header.Set("Authorization", token)
			req.Header.Set("Content-Type", "text/csv")
			var res *http.Response
			if res, err = http.DefaultClient.Do(req); err == nil {
				defer res.Body.Close()
				got := reply{status: res.StatusCode, header: res.Header}
				got.text, _ = io.ReadAll(res.Body)
				_ = json.Unmarshal(got.text, &got.body)
				s.reply <- got
				return
			}
		}
		s.reply <- reply{text: []byte(err.Error())}
	}()
	s.send(t, piece)
	for t.Context().Err() == nil {
		if r := a.must(t, 200, "", "GET", listPath+"/imports?limit=1", ""); r.str("items.0.status") == "preparing" {
			break
		}
	}
	return s
}

func (s *sending) send(t *testing.T, piece string) {
	t.Helper()
	if _, err := io.WriteString(s.to, piece); err != nil {
		t.Error(err)
	}
}

// end sends the last piece and returns the answer.
func (s *sending) end(t *testing.T, piece string) reply {
	t.Helper()
	s.send(t, piece)
	if err := s.to.Close(); err != nil {
		t.Error(err)
	}
	return <-s.reply
}

func TestWhatHappensInTheMiddleOfAnUpload(t *testing.T) {
	a := bigAccount(t)
	server := httptest.NewServer(a.api)
	t.Cleanup(server.Close)
	segmentBody := `{"key":"big","name":"Big","unbounded":true}`
	a.decided(t, a.load(t, "", "ann\nben\n"))
	refused := func(t *testing.T, r reply, status int, says string) {
		t.Helper()
		if r.status != status || !strings.Contains(r.str("message"), says) || r.str("code") == "" {
			t.Errorf("%d %s, want %d %q", r.status, r.text, status, says)
		}
		if got := a.members(t); got != "2" {
			t.Errorf("%s members", got)
		}
		a.nothingLeft(t)
	}
	t.Run("another import begins", func(t *testing.T) {
		s := a.begin(t, server.URL, a.token, "?mode=replace", "cleo\n")
		other := a.load(t, "", "dan\n")
		if other.status != 409 || !strings.Contains(other.str("message"), "wait until it is complete") {
			t.Errorf("%d %s", other.status, other.text)
		}
		refused(t, s.end(t, "\xff\xff\n\""), 400, "row 3")
	})
	t.Run("its token is deleted", func(t *testing.T) {
		token := a.must(t, 201, "Token", "POST", "/tokens", `{"name":"mine","role":"writer"}`)
		s := a.begin(t, server.URL, token.str("token"), "?mode=replace", "cleo\n")
		a.must(t, 204, "", "DELETE", "/tokens/"+token.str("_id"), "")
		refused(t, s.end(t, "dan\n"), 401, "not known")
	})
	t.Run("the client goes", func(t *testing.T) {
		s := a.begin(t, server.URL, a.token, "?mode=replace", "cleo\n")
		_ = s.to.CloseWithError(io.ErrClosedPipe)
		<-s.reply
		for a.must(t, 200, "", "GET", listPath, "").at("_importInProgress") == true && t.Context().Err() == nil {
		}
		a.must(t, 200, "", "GET", listPath+"/imports?limit=1", "").want(t, "items.0.status", `"stopped"`, "items.0.error.message", `"the upload ends early; send the whole list again"`)
	})
	t.Run("less comes than was said", func(t *testing.T) {
		conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, err = fmt.Fprintf(conn, "POST /api/v2%s/imports?mode=replace HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Type: text/csv\r\nContent-Length: 1000\r\n\r\ncleo\n", listPath, a.token)
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		answer, _ := io.ReadAll(conn)
		if !strings.Contains(string(answer), "400 Bad Request") || !strings.Contains(string(answer), "send the whole list again") {
			t.Errorf("answered %q", answer)
		}
	})
	t.Run("the segment is deleted", func(t *testing.T) {
		s := a.begin(t, server.URL, a.token, "?mode=replace", "cleo\n")
		a.must(t, 204, "", "DELETE", listPath, "")
		r := s.end(t, "dan\n")
		if r.status != 404 || !strings.Contains(r.str("message"), "segment key big") {
			t.Errorf("%d %s", r.status, r.text)
		}
		a.must(t, 201, "Segment", "POST", "/segments/default/production", segmentBody)
		a.decided(t, a.load(t, "", "ann\nben\n"))
	})
	for _, mode := range []string{"merge", "replace", "remove"} {
		t.Run("the segment becomes another one, "+mode, func(t *testing.T) {
			s := a.begin(t, server.URL, a.token, "?mode="+mode, "cleo\n")
			a.must(t, 204, "", "DELETE", listPath, "")
			a.must(t, 201, "Segment", "POST", "/segments/default/production", segmentBody)
			a.must(t, 204, "", "POST", listPath+"/contexts", `{"included":{"add":["dan"]}}`)
			a.decided(t, s.end(t, "dan\n")).want(t, "status", `"stopped"`, "error.message",
				`"segment big was deleted while the list was on its way; nothing of it was taken"`)
			if got := a.members(t); got != "1" {
				t.Errorf("%s members of the other segment", got)
			}
			a.nothingLeft(t)
		})
	}
}
