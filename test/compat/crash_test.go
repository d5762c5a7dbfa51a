package compat

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gomodule/redigo/redis"
)

// TestKillLosesNothingAcknowledged kills the process with SIGKILL while tools push changes, send whole
// lists in pages and by imports, and people roll lists back, release or discard what the guard holds, and
// take that back.
// It starts the process again on the same directory and demands of every segment exactly the members
// that follow from what was acknowledged; the one request to each that was not answered is in whole or
// not at all. MUSTER_CRASH_ROUNDS says how often.
func TestKillLosesNothingAcknowledged(t *testing.T) {
	rounds := 5
	if v := os.Getenv("MUSTER_CRASH_ROUNDS"); v != "" {
		var err error
		if rounds, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	seed := rand.Uint64()
	t.Logf("%d rounds, seed %d", rounds, seed)
	s := start(t)
	workers := []*worker{newLists(t, s), newPages(s), newHeld(t, s), newBulk(t, s)}
	for i := range 4 {
		workers = append(workers, newPusher(s, i))
	}
	var answered, unanswered, ahead int64
	for round := range rounds {
		killAfter := int64(20 + rand.IntN(150))
		var n atomic.Int64
		var dead atomic.Bool
		enough := make(chan struct{})
		var wg sync.WaitGroup
		for i, w := range workers {
			rng := rand.New(rand.NewPCG(seed, uint64(round*len(workers)+i)))
			wg.Go(func() {
				for !dead.Load() && w.work(t, rng) {
					if n.Add(1) == killAfter {
						close(enough)
					}
				}
				if !dead.Load() {
					t.Errorf("round %d: %s got no answer from a process that runs", round, w.name)
					dead.Store(true)
				}
			})
		}
		<-enough
		dead.Store(true)
		s.kill(t)
		wg.Wait()
		s.run(t)
		answered += n.Load()
		for _, w := range workers {
			if w.maybe != nil {
				unanswered++
			}
			if w.verify(t, round) {
				ahead++
			}
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d requests were answered; of %d that were cut off %d had become durable", answered, unanswered, ahead)
	if answered < int64(rounds*20) {
		t.Errorf("only %d requests were answered; the test had no load", answered)
	}
}

// state is what is known of a segment: its members, and what of it waits in a hold.
type state struct {
	members map[string]bool
	waits   map[string]bool // removals that are held; nil: nothing is
	dropped map[string]bool // removals that will be held if the discard of run is taken back; nil: none can be
	run     string
	list    []string // of the whole list whose pages are on their way
	page    int      // of it that comes next
	session int
	journal map[string]bool // what was sent meanwhile: true for an add
}

func (st *state) clone() *state {
	c := *st
	c.members, c.waits, c.dropped, c.journal = maps.Clone(st.members), maps.Clone(st.waits), maps.Clone(st.dropped), maps.Clone(st.journal)
	return &c
}

func (st *state) set(keys []string, in bool) {
	for _, k := range keys {
		if in {
			st.members[k] = true
		} else {
			delete(st.members, k)
		}
		if st.journal != nil {
			st.journal[k] = in
		}
		if in {
			delete(st.dropped, k)
		}
	}
}

// worker does one thing after the other to members that nobody else touches.
type worker struct {
	name     string
	s        *server
	key      string // of the segment
	shared   bool   // others work on the segment too, with contexts of their own
	universe []string
	size     int // members that a name stands for
	now      *state
	maybe    *state // what the request on its way makes of it
	promised bool   // that request was answered, and takes effect soon
	points   map[string]map[string]bool
	was      map[string]bool // the members before the newest change
	next     func(*testing.T, *rand.Rand, *worker) bool
	again    func(*testing.T) bool // sends the newest change between two pages once more
}

func newWorker(s *server, name, key string, universe int, next func(*testing.T, *rand.Rand, *worker) bool) *worker {
	w := &worker{name: name, s: s, key: key, size: 1, now: &state{members: map[string]bool{}}, next: next}
	for i := range universe {
		w.universe = append(w.universe, fmt.Sprintf("%s-%04d", name, i))
	}
	return w
}

// work does the next thing and reports whether it was answered.
func (w *worker) work(t *testing.T, rng *rand.Rand) bool { return w.next(t, rng, w) }

// some returns up to n of the worker's contexts.
func (w *worker) some(rng *rand.Rand, n int) []string {
	n = min(n, len(w.universe))
	from := rng.IntN(len(w.universe) - n + 1)
	return w.universe[from : from+n]
}

// send sends a request that leads to a state; done is false if it was not answered.
func (w *worker) send(t *testing.T, after *state, method, path, contentType, body string) (header http.Header, answer []byte, done bool) {
	w.maybe = after
	header, answer, done = w.s.ask(t, method, path, contentType, body)
	if done {
		w.now, w.maybe = after, nil
	}
	return header, answer, done
}

// ask sends a request; done is false if there was no answer. An answer has to be a success.
func (s *server) ask(t *testing.T, method, path, contentType, body string) (http.Header, []byte, bool) {
	req, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return nil, nil, false
	}
	req.Header.Set("Authorization", adminToken)
	req.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil, false
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, nil, false
	}
	if resp.StatusCode > 299 {
		t.Errorf("%s %s: status %d: %s", method, path, resp.StatusCode, answer)
	}
	return resp.Header, answer, resp.StatusCode <= 299
}

func (w *worker) path(more string) string {
	return "/api/v2/segments/default/production/" + w.key + more
}

const jsonType = "application/json"

// push sends changes as RudderStack does.
func (w *worker) push(t *testing.T, after *state, adds, removes []string) bool {
	type member struct {
		ID string `json:"id"`
	}
	list := func(keys []string) []member {
		all := make([]member, 0, len(keys))
		for _, k := range keys {
			for n := range w.size {
				all = append(all, member{w.one(k, n)})
			}
		}
		return all
	}
	body, err := json.Marshal(map[string]any{
		"environmentId": environmentID, "cohortId": strings.TrimPrefix(w.key, "rudderstack-"), "cohortName": w.key,
		"listData": map[string]any{"add": list(adds), "remove": list(removes)},
	})
	if err != nil {
		t.Error(err)
	}
	_, _, done := w.send(t, after, http.MethodPost, "/api/v2/segment-targets/rudderstack", jsonType, string(body))
	return done
}

// one returns the n-th of the contexts that a name stands for.
func (w *worker) one(key string, n int) string {
	if w.size == 1 {
		return key
	}
	return fmt.Sprintf("%s-%06d", key, n)
}

// newPusher adds and removes contexts of a segment that several push to.
func newPusher(s *server, i int) *worker {
	w := newWorker(s, fmt.Sprint("pusher-", i), "rudderstack-crash", 400, func(t *testing.T, rng *rand.Rand, w *worker) bool {
		keys := w.some(rng, 1+rng.IntN(25))
		half := rng.IntN(len(keys) + 1)
		after := w.now.clone()
		after.set(keys[:half], true)
		after.set(keys[half:], false)
		return w.push(t, after, keys[:half], keys[half:])
	})
	w.shared = true
	return w
}

// newBulk adds and removes so many contexts at once that they are folded all the time. Two of its names
// in one request are more than an entry of the log holds.
func newBulk(t *testing.T, s *server) *worker {
	w := newWorker(s, "bulk", "rudderstack-bulk", 6, func(t *testing.T, rng *rand.Rand, w *worker) bool {
		keys := w.some(rng, 1+rng.IntN(3)/2)
		in := !w.now.members[keys[0]]
		after := w.now.clone()
		after.set(keys, in)
		if in {
			return w.push(t, after, keys, nil)
		}
		return w.push(t, after, nil, keys)
	})
	w.size = 40_000
	w.now.set(w.universe[:1], true)
	if !w.push(t, w.now, w.universe[:1], nil) {
		t.Fatal("the large segment was not created")
	}
	s.must(t, http.StatusOK, http.MethodPatch, w.path("/guard"), `{"shrinkPercent":null,"allowEmpty":true}`)
	return w
}

// newHeld sends what the guard holds, joins it, releases or discards it, and takes discards back.
func newHeld(t *testing.T, s *server) *worker {
	w := newWorker(s, "held", "rudderstack-held", 60, func(t *testing.T, rng *rand.Rand, w *worker) bool {
		after := w.now.clone()
		in := slices.Sorted(maps.Keys(w.now.members))
		if w.now.dropped != nil {
			switch rng.IntN(3) {
			case 0: // what came meanwhile stays
				keys := w.some(rng, 5)
				after.set(keys, true)
				return w.push(t, after, keys, nil)
			case 1:
				after.waits, after.dropped = after.dropped, nil
				return w.decide(t, after, "hold")
			}
		}
		if w.now.waits == nil {
			if len(in) < 40 {
				after.set(w.universe, true)
				return w.push(t, after, w.universe, nil)
			}
			keys := in[:len(in)*6/10]
			after.waits, after.dropped = map[string]bool{}, nil
			for _, k := range keys {
				after.waits[k] = true
			}
			return w.push(t, after, nil, keys)
		}
		switch rng.IntN(5) {
		case 0, 1: // what goes live is taken out of the hold
			keys := w.some(rng, 5)
			after.set(keys, true)
			for _, k := range keys {
				delete(after.waits, k)
			}
			return w.push(t, after, keys, nil)
		case 2:
			keys := w.some(rng, 5)
			for _, k := range keys {
				after.waits[k] = true
			}
			return w.push(t, after, nil, keys)
		case 3:
			after.set(slices.Collect(maps.Keys(after.waits)), false)
			after.waits = nil
			return w.decide(t, after, "release")
		default:
			after.waits, after.dropped = nil, after.waits
			return w.decide(t, after, "discard")
		}
	})
	w.now.set(w.universe, true)
	if !w.push(t, w.now, w.universe, nil) {
		t.Fatal("the segment of holds was not created")
	}
	s.must(t, http.StatusOK, http.MethodPatch, w.path("/guard"), `{"minMembers":5}`)
	return w
}

// decide ends the hold, or takes its discard back.
func (w *worker) decide(t *testing.T, after *state, how string) bool {
	if how != "hold" {
		hold, _, ok := w.about(t)
		if !ok {
			return false
		}
		after.run = hold
	}
	_, _, done := w.send(t, after, http.MethodPost, w.path("/runs/"+after.run+"/"+how), jsonType, `{"comment":"a test"}`)
	return done
}

// about returns the run that is held and the size of the segment.
func (w *worker) about(t *testing.T) (hold string, members int, ok bool) {
	_, answer, ok := w.s.ask(t, http.MethodGet, w.path(""), jsonType, "")
	if !ok {
		return "", 0, false
	}
	var seg struct {
		Metadata struct {
			IncludedCount int `json:"includedCount"`
		} `json:"_unboundedMetadata"`
		Muster struct {
			Hold *struct {
				RunID string `json:"runId"`
			}
		} `json:"_muster"`
	}
	if err := json.Unmarshal(answer, &seg); err != nil {
		t.Errorf("segment %s: %v", w.key, err)
		return "", 0, false
	}
	if seg.Muster.Hold != nil {
		hold = seg.Muster.Hold.RunID
	}
	return hold, seg.Metadata.IncludedCount, true
}

// newPages sends whole lists in pages, as Mixpanel does, and changes between the pages.
func newPages(s *server) *worker {
	return newWorker(s, "pages", "mixpanel-crash", 120, func(t *testing.T, rng *rand.Rand, w *worker) bool {
		const pages = 3
		after := w.now.clone()
		if after.list == nil {
			after.session++
			after.list, after.page = w.some(rng, 30+rng.IntN(60)), 1
			w.now = after.clone() // nothing is visible of a list that has begun
		}
		if after.page > 1 && rng.IntN(2) == 0 {
			keys := w.some(rng, 1+rng.IntN(8))
			in := rng.IntN(2) == 0
			after.set(keys, in)
			w.again = func(t *testing.T) bool {
				return w.mixpanel(t, after, map[bool]string{true: "add_members", false: "remove_members"}[in], keys, 1, 1)
			}
			return w.again(t)
		}
		share := (len(after.list) + pages - 1) / pages
		keys := after.list[min((after.page-1)*share, len(after.list)):min(after.page*share, len(after.list))]
		page := after.page
		after.page++
		if page == 1 { // from now on changes are laid over the list
			after.journal = map[string]bool{}
		}
		if page == pages {
			after.members = map[string]bool{}
			journal := after.journal
			after.journal = nil
			after.set(after.list, true)
			for k, in := range journal {
				after.set([]string{k}, in)
			}
			after.list = nil
		}
		return w.mixpanel(t, after, "members", keys, page, pages)
	})
}

func (w *worker) mixpanel(t *testing.T, after *state, action string, keys []string, page, pages int) bool {
	type member struct {
		ID string `json:"mixpanel_distinct_id"`
	}
	members := make([]member, 0, len(keys))
	for _, k := range keys {
		members = append(members, member{k})
	}
	body, err := json.Marshal(map[string]any{"action": action, "environmentId": environmentID, "parameters": map[string]any{
		"mixpanel_cohort_id": "crash", "mixpanel_cohort_name": "Crash", "mixpanel_session_id": fmt.Sprint("session-", w.now.session),
		"page_info": map[string]int{"page_count": page, "total_pages": pages}, "members": members,
	}})
	if err != nil {
		t.Error(err)
	}
	_, _, done := w.send(t, after, http.MethodPost, "/api/v2/segment-targets/mixpanel", jsonType, string(body))
	return done
}

// newLists imports whole lists, and rolls back.
func newLists(t *testing.T, s *server) *worker {
	w := newWorker(s, "lists", "crash-lists", 200, func(t *testing.T, rng *rand.Rand, w *worker) bool {
		after := w.now.clone()
		w.was = w.now.members
		old := slices.Sorted(maps.Keys(w.points))
		if len(old) > 0 && rng.IntN(2) == 0 {
			id := old[rng.IntN(len(old))]
			after.members = maps.Clone(w.points[id])
			_, _, done := w.send(t, after, http.MethodPost, w.path("/points/"+id+"/publish"), jsonType, `{"comment":"a test"}`)
			return done && w.learn(t)
		}
		keys := w.some(rng, 50+rng.IntN(100))
		after.members = map[string]bool{}
		after.set(keys, true)
		w.maybe = after
		header, _, done := w.s.ask(t, http.MethodPost, w.path("/imports?mode=replace"), "text/csv", strings.Join(keys, "\n")+"\n")
		if !done {
			return false
		}
		w.promised = true
		for {
			_, answer, ok := w.s.ask(t, http.MethodGet, header.Get("Location"), jsonType, "")
			if !ok {
				return false
			}
			var im struct{ Status string }
			if err := json.Unmarshal(answer, &im); err != nil || im.Status == "stopped" || im.Status == "held" {
				t.Errorf("import: %s, %v", answer, err)
				return false
			}
			if im.Status == "complete" {
				break
			}
		}
		w.now, w.maybe, w.promised = after, nil, false
		return w.learn(t)
	})
	w.points = map[string]map[string]bool{}
	s.must(t, http.StatusCreated, http.MethodPost, "/api/v2/segments/default/production", `{"key":"crash-lists","name":"Lists","unbounded":true}`)
	return w
}

// learn notes which points there are. A new one holds what the members were before.
func (w *worker) learn(t *testing.T) bool {
	_, answer, ok := w.s.ask(t, http.MethodGet, w.path("/points"), jsonType, "")
	if !ok {
		return false
	}
	var points struct {
		Items []struct {
			ID      string `json:"_id"`
			Current bool
			Members int
		}
	}
	if err := json.Unmarshal(answer, &points); err != nil {
		t.Errorf("points: %v", err)
		return false
	}
	known := map[string]map[string]bool{}
	for _, p := range points.Items {
		if p.Current {
			continue
		}
		known[p.ID] = w.points[p.ID]
		if known[p.ID] == nil {
			known[p.ID] = w.was
		}
		if p.Members != len(known[p.ID]) {
			t.Errorf("point %s of %s has %d members, want %d", p.ID, w.key, p.Members, len(known[p.ID]))
		}
	}
	w.points = known
	return true
}

// verify demands the members that were acknowledged, or those that the request on its way makes. It
// reports whether that is what is there.
func (w *worker) verify(t *testing.T, round int) (ahead bool) {
	t.Helper()
	if w.points != nil { // imports go on after a start
		for _, state := range []string{"received", "staged"} {
			eventually(t, "imports are over", func() bool {
				return strings.Contains(string(w.s.must(t, http.StatusOK, http.MethodGet, w.path("/runs?state="+state), "")), `"totalCount":0`)
			})
		}
	}
	hold, members, ok := w.about(t)
	if !ok && len(w.now.members) > 0 {
		t.Fatalf("round %d: %s is gone", round, w.key)
	}
	got := w.present(t)
	fits := func(st *state) bool {
		return st != nil && maps.Equal(st.members, got) && (st.waits != nil) == (hold != "") && (w.shared || members == len(got)*w.size)
	}
	switch {
	case !w.promised && fits(w.now):
		w.stays(t)
	case fits(w.maybe):
		ahead, w.now = true, w.maybe
	default:
		t.Fatalf("round %d: %s of %s has %d contexts of its own (count %d), held %q; acknowledged were %d, with the request that was cut off %d, promised: %t; %s",
			round, w.name, w.key, len(got), members, hold, len(w.now.members), len(cmp.Or(w.maybe, &state{}).members), w.promised, differences(w.now.members, got))
	}
	w.maybe, w.promised = nil, false
	if w.points != nil && !w.learn(t) {
		t.Fatalf("round %d: the points of %s can't be listed", round, w.key)
	}
	return ahead
}

// stays decides about a request that was cut off and shows in no member.
func (w *worker) stays(t *testing.T) {
	t.Helper()
	switch {
	case w.maybe == nil:
	case !maps.Equal(w.now.journal, w.maybe.journal): // whether it will be laid over the list is not known
		if !w.again(t) {
			t.Fatalf("a change of %s can't be sent again", w.key)
		}
	case w.now.waits != nil && !maps.Equal(w.now.waits, w.maybe.waits): // whether it joined the hold is not known
		after := w.now.clone()
		after.waits = nil
		if !w.decide(t, after, "discard") {
			t.Fatalf("the hold of %s can't be discarded", w.key)
		}
	case !maps.Equal(w.now.dropped, w.maybe.dropped): // whether what was discarded knows of it is not known
		w.now.dropped = nil
	}
}

func differences(want, got map[string]bool) string {
	var lost, wrong []string
	for k := range want {
		if !got[k] {
			lost = append(lost, k)
		}
	}
	for k := range got {
		if !want[k] {
			wrong = append(wrong, k)
		}
	}
	slices.Sort(lost)
	slices.Sort(wrong)
	return fmt.Sprintf("of the acknowledged ones lost %v, beside them %v", lost, wrong)
}

// present returns which of the worker's contexts the segment includes. Of the contexts that one name
// stands for it looks at some, which have to agree; the count of the segment tells about the others.
func (w *worker) present(t *testing.T) map[string]bool {
	t.Helper()
	var keys []string
	per := 1
	if w.size > 1 {
		per = 20
	}
	for _, k := range w.universe {
		for n := range per {
			keys = append(keys, w.one(k, n*w.size/per))
		}
	}
	absent := map[string]bool{}
	for _, k := range w.s.absent(t, w.key+".g1", keys) {
		absent[k] = true
	}
	got := map[string]bool{}
	for i, k := range w.universe {
		in := 0
		for _, one := range keys[i*per : (i+1)*per] {
			if !absent[one] {
				in++
			}
		}
		if in != 0 && in != per {
			t.Fatalf("a request is half applied: %d of %d contexts of %s are in", in, per, k)
		}
		if in > 0 {
			got[k] = true
		}
	}
	return got
}

// absent returns the keys that the ref does not include, as a server-side SDK would read it.
func (s *server) absent(t *testing.T, ref string, keys []string) []string {
	t.Helper()
	conn, err := redis.Dial("tcp", s.resp, redis.DialPassword(sdkKey))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var missing []string
	for batch := range slices.Chunk(keys, 500) {
		for _, key := range batch {
			hash := sha256.Sum256([]byte(key))
			if err := conn.Send("SMEMBERS", "launchdarkly:big_segment_include:"+base64.StdEncoding.EncodeToString(hash[:])); err != nil {
				t.Fatal(err)
			}
		}
		if err := conn.Flush(); err != nil {
			t.Fatal(err)
		}
		for _, key := range batch {
			refs, err := redis.Strings(conn.Receive())
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(refs, ref) {
				missing = append(missing, key)
			}
		}
	}
	return missing
}
