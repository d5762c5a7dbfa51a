package dynamosink_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"muster/internal/sink/sinktest"
)

// fault is what happens to a request on its way to the table and back.
type fault int

const (
	none      fault = iota
	throttled       // the table takes no more
	broken          // the table is out of order
	refused         // the connection ends before the table hears of it
	lost            // the table does it, and the connection ends before the answer
	cut             // likewise, in the midst of the answer
	partial         // the table does a half of what a batch asks for
)

// wire is what stands between a sink and its table.
type wire struct {
	*httptest.Server
	choose atomic.Pointer[func(op string, body []byte) fault]
	counts [partial + 1]atomic.Int64
}

// startWire starts one that does nothing to requests at first.
func startWire(t testing.TB, d *sinktest.DynamoDB) *wire {
	w := &wire{}
	table := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}, Timeout: time.Minute}
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		f := none
		if choose := w.choose.Load(); choose != nil {
			f = (*choose)(op, body)
		}
		if !strings.HasPrefix(op, "Batch") && f == partial {
			f = none
		}
		w.counts[f].Add(1)
		var held map[string]json.RawMessage
		switch f {
		case throttled:
			answerFault(rw, 400, "ProvisionedThroughputExceededException")
			return
		case broken:
			answerFault(rw, 500, "InternalServerError")
			return
		case refused:
			panic(http.ErrAbortHandler)
		case partial:
			body, held = halved(body)
		}
		req, err := http.NewRequestWithContext(r.Context(), r.Method, d.URL+r.URL.Path, bytes.NewReader(body))
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		req.Header = r.Header.Clone()
		req.Header.Del("Content-Length")
		res, err := table.Do(req)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer res.Body.Close()
		answer, err := io.ReadAll(res.Body)
		if err != nil || f == lost {
			panic(http.ErrAbortHandler)
		}
		if f == partial {
			answer = withHeld(answer, op, held)
			res.Header.Del("X-Amz-Crc32")
		}
		for name, values := range res.Header {
			if name != "Content-Length" {
				rw.Header()[name] = values
			}
		}
		rw.WriteHeader(res.StatusCode)
		if f == cut {
			_, _ = rw.Write(answer[:len(answer)/2])
			_ = http.NewResponseController(rw).Flush()
			panic(http.ErrAbortHandler)
		}
		_, _ = rw.Write(answer)
	}))
	t.Cleanup(func() {
		w.CloseClientConnections()
		w.Close()
		table.CloseIdleConnections()
	})
	return w
}

// every makes one of so many requests fail in one of these ways; but for throttling, no request twice in a row by
// chance so often that a sink may give it up.
func (w *wire) every(n int64, ways ...fault) {
	const most = 2
	var mu sync.Mutex
	var seen int64
	failed := make(map[string]int)
	choose := func(op string, body []byte) fault {
		mu.Lock()
		defer mu.Unlock()
		seen++
		if seen%n != 0 {
			return none
		}
		f, request := ways[int(seen/n)%len(ways)], op+string(body)
		if f == throttled {
			return f
		}
		if failed[request]++; failed[request] > most {
			return none
		}
		return f
	}
	w.choose.Store(&choose)
}

// first makes the beginning of each sort of request fail in these ways, one after the other.
func (w *wire) first(ways ...fault) {
	var mu sync.Mutex
	seen := make(map[string]int)
	choose := func(op string, _ []byte) fault {
		mu.Lock()
		defer mu.Unlock()
		i := seen[op]
		seen[op]++
		if i >= len(ways) {
			return none
		}
		return ways[i]
	}
	w.choose.Store(&choose)
}

func answerFault(rw http.ResponseWriter, status int, code string) {
	rw.Header().Set("Content-Type", "application/x-amz-json-1.0")
	rw.WriteHeader(status)
	_, _ = io.WriteString(rw, `{"__type":"com.amazonaws.dynamodb.v20120810#`+code+`","message":"on purpose"}`)
}

// halved keeps a half of what a batch asks for and returns the other half.
func halved(body []byte) (half []byte, held map[string]json.RawMessage) {
	var request map[string]json.RawMessage
	var tables map[string]json.RawMessage
	if json.Unmarshal(body, &request) != nil || json.Unmarshal(request["RequestItems"], &tables) != nil {
		panic(http.ErrAbortHandler)
	}
	held = make(map[string]json.RawMessage)
	for table, raw := range tables {
		var list []json.RawMessage
		var keys struct {
			Keys           []json.RawMessage
			ConsistentRead bool
		}
		if json.Unmarshal(raw, &list) == nil {
			n := (len(list) + 1) / 2
			tables[table], held[table] = encoded(list[:n]), encoded(list[n:])
			if n == len(list) {
				delete(held, table)
			}
			continue
		}
		if json.Unmarshal(raw, &keys) != nil {
			panic(http.ErrAbortHandler)
		}
		n, all := (len(keys.Keys)+1)/2, keys.Keys
		keys.Keys = all[:n]
		tables[table] = encoded(keys)
		if keys.Keys = all[n:]; len(keys.Keys) > 0 {
			held[table] = encoded(keys)
		}
	}
	request["RequestItems"] = encoded(tables)
	return encoded(request), held
}

func withHeld(answer []byte, op string, held map[string]json.RawMessage) []byte {
	var all map[string]json.RawMessage
	if json.Unmarshal(answer, &all) != nil {
		panic(http.ErrAbortHandler)
	}
	name := "UnprocessedItems"
	if op == "BatchGetItem" {
		name = "UnprocessedKeys"
	}
	all[name] = encoded(held)
	return encoded(all)
}

func encoded(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
