package sdk_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/md5" //nolint:gosec // ld-relay checks its archives with it
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"muster/internal/catalog"
	"muster/internal/delivery"
	"muster/internal/policy"
	"muster/internal/sdk"
	"muster/internal/segment"
	"muster/internal/store"
)

const (
	revisions  = "/sdk/big-segments/revisions"
	relayAgent = "GoClient/7.6.0 LDRelay/8.10.1"
)

// memberPatch is what a relay reads of members.
type memberPatch struct {
	EnvironmentID, SegmentID, Version, PreviousVersion string
	Changes                                            struct {
		Included, Excluded struct{ Add, Remove []string }
	}
}

func readPatches(t testing.TB, text string) []memberPatch {
	t.Helper()
	var all []memberPatch
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatalf("%v in %.300s", err, text)
	}
	return all
}

// catchUp polls until nothing comes, and returns the cursor and the hashes that were added to a ref, each
// once: what the log says is told behind a walk, too.
func (w *world) catchUp(key, cursor, ref string) (string, []string) {
	w.t.Helper()
	var added []string
	for {
		res, body := w.ask("GET", revisions+"?after="+cursor, "", "Authorization", key)
		if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/json" {
			w.t.Fatalf("%s: %s", res.Status, body)
		}
		patches := readPatches(w.t, body)
		for _, p := range patches {
			if p.PreviousVersion != cursor || p.EnvironmentID != string(envID) {
				w.t.Fatalf("patch %+v does not begin at %q", p, cursor)
			}
			cursor = p.Version
			if p.SegmentID == ref {
				added = append(added, p.Changes.Included.Add...)
			}
		}
		if len(patches) == 0 {
			slices.Sort(added)
			return cursor, slices.Compact(added)
		}
	}
}

func TestARelayGetsMembersByPollAndStream(t *testing.T) {
	w := newWorld(t, delivery.Options{}, sdk.Options{})
	w.putSegment()
	w.push(segment.Include, "ann", "bob")
	cursor, added := w.catchUp(sdkKey, "", "vip.g1")
	want := []string{segment.HashOf("ann").String(), segment.HashOf("bob").String()}
	slices.Sort(want)
	if !slices.Equal(added, want) {
		t.Errorf("added %v, want %v", added, want)
	}
	in := w.listen("GET", "/big-segments", "", "Authorization", sdkKey)
	w.push(segment.Include, "cid")
	w.push(segment.Exclude|segment.Uninclude, "ann")
	for got := 0; got < 2; {
		name, data, _ := strings.Cut(in.event(), "\ndata: ")
		if name != "event: patch" {
			t.Fatalf("event %q", name)
		}
		for _, p := range readPatches(t, data) {
			if p.PreviousVersion != cursor || p.SegmentID != "vip.g1" {
				t.Fatalf("patch %+v does not begin at %q", p, cursor)
			}
			cursor = p.Version
			got += len(p.Changes.Included.Add) + len(p.Changes.Excluded.Add)
		}
	}
	if at, added := w.catchUp(sdkKey, cursor, "vip.g1"); at != cursor || len(added) > 0 {
		t.Errorf("a relay that read the stream to %q is told of %v up to %q", cursor, added, at)
	}
	if s := w.handler.Stats(); s.MemberStreams != 1 {
		t.Errorf("stats %+v", s)
	}
}

func TestAPageIsCompressedIfItIsWorthIt(t *testing.T) {
	w := newWorld(t, delivery.Options{}, sdk.Options{})
	w.putSegment()
	keys := make([]string, 2000)
	for i := range keys {
		keys[i] = strings.Repeat("x", i+1)
	}
	w.push(segment.Include, keys...)
	res, body := w.ask("GET", revisions, "", "Authorization", sdkKey, "Accept-Encoding", "gzip")
	if res.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("%v", res.Header)
	}
	zip, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(zip)
	if err != nil || len(readPatches(t, string(plain))[0].Changes.Included.Add) != 2000 || len(body) > len(plain)*4/5 {
		t.Errorf("%v, %d bytes compressed of %d", err, len(body), len(plain))
	}
}

