package delivery

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"muster/internal/segment"
)

// stateAt is what SDKs are told to be their state at a revision.
func stateAt(rev int) string { return fmt.Sprintf("(p:%s:0700000000000000:%d)", env, rev) }

func intent(rev int, code, reason string) string {
	return fmt.Sprintf("event: server-intent\ndata: {\"payloads\":[{\"id\":\"p:%s:0700000000000000\",\"target\":%d,\"intentCode\":%q,\"reason\":%q}]}\n\n", env, rev, code, reason)
}

func put(kind, key string, version int, object []byte) string {
	return fmt.Sprintf("event: put-object\ndata: {\"kind\":%q,\"key\":%q,\"version\":%d,\"object\":%s}\n\n", kind, key, version, object)
}

func drop(kind, key string, version int) string {
	return fmt.Sprintf("event: delete-object\ndata: {\"kind\":%q,\"key\":%q,\"version\":%d}\n\n", kind, key, version)
}

func transferredTo(rev int) string {
	return fmt.Sprintf("event: payload-transferred\ndata: {\"state\":%q,\"version\":%d}\n\n", stateAt(rev), rev)
}

func TestAStreamOfTheSecondProtocol(t *testing.T) {
	l := newMemoryLog()
	vipSegment, flag := bigSegment(t, "vip"), bigFlag(t, "checkout", 1, "vip")
	l.commit(define(vipSegment, flag))
	d := open(t, l, Options{})
	s, err := d.SubscribeSince(t.Context(), env, "", "")
	if err != nil {
		t.Fatal(err)
	}
	want := intent(1, "xfer-full", "payload-missing") + put("segment", "vip", 1, vipSegment.JSON) + put("flag", "checkout", 1, flag.JSON) + transferredTo(1)
	if diff := cmp.Diff(want, text(t, s)); diff != "" {
		t.Error(diff)
	}
	l.commit(segment.Entry{}, include(vip, "u1")) // sends nothing
	other, changed := bigSegment(t, "other"), bigFlag(t, "checkout", 2, "other")
	l.commit(define(other, changed))
	want = put("segment", "other", 1, other.JSON) + put("flag", "checkout", 2, changed.JSON) + transferredTo(3)
	if diff := cmp.Diff(want, text(t, s)); diff != "" {
		t.Error(diff)
	}
	l.commit(define(deleted(segment.FlagDefinition, "checkout", 3)))
	if diff := cmp.Diff(drop("flag", "checkout", 3)+transferredTo(4), text(t, s)); diff != "" {
		t.Error(diff)
	}
}

// TestWhatABasisLacks asks with each basis for what changed since, by stream and by poll.
func TestWhatABasisLacks(t *testing.T) {
	l := newMemoryLog()
	l.commit(define(boolFlag(t, "old", 1, true)))
	d := open(t, l, Options{})
	if _, err := d.Current(t.Context(), env, ""); err != nil { // what is followed begins at revision 1
		t.Fatal(err)
	}
	first, second, vipSegment := boolFlag(t, "checkout", 1, true), boolFlag(t, "checkout", 2, false), bigSegment(t, "vip")
	l.commit(define(first))
	l.commit(define(deleted(segment.FlagDefinition, "old", 2)))
	l.commit(segment.Entry{}, include(vip, "u1"))
	l.commit(define(second))
	l.commit(define(vipSegment))
	full := intent(6, "xfer-full", "payload-missing") + put("segment", "vip", 1, vipSegment.JSON) + put("flag", "checkout", 2, second.JSON) + transferredTo(6)
	changes := intent(6, "xfer-changes", "stale")
	for basis, want := range map[string]string{
		"":          full,
		stateAt(6):  intent(6, "none", "up-to-date"),
		stateAt(5):  changes + put("segment", "vip", 1, vipSegment.JSON) + transferredTo(6),
		stateAt(4):  changes + put("segment", "vip", 1, vipSegment.JSON) + put("flag", "checkout", 2, second.JSON) + transferredTo(6),
		stateAt(1):  changes + put("segment", "vip", 1, vipSegment.JSON) + drop("flag", "old", 2) + put("flag", "checkout", 2, second.JSON) + transferredTo(6),
		stateAt(0):  full, // before what is followed
		stateAt(7):  full, // never was
		"(p:x:1)":   full,
		"(p::)":     full,
		"\"}\n\nno": full,
		strings.Replace(stateAt(6), "07", "08", 1): full, // another history
	} {
		s, err := d.SubscribeSince(t.Context(), env, "", basis)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, text(t, s)); diff != "" {
			t.Errorf("stream since %s: %s", basis, diff)
		}
		snapshot, err := d.Current(t.Context(), env, "")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, asStream(t, bytes.Join(snapshot.Transfer(basis).JSON, nil))); diff != "" {
			t.Errorf("poll since %s: %s", basis, diff)
		}
	}
}

