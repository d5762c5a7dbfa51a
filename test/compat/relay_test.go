package compat

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// keeper keeps members of big segments by the rules of ld-relay 8 (its packages autoconfig and
// bigsegments): it learns its SDK key from a configuration of relays, polls until an answer is empty, opens
// a stream, polls once more, and then takes what the stream says. A patch is taken if it begins at the
// cursor. What is lost between two processes is everything but its store.
type keeper struct {
	t    *testing.T
	s    *server
	name string
	key  string // of its configuration

	mu     sync.Mutex
	cursor string
	kept   map[string]map[string]bool // included contexts, by ref and hash
	synced bool                       // it is current, as far as it knows

	stop  context.CancelFunc
	done  chan struct{}
	asked atomic.Int64
}

func newKeeper(t *testing.T, s *server, name, key string) *keeper {
	k := &keeper{t: t, s: s, name: name, key: key, kept: map[string]map[string]bool{}}
	k.start()
	t.Cleanup(k.kill)
	return k
}

// start is the start of the keeper's process, kill its end at any moment.
func (k *keeper) start() {
	ctx, cancel := context.WithCancel(context.Background())
	k.stop, k.done = cancel, make(chan struct{})
	go func() {
		defer close(k.done)
		for ctx.Err() == nil {
			if err := k.cycle(ctx); errors.Is(err, errCircle) {
				k.t.Errorf("%s: %v", k.name, err)
				return
			}
			k.mu.Lock()
			k.synced = false
			k.mu.Unlock()
			select { // ld-relay waits ten seconds
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
}

func (k *keeper) kill() {
	k.stop()
	<-k.done
}

// errCircle says that the server makes a relay ask the same again at once, and for ever.
var errCircle = errors.New("a circle without end")

// cycle is what a relay does until something goes wrong.
func (k *keeper) cycle(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sdk, err := k.configure(ctx)
	if err != nil {
		return err
	}
	if err := k.catchUp(ctx, sdk); err != nil {
		return err
	}
	for {
		stream, err := k.open(ctx, "/big-segments", sdk)
		if err != nil {
			return err
		}
		defer stream.Body.Close()
		n, err := k.poll(ctx, sdk)
		if err != nil {
			return err
		}
		if n > 0 {
			if err := k.catchUp(ctx, sdk); err != nil {
				return err
			}
			continue
		}
		k.mu.Lock()
		k.synced = true
		k.mu.Unlock()
		return k.follow(stream.Body)
	}
}

// configure reads the SDK key of production from the stream of the configuration.
func (k *keeper) configure(ctx context.Context) (sdk string, err error) {
	stream, err := k.open(ctx, "/relay_auto_config?rpacProtocolVersion=2", k.key)
	if err != nil {
		return "", err
	}
	defer stream.Body.Close()
	err = events(stream.Body, func(name string, data []byte) error {
		var put struct {
			Data struct {
				Environments map[string]struct{ SDKKey struct{ Value string } }
			}
		}
		if err := json.Unmarshal(data, &put); err != nil {
			return err
		}
		sdk = put.Data.Environments[environmentID].SDKKey.Value
		return io.EOF
	})
	if errors.Is(err, io.EOF) && sdk != "" {
		return sdk, nil
	}
	return "", err
}

func (k *keeper) open(ctx context.Context, path, key string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.s.url+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("%s: %s", path, resp.Status)
	}
	return resp, nil
}

func (k *keeper) catchUp(ctx context.Context, sdk string) error {
	for {
		if n, err := k.poll(ctx, sdk); err != nil || n == 0 {
			return err
		}
	}
}

// poll asks once, and returns how many patches came. The first must begin at the cursor, and the last
// lead away from it: else the same is asked for again.
func (k *keeper) poll(ctx context.Context, sdk string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	k.mu.Lock()
	cursor := k.cursor
	k.mu.Unlock()
	path := "/sdk/big-segments/revisions"
	if cursor != "" {
		path += "?" + url.Values{"after": {cursor}}.Encode()
	}
	k.asked.Add(1)
	resp, err := k.open(ctx, path, sdk)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	n, applied, err := k.take(body)
	if err != nil {
		return 0, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if n > 0 && (applied < n || k.cursor == cursor) {
		return n, fmt.Errorf("%w: of %d patches after %q %d fit, and the last leads to %q", errCircle, n, cursor, applied, k.cursor)
	}
	return n, nil
}

// take takes the patches that fit one after the other.
func (k *keeper) take(text []byte) (n, applied int, err error) {
	var patches []struct {
		SegmentID, Version, PreviousVersion string
		Changes                             struct {
			Included, Excluded struct{ Add, Remove []string }
		}
	}
	if err := json.Unmarshal(text, &patches); err != nil {
		return 0, 0, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, p := range patches {
		if k.cursor != "" && p.PreviousVersion != k.cursor {
			break
		}
		if k.kept[p.SegmentID] == nil {
			k.kept[p.SegmentID] = map[string]bool{}
		}
		for _, h := range p.Changes.Included.Add {
			k.kept[p.SegmentID][h] = true
		}
		for _, h := range p.Changes.Included.Remove {
			delete(k.kept[p.SegmentID], h)
		}
		k.cursor = p.Version
		applied++
	}
	return len(patches), applied, nil
}

// follow takes what a stream says until it ends. One writer alone never gets a patch that does not fit.
func (k *keeper) follow(stream io.Reader) error {
	return events(stream, func(_ string, data []byte) error {
		n, applied, err := k.take(data)
		if err == nil && applied < n {
			err = fmt.Errorf("%w: of %d patches of a stream %d fit", errCircle, n, applied)
		}
		return err
	})
}

// events reads server-sent events until each returns an error.
func events(stream io.Reader, each func(name string, data []byte) error) error {
	in := bufio.NewReader(stream)
	var name string
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return err
		}
		switch kind, value, _ := bytes.Cut(bytes.TrimRight(line, "\n"), []byte(": ")); string(kind) {
		case "event":
			name = string(value)
		case "data":
			if err := each(name, value); err != nil {
				return err
			}
		}
	}
}

// holds returns what is missing from, or left over in, what the keeper has; "" if it has the truth.
func (k *keeper) holds(truth map[string]map[string]bool) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.synced {
		return "it is not current"
	}
	for ref, want := range truth {
		if !maps.Equal(want, k.kept[ref]) {
			return fmt.Sprintf("of %s it has %d contexts; %d are in it", ref, len(k.kept[ref]), len(want))
		}
	}
	for ref, left := range k.kept {
		if truth[ref] == nil && len(left) > 0 {
			return fmt.Sprintf("of %s it has %d contexts; it is no segment", ref, len(left))
		}
	}
	return ""
}

// truth returns who is in every big segment, as an export says it.
func (s *server) truth(t *testing.T) map[string]map[string]bool {
	t.Helper()
	var page struct {
		Items []struct {
			Key        string
			Generation int
		}
	}
	if err := json.Unmarshal(s.must(t, http.StatusOK, http.MethodGet, "/api/v2/segments/default/production?limit=100", ""), &page); err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]bool{}
	for _, item := range page.Items {
		ref := fmt.Sprintf("%s.g%d", item.Key, item.Generation)
		all[ref] = map[string]bool{}
		cmd := exec.CommandContext(t.Context(), binary(t), "export", "--url", s.url, "--token", adminToken, "--segment", item.Key)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("export of %s: %v", item.Key, err)
		}
		for row := range strings.Lines(string(out)) {
			h := sha256.Sum256([]byte(strings.TrimSpace(row)))
			all[ref][base64.StdEncoding.EncodeToString(h[:])] = true
		}
	}
	return all
}