func TestAPollThatCantBeAnsweredIsRefused(t *testing.T) {
	w := newWorld(t, delivery.Options{}, sdk.Options{})
	for name, tt := range map[string]struct {
		path, key string
		status    int
	}{
		"no key":                    {revisions, "", 401},
		"a mobile key":              {revisions, mobKey, 401},
		"no key for a stream":       {"/big-segments", "sdk-unknown", 401},
		"a cursor that is no text":  {revisions + "?after=%ff", sdkKey, 400},
		"a cursor that has no end":  {revisions + "?after=" + strings.Repeat("x", 5000), sdkKey, 400},
		"a cursor of somebody else": {revisions + "?after=v%201%2F2%2B3", sdkKey, 200},
	} {
		if res, body := w.ask("GET", tt.path, "", "Authorization", tt.key); res.StatusCode != tt.status {
			t.Errorf("%s: %s %s, want %d", name, res.Status, body, tt.status)
		}
	}
}

func TestARelayThatAsksTheSameForEverIsToldToWait(t *testing.T) {
	begun := time.Now() // which lasts, however long it takes to ask so often
	w := newWorldAt(t, func() time.Time { return begun }, delivery.Options{}, sdk.Options{})
	for range 500 {
		if res, body := w.ask("GET", revisions, "", "Authorization", sdkKey); res.StatusCode != http.StatusOK {
			t.Fatalf("%s %s", res.Status, body)
		}
	}
	if res, body := w.ask("GET", revisions, "", "Authorization", sdkKey); res.StatusCode != http.StatusTooManyRequests {
		t.Errorf("%s %s", res.Status, body)
	}
}

func TestARelayGoesOnWithAnExpiredKeyForAWhile(t *testing.T) {
	now := time.Now()
	w := newWorld(t, delivery.Options{}, sdk.Options{RelayKeyGrace: 2 * time.Hour})
	w.putSegment()
	const longAgo, lately = "sdk-long-ago", "sdk-lately"
	w.putEnvironment(func(e *catalog.Environment) {
		e.ExpiringSDKKeys = []catalog.ExpiringKey{{Key: longAgo, Expiry: now.Add(-3 * time.Hour)}, {Key: lately, Expiry: now.Add(-time.Hour)}}
	})
	for name, tt := range map[string]struct {
		path, key, agent string
		status           int
	}{
		"members, within the time of grace":  {revisions, lately, "Go-http-client/1.1", 200},
		"members, after it":                  {revisions, longAgo, "Go-http-client/1.1", 401},
		"flags, within the time of grace":    {"/all", lately, relayAgent, 200},
		"flags, after it":                    {"/all", longAgo, relayAgent, 401},
		"flags for an SDK":                   {"/all", lately, "GoClient/7.6.0", 401},
		"a poll of an SDK":                   {"/sdk/latest-all", lately, relayAgent, 401},
		"the live feed, within the time":     {"/big-segments", lately, "Go-http-client/1.1", 200},
		"a key that was never a credential":  {revisions, "sdk-never", "Go-http-client/1.1", 401},
		"the key of the environment as ever": {revisions, sdkKey, "Go-http-client/1.1", 200},
	} {
		if res := w.open("GET", tt.path, "", "Authorization", tt.key, "User-Agent", tt.agent); res.StatusCode != tt.status {
			t.Errorf("%s: %s, want %d", name, res.Status, tt.status)
		}
	}
	audited := 0
	for e, err := range w.store.AuditEntries(t.Context(), time.Time{}) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(e.Short, "expired SDK key") && e.Target == "proj/web:env/production" && e.Actor.Kind == "system" {
			audited++
		}
	}
	fs := w.feed.Followers(envID)
	if audited != 1 || len(fs) == 0 || !slices.ContainsFunc([]string{fs[0].Error, fs[len(fs)-1].Error}, func(s string) bool { return strings.Contains(s, "expired") }) {
		t.Errorf("audited %d times, followers %+v", audited, fs)
	}
}

