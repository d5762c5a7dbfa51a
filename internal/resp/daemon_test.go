package resp

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"

	"muster/internal/access"
	"muster/internal/catalog"
	"muster/internal/delivery"
	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
	"muster/internal/store/pebblestore"
)

const daemonKey = "sdk-11111111-1111-4111-8111-111111111111"

// daemon is a server over the real engine on a file system in memory, with one environment.
type daemon struct {
	t     *testing.T
	store *engine.Engine
	at    string // in the network, where a client needs no password
	wide  string // where it does
}

func newDaemon(t *testing.T) *daemon {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	files, err := pebblestore.Open("data", vfs.NewMem(), log, func(err error) { t.Errorf("disk failed: %v", err) })
	if err != nil {
		t.Fatal(err)
	}
	s, err := engine.Open(t.Context(), files, files, engine.Options{Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	d := delivery.New(s, delivery.Options{Log: log, Patience: time.Minute})
	t.Cleanup(func() {
		d.Close()
		if err := errors.Join(s.Close(), files.Close()); err != nil {
			t.Error(err)
		}
	})
	h := &house{Server: New(d, access.New(s, time.Now), log, 2)}
	it := &daemon{t: t, store: s, at: h.listen(t, true), wide: h.listen(t, false)}
	it.update(store.Account, func(tx store.Tx) {
		tx.PutProject(&catalog.Project{ID: catalog.NewID(), Key: "web", Name: "Web"})
		tx.PutEnvironment(&catalog.Environment{ID: webID, Project: "web", Key: "production", Name: "Production", SDKKey: daemonKey, CreatedAt: time.Now(), Version: 1})
	})
	return it
}

func (d *daemon) update(scope store.Scope, fn func(store.Tx)) {
	d.t.Helper()
	_, err := d.store.Update(d.t.Context(), scope, func(tx store.Tx) error {
		fn(tx)
		return nil
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *daemon) putFlag(key catalog.FlagKey, version int, text string) {
	d.t.Helper()
	none := 0
	d.update(store.Scope{Project: "web"}, func(tx store.Tx) {
		tx.PutFlag(&catalog.Flag{
			Project: "web", Key: key, Version: version, Variations: []catalog.Variation{{ID: catalog.NewUUID(), Value: ldvalue.String(text)}},
			Environments: map[catalog.EnvKey]*catalog.FlagConfig{"production": {On: true, Salt: "salt", Version: version, OffVariation: &none, Fallthrough: catalog.Serve{Variation: &none}}},
		})
	})
}

func (d *daemon) putSegment(key segment.Key) {
	d.t.Helper()
	d.update(store.Scope{Env: webID}, func(tx store.Tx) {
		tx.PutSegment(&catalog.Segment{ID: catalog.NewID(), Env: webID, Key: key, Version: 1, Generation: 1, Salt: "salt", Unbounded: true, Kind: segment.DefaultKind})
	})
}

// read returns the next reply whole, of whatever type.
func (c *client) read() string {
	c.tb.Helper()
	line, err := c.in.ReadString('\n')
	if err != nil {
		c.tb.Fatal(err)
	}
	n := 0
	_, _ = fmt.Sscanf(line[1:], "%d", &n)
	switch line[0] {
	case '%':
		n *= 2
	case '$':
		if n < 0 {
			return line
		}
		text := make([]byte, n+len("\r\n"))
		for at := 0; at < len(text); {
			got, err := c.in.Read(text[at:])
			if err != nil {
				c.tb.Fatal(err)
			}
			at += got
		}
		return string(text[:n])
	case '*', '~':
	default:
		return line
	}
	var all []string
	for range n {
		all = append(all, c.read())
	}
	return strings.Join(all, "\n")
}

func TestDaemonMode(t *testing.T) {
	d := newDaemon(t)
	c := dial(t, d.wide)
	c.say("AUTH "+daemonKey, "+OK\r\n")
	c.say("EXISTS launchdarkly:$inited launchdarkly:features launchdarkly:segments", ":1\r\n")
	c.say("HGETALL launchdarkly:features", "*0\r\n")
	c.say("TYPE launchdarkly:features", "+none\r\n")

	d.putFlag("b-flag", 1, "bee")
	d.putFlag("a-flag", 1, "hello")
	d.putSegment("vip")
	c.say("EXISTS launchdarkly:$inited launchdarkly:features launchdarkly:segments", ":3\r\n")
	c.say("GET launchdarkly:$inited", "$0\r\n\r\n")
	c.say("TYPE launchdarkly:features", "+hash\r\n")
	c.say("HLEN launchdarkly:features", ":2\r\n")
	c.say("HKEYS launchdarkly:features", "*2\r\n$6\r\na-flag\r\n$6\r\nb-flag\r\n")
	c.say("HEXISTS launchdarkly:segments vip", ":1\r\n")
	c.say("HEXISTS launchdarkly:segments gold", ":0\r\n")
	c.say("HGET launchdarkly:features nothing", "$-1\r\n")
	c.say("SMEMBERS launchdarkly:features", wrongTypeReply)

	ask := func(words string) string {
		c.send(encode(strings.Fields(words)...))
		return c.read()
	}
	flag := ask("HGET launchdarkly:features a-flag")
	if !strings.Contains(flag, `"key":"a-flag"`) || !strings.Contains(flag, `"hello"`) || !strings.Contains(flag, `"version":1`) {
		t.Errorf("the flag is %s", flag)
	}
	if got := ask("HMGET launchdarkly:features a-flag nothing"); got != flag+"\n$-1\r\n" {
		t.Errorf("HMGET answered %q", got)
	}
	vip := ask("HGET launchdarkly:segments vip")
	if !strings.Contains(vip, `"unbounded":true`) || !strings.Contains(vip, `"generation":1`) {
		t.Errorf("the segment is %s", vip)
	}
	if got := ask("HGETALL launchdarkly:segments"); got != "vip\n"+vip {
		t.Errorf("HGETALL answered %q", got)
	}

	d.putFlag("a-flag", 2, "bye")
	if changed := ask("HGET other:features a-flag"); !strings.Contains(changed, `"bye"`) {
		t.Errorf("after a change the flag is %s", changed)
	}
	d.update(store.Scope{Project: "web"}, func(tx store.Tx) { tx.DeleteFlag("web", "a-flag") })
	c.say("HGET launchdarkly:features a-flag", "$-1\r\n")
	if got := ask("HGETALL launchdarkly:features"); !strings.HasPrefix(got, "b-flag\n{") || strings.Contains(got, "a-flag") {
		t.Errorf("HGETALL answered %q", got)
	}
	third := dial(t, d.wide)
	third.send(encode("HELLO", "3", "AUTH", "default", daemonKey))
	third.read()
	third.send(encode("HGETALL", "launchdarkly:segments"))
	third.expect("%1\r\n$3\r\nvip\r\n")
}

func TestFlagsNeedTheSDKKeyOnLoopbackToo(t *testing.T) {
	d := newDaemon(t)
	d.putFlag("a-flag", 1, "hello")
	c := dial(t, d.at)
	c.say("SMEMBERS "+string(webID)+":big_segment_include:"+hash, "*0\r\n")
	c.say("HGETALL "+string(webID)+":features", needsAuth)
	c.say("HGET "+string(webID)+":segments vip", needsAuth)
	c.say("EXISTS "+string(webID)+":$inited", needsAuth)
	c.say("AUTH "+daemonKey, "+OK\r\n")
	c.say("EXISTS "+string(webID)+":$inited", ":1\r\n")
}

// An environment of many large flags is sent in pieces: what waits for a client is bounded.
func TestManyFlagsAreNotCollected(t *testing.T) {
	d := newDaemon(t)
	text := strings.Repeat("x", 20<<10)
	for i := range 100 {
		d.putFlag(catalog.FlagKey(fmt.Sprintf("flag-%02d", i)), 1, text)
	}
	s := &script{in: strings.NewReader(encode("AUTH", daemonKey) + encode("HGETALL", "launchdarkly:features"))}
	c := newConn(New(delivery.New(d.store, delivery.Options{}), access.New(d.store, time.Now), slog.New(slog.DiscardHandler), 2), s, false)
	t.Cleanup(func() { c.server.source.(*delivery.Delivery).Close() })
	c.serve(t.Context())
	if got := strings.Count(s.out.String(), text); got != 100 {
		t.Errorf("%d flags were sent, want 100", got)
	}
	if s.largest > flushBytes+64<<10 {
		t.Errorf("%d bytes were collected before anything was sent", s.largest)
	}
}