// TestRelaysHoldTheTruthAfterAStorm lets tools and people change members while the server is killed, relays
// are killed, and their stores are spoilt; then every relay has exactly who is in, context by context.
func TestRelaysHoldTheTruthAfterAStorm(t *testing.T) {
	const million = 1_000_000
	s := start(t)
	var config struct{ FullKey string }
	if err := json.Unmarshal(s.must(t, http.StatusCreated, http.MethodPost, "/api/v2/account/relay-auto-configs",
		`{"name":"relays","policy":[{"effect":"allow","actions":["*"],"resources":["proj/default:env/production"]}]}`), &config); err != nil {
		t.Fatal(err)
	}
	s.must(t, http.StatusCreated, http.MethodPost, "/api/v2/segments/default/production", `{"key":"everybody","name":"Everybody","unbounded":true}`)
	steady := newKeeper(t, s, "steady", config.FullKey)
	restless := newKeeper(t, s, "restless", config.FullKey)
	var list bytes.Buffer
	for i := range million {
		fmt.Fprintf(&list, "everybody-%d\n", i)
	}
	s.load(t, "everybody", list.Bytes())

	// Writers try until they are answered; the server is away now and then.
	var writers sync.WaitGroup
	for w := range 3 {
		writers.Go(func() { s.storm(t, w, 60) })
	}
	for range 3 {
		restless.kill()
		restless.spoil()
		s.kill(t)
		s.run(t)
		restless.start()
		asked := steady.asked.Load()
		eventually(t, "the steady relay came back", func() bool { return steady.asked.Load() > asked })
		s.must(t, http.StatusAccepted, http.MethodPost, "/api/v2/projects/default/environments/production/resync", `{"comment":"a store was spoilt"}`)
	}
	writers.Wait()
	eventually(t, "all imports are over", func() bool {
		for _, state := range []string{"received", "staged"} {
			var runs struct{ TotalCount int }
			answer := s.must(t, http.StatusOK, http.MethodGet, "/api/v2/projects/default/environments/production/runs?state="+state, "")
			if err := json.Unmarshal(answer, &runs); err != nil || runs.TotalCount > 0 {
				return false
			}
		}
		return true
	})
	late := newKeeper(t, s, "late", config.FullKey)
	truth := s.truth(t)
	for _, k := range []*keeper{steady, restless, late} {
		last := ""
		eventuallySoon(t, func() bool { last = k.holds(truth); return last == "" }, func() string { return k.name + ": " + last })
		if asked := k.asked.Load(); asked > 5000 {
			t.Errorf("%s asked %d times", k.name, asked)
		}
	}
	if len(truth["everybody.g1"]) < million/2 {
		t.Errorf("%d are left of everybody", len(truth["everybody.g1"]))
	}
}