func TestAKeyThatExpiresUnderTheStreamsOfARelayEndsThemOnceTheGraceIsOver(t *testing.T) {
	w := newWorld(t, delivery.Options{}, sdk.Options{RelayKeyGrace: time.Hour})
	w.putSegment()
	flags := w.listen("GET", "/all", "", "Authorization", sdkKey, "User-Agent", relayAgent)
	flags.event()
	members := w.listen("GET", "/big-segments", "", "Authorization", sdkKey)
	expired := func(ago time.Duration, version int) {
		w.putEnvironment(func(e *catalog.Environment) {
			e.SDKKey, e.Version, e.ExpiringSDKKeys = "sdk-new", version, []catalog.ExpiringKey{{Key: sdkKey, Expiry: time.Now().Add(-ago)}}
		})
	}
	expired(time.Minute, 2)
	w.putFlag("f", 1)
	if event := flags.event(); !strings.Contains(event, `"/flags/f"`) {
		t.Errorf("the stream of flags went on with %q", event)
	}
	for _, who := range []string{"ann", "bob"} { // the second is written after the first was looked at
		w.push(segment.Include, who)
		members.event()
	}
	fs := w.feed.Followers(envID)
	if len(fs) != 1 || !strings.Contains(fs[0].Error, "expired") || fs[0].Address != "127.0.0.1" {
		t.Errorf("followers %+v", fs)
	}
	expired(2*time.Hour, 3)
	flags.wantEnd()
	members.wantEnd()
}

// A heartbeat looks at the credential of a stream whose connection is its own by then, and must still know who reads it.
func TestAHeartbeatKeepsARelayWithAnExpiredKeyAndNoSDK(t *testing.T) {
	var c clock
	w := newWorldAt(t, c.now, delivery.Options{}, sdk.Options{Heartbeat: 20 * time.Millisecond, RelayKeyGrace: 2 * time.Hour})
	open := map[string]*listener{}
	for _, agent := range []string{"GoClient/7.6.0", relayAgent} {
		l := w.listen("GET", "/all", "", "Authorization", oldKey, "User-Agent", agent)
		l.event()
		open[agent] = l
	}
	c.pass(90 * time.Minute) // the key expired half an hour ago
	open["GoClient/7.6.0"].wantEndAfterBeats()
	for range 3 {
		open[relayAgent].want(":")
	}
	w.putFlag("checkout", 1)
	if event := open[relayAgent].change(); !strings.Contains(event, `"/flags/checkout"`) {
		t.Errorf("the stream of the relay went on with %q", event)
	}
	c.pass(2 * time.Hour) // and so did the grace
	open[relayAgent].wantEndAfterBeats()
}

// wantEndAfterBeats reads heartbeats to the end of the stream.
func (l *listener) wantEndAfterBeats() {
	l.t.Helper()
	for {
		switch event, err := l.next(); {
		case err != nil:
			return
		case event != ":":
			l.t.Fatalf("stream went on with %q", event)
		}
	}
}

func TestAFeedOfMembersEndsWithItsKeyAndOnlyThen(t *testing.T) {
	w := newWorld(t, delivery.Options{}, sdk.Options{RelayKeyGrace: time.Hour})
	w.putSegment()
	cursor, _ := w.catchUp(sdkKey, "", "")
	in := w.listen("GET", "/big-segments", "", "Authorization", sdkKey)
	// The key is rotated, and works on.
	w.putEnvironment(func(e *catalog.Environment) {
		e.SDKKey, e.ExpiringSDKKeys = "sdk-new", []catalog.ExpiringKey{{Key: sdkKey, Expiry: time.Now().Add(time.Hour)}}
	})
	w.push(segment.Include, "ann")
	_, data, _ := strings.Cut(in.event(), "\ndata: ")
	if p := readPatches(t, data); len(p) != 1 || p[0].PreviousVersion != cursor {
		t.Errorf("after a rotation %+v, the relay is at %q", p, cursor)
	}
	// The key is taken away.
	w.putEnvironment(func(e *catalog.Environment) { e.SDKKey, e.Version = "sdk-newest", 3; e.ExpiringSDKKeys = nil })
	in.wantEnd()
	if res, _ := w.ask("GET", "/big-segments", "", "Authorization", sdkKey); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("%s", res.Status)
	}
}