// asStream puts the answer to a poll into the frame of a stream.
func asStream(t *testing.T, body []byte) string {
	t.Helper()
	var answer struct {
		Events []struct {
			Event string          `json:"event"`
			Data  json.RawMessage `json:"data"`
		} `json:"events"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	var b strings.Builder
	for _, e := range answer.Events {
		fmt.Fprintf(&b, "event: %s\ndata: %s\n\n", e.Event, e.Data)
	}
	return b.String()
}

func TestABasisThatIsTooOldGetsEverything(t *testing.T) {
	l := newMemoryLog()
	d := open(t, l, Options{})
	snapshot, err := d.Current(t.Context(), env, "")
	if err != nil {
		t.Fatal(err)
	}
	began := snapshot.State()
	for version := range maxRecent {
		l.commit(define(boolFlag(t, "checkout", version+1, true)))
	}
	isFull := func() bool {
		t.Helper()
		if snapshot, err = d.Current(t.Context(), env, ""); err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(bytes.Join(snapshot.Transfer(began).JSON, nil)), "xfer-full")
	}
	if isFull() {
		t.Errorf("%d changes are too many", maxRecent)
	}
	l.commit(define(boolFlag(t, "checkout", maxRecent+1, true)))
	if !isFull() {
		t.Errorf("%d changes are not too many", maxRecent+1)
	}
}

func TestATrimmedLogTransfersEverything(t *testing.T) {
	l := newMemoryLog()
	l.commit(define(boolFlag(t, "checkout", 1, true)))
	d := open(t, l, Options{})
	s, err := d.SubscribeSince(t.Context(), env, "", "")
	if err != nil {
		t.Fatal(err)
	}
	text(t, s)
	l.fail(errors.New("unreadable"))
	changed := boolFlag(t, "checkout", 2, false)
	l.commit(define(changed))
	l.trim() // before anybody could read what changed
	l.fail(nil)
	want := intent(2, "xfer-full", "payload-missing") + put("flag", "checkout", 2, changed.JSON) + transferredTo(2)
	if diff := cmp.Diff(want, text(t, s)); diff != "" {
		t.Error(diff)
	}
}

// An SDK that streams, polls, is cut at random and comes back with its state holds what the store
// holds, also when the server began anew meanwhile.
func TestTransfersConverge(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := newMemoryLog()
		o := Options{Log: quiet(), Patience: patient, WindowEvents: rapid.IntRange(1, 8).Draw(rt, "window")}
		sdk := &transferSDK{serverSDK: serverSDK{t: rt, d: New(l, o)}}
		defer func() { sdk.d.Close() }()
		versions := map[dependency]int{}
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			switch rapid.IntRange(0, 8).Draw(rt, "step") {
			case 0:
				sdk.stream = nil
			case 1:
				sdk.read()
			case 2:
				sdk.poll()
			case 3:
				sdk.d.Close()
				sdk.d, sdk.stream = New(l, o), nil
			case 4:
				l.commit(segment.Entry{}, include(vip, "u1"))
			default:
				l.commit(randomDefinitions(rt, t, versions))
			}
		}
		sdk.poll()
		sdk.wantAll(l)
	})
}

// transferSDK keeps the rules by which SDKs apply transfers.
type transferSDK struct {
	serverSDK
	state   string
	intent  string
	waiting []transferEvent
}

type transferEvent struct {
	Event string `json:"event"`
	Data  struct {
		Kind, Key, State string
		Version          int
		Object           json.RawMessage
		Payloads         []struct{ IntentCode string }
	} `json:"data"`
}

// read takes one message of a stream, if there is one; it connects with its state when it has none.
func (s *transferSDK) read() {
	if s.stream == nil {
		var err error
		if s.stream, err = s.d.SubscribeSince(s.t.Context(), env, "", s.state); err != nil {
			s.t.Fatal(err)
		}
		s.intent = ""
	}
	m, err := s.stream.Next()
	if errors.Is(err, ErrSlow) {
		s.stream = nil
		return
	}
	if err != nil {
		s.t.Fatal(err)
	}
	for text := range strings.SplitSeq(strings.TrimSuffix(string(m.Bytes), "\n\n"), "\n\n") {
		if text == "" {
			continue
		}
		var e transferEvent
		head, data, _ := strings.Cut(text, "\ndata: ")
		e.Event = strings.TrimPrefix(head, "event: ")
		if err := json.Unmarshal([]byte(data), &e.Data); err != nil {
			s.t.Fatalf("%s: %v", text, err)
		}
		s.take(e)
	}
}

// poll asks once, with its state.
func (s *transferSDK) poll() {
	snapshot, err := s.d.Current(s.t.Context(), env, "")
	if err != nil {
		s.t.Fatal(err)
	}
	var answer struct{ Events []transferEvent }
	if err := json.Unmarshal(bytes.Join(snapshot.Transfer(s.state).JSON, nil), &answer); err != nil {
		s.t.Fatal(err)
	}
	s.stream, s.intent = nil, "" // one of both at a time
	for _, e := range answer.Events {
		s.take(e)
	}
	if s.state != snapshot.State() {
		s.t.Fatalf("after a poll the state is %s, that of the server %s", s.state, snapshot.State())
	}
}

func (s *transferSDK) take(e transferEvent) {
	switch e.Event {
	case "server-intent":
		s.intent, s.waiting = e.Data.Payloads[0].IntentCode, nil
		if s.intent == "none" {
			s.intent = "xfer-changes"
		}
	case "put-object", "delete-object":
		if s.intent == "" {
			s.t.Fatalf("%v before any intent", e)
		}
		s.waiting = append(s.waiting, e)
	case "payload-transferred":
		if s.intent == "xfer-full" {
			s.items, s.last = map[string]json.RawMessage{}, map[string]int{}
		}
		for _, change := range s.waiting {
			s.change(change)
		}
		s.state, s.intent, s.waiting = e.Data.State, "xfer-changes", nil
	default:
		s.t.Fatalf("unknown event %s", e.Event)
	}
}

func (s *transferSDK) change(e transferEvent) {
	path := "/" + e.Data.Kind + "s/" + e.Data.Key
	if e.Data.Version <= s.last[path] {
		s.t.Fatalf("version of %s went from %d to %d", path, s.last[path], e.Data.Version)
	}
	s.last[path] = e.Data.Version
	if e.Event == "delete-object" {
		delete(s.items, path)
	} else {
		s.items[path] = e.Data.Object
	}
}