// eventuallySoon is eventually with a sentence that is made at the end.
func eventuallySoon(t *testing.T, holds func() bool, what func() string) {
	t.Helper()
	deadline := time.Now().Add(2 * patience)
	for tick := time.NewTicker(50 * time.Millisecond); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal(what())
		}
	}
}

// spoil is what happens to stores: a cursor of another server, a lost database, or members that somebody
// deleted. Only the second is seen by the server; the test asks for a resync.
func (k *keeper) spoil() {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch rand.IntN(3) {
	case 0:
		k.cursor = "foreign-9"
	case 1:
		k.cursor, k.kept = "", map[string]map[string]bool{}
	default:
		k.kept = map[string]map[string]bool{}
	}
}

// load makes a list the members of a segment.
func (s *server) load(t *testing.T, key string, list []byte) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary(t), "import", "segment", "--url", s.url, "--token", adminToken, "--segment", key, "--mode", "replace", "-")
	cmd.Stdin = bytes.NewReader(list)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("import into %s: %v: %s", key, err, out)
	}
}

// storm changes members of a segment in all ways there are, one after the other.
func (s *server) storm(t *testing.T, writer, rounds int) {
	key := fmt.Sprintf("rudderstack-storm-%d", writer)
	random := rand.New(rand.NewPCG(uint64(writer), 7))
	path := "/api/v2/segments/default/production/" + key
	for range rounds {
		switch n := random.IntN(10); {
		case n < 6:
			var list [2][]string
			for range 1 + random.IntN(200) {
				in := random.IntN(3) / 2
				list[in] = append(list[in], fmt.Sprintf(`{"id":"person-%d"}`, random.IntN(5000)))
			}
			s.insist(t, http.MethodPost, "/api/v2/segment-targets/rudderstack", "application/json", fmt.Sprintf(
				`{"environmentId":%q,"cohortId":"storm-%d","cohortName":"Storm","contextKind":"user","listData":{"add":[%s],"remove":[%s]}}`,
				environmentID, writer, strings.Join(list[0], ","), strings.Join(list[1], ",")))
		case n < 8:
			var rows strings.Builder
			for i := range random.IntN(20_000) {
				fmt.Fprintf(&rows, "person-%d\n", i*(1+random.IntN(2)))
			}
			s.insist(t, http.MethodPost, path+"/imports?mode=replace&override=true&header=false", "text/csv", rows.String())
		case n < 9:
			var points struct {
				Items []struct {
					ID      string `json:"_id"`
					Current bool
				}
			}
			if _, answer := s.insist(t, http.MethodGet, path+"/points", "", ""); json.Unmarshal(answer, &points) == nil && len(points.Items) > 1 {
				s.insist(t, http.MethodPost, path+"/points/"+points.Items[1].ID+"/publish", "application/json", `{}`)
			}
		default:
			s.insist(t, http.MethodDelete, path, "", "")
		}
	}
}

// insist repeats a request until the server answers it.
func (s *server) insist(t *testing.T, method, path, contentType, body string) (int, []byte) {
	for {
		req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return 0, nil
		}
		req.Header.Set("Authorization", adminToken)
		req.Header.Set("Content-Type", contentType)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			answer, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			switch {
			case err != nil:
			case resp.StatusCode >= http.StatusInternalServerError && resp.StatusCode != http.StatusServiceUnavailable:
				t.Errorf("%s %s: %s %s", method, path, resp.Status, answer)
				return resp.StatusCode, answer
			case resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable:
				return resp.StatusCode, answer
			}
		}
		select {
		case <-t.Context().Done():
			return 0, nil
		case <-time.After(20 * time.Millisecond):
		}
	}
}