func TestAFeedOfMembersEndsWithADrainAndWithAResync(t *testing.T) {
	w := newWorld(t, delivery.Options{}, sdk.Options{DrainJitter: time.Millisecond})
	w.putSegment()
	w.push(segment.Include, "ann")
	cursor, _ := w.catchUp(sdkKey, "", "")
	in := w.listen("GET", "/big-segments", "", "Authorization", sdkKey)
	w.putEnvironment(func(e *catalog.Environment) { e.Resyncs++ })
	in.wantEnd()
	if _, added := w.catchUp(sdkKey, cursor, "vip.g1"); !slices.Equal(added, []string{segment.HashOf("ann").String()}) {
		t.Errorf("after a resync the relay is told of %v", added)
	}
	in = w.listen("GET", "/big-segments", "", "Authorization", sdkKey)
	w.handler.Drain()
	in.wantEnd()
}

func TestAnArchiveIsWhatALDRelayOfflineReads(t *testing.T) {
	w := newWorld(t, delivery.Options{}, sdk.Options{})
	w.putSegment()
	w.putFlag("f", 1)
	c := &catalog.RelayConfig{
		ID: relayID, Name: "relay", HashedSecret: catalog.HashedSecret{Hash: catalog.HashSecret(relayKey)},
		Policy: []policy.Statement{{Effect: policy.Allow, Actions: []string{"*"}, Resources: []string{"proj/*:env/*"}}},
	}
	w.update(store.Account, func(tx store.Tx) error { tx.PutRelayConfig(c); return nil })
	if res, _ := w.ask("GET", "/relay/latest-all", "", "Authorization", sdkKey); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("an SDK key: %s", res.Status)
	}
	res, body := w.ask("GET", "/relay/latest-all", "", "Authorization", relayKey)
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/gzip" {
		t.Fatalf("%s %v", res.Status, res.Header)
	}
	files, names := untar(t, body)
	sum := md5.New() //nolint:gosec // see above
	slices.Sort(names)
	for _, name := range names {
		sum.Write(files[name])
	}
	if want := []string{string(envID) + "-data.json", string(envID) + ".json"}; !slices.Equal(names, want) || !bytes.Equal(files["checksum.md5"], sum.Sum(nil)) {
		t.Errorf("files %v, checksum %x, want %x", names, files["checksum.md5"], sum.Sum(nil))
	}
	var about struct {
		Env    relayed
		DataID string
	}
	var data struct{ Flags, Segments map[string]json.RawMessage }
	if err := errors.Join(json.Unmarshal(files[string(envID)+".json"], &about), json.Unmarshal(files[string(envID)+"-data.json"], &data)); err != nil {
		t.Fatal(err)
	}
	if about.Env.EnvID != string(envID) || about.Env.SDKKey.Value != sdkKey || about.Env.Version == 0 || about.DataID == "" || data.Flags["f"] == nil || data.Segments["vip"] == nil {
		t.Errorf("about %+v, %d flags, %d segments", about, len(data.Flags), len(data.Segments))
	}
}

// untar returns the files of an archive, and the names of those that the checksum is about.
func untar(t testing.TB, body string) (files map[string][]byte, names []string) {
	t.Helper()
	zip, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	files = map[string][]byte{}
	for in := tar.NewReader(zip); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return files, names
		}
		if err != nil || h.Typeflag != tar.TypeReg {
			t.Fatalf("%v, %+v", err, h)
		}
		if files[h.Name], err = io.ReadAll(in); err != nil {
			t.Fatal(err)
		}
		if h.Name != "checksum.md5" {
			names = append(names, h.Name)
		}
	}
}
