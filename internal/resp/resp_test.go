package resp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"muster/internal/access"
	"muster/internal/catalog"
	"muster/internal/delivery"
	"muster/internal/fault"
	"muster/internal/segment"
	"muster/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	webID   = segment.EnvID("0123456789abcdef01234567")
	otherID = segment.EnvID("fedcba9876543210fedcba98")
	hash    = "CEXjZY7cHJG/ydFy7q4+YEFwVrG3/pkJwA4FAjrbfx0=" // of user-key
	nobody  = "CgQblGLKpKMbrDVn4Lbm/ZEAeH2yq0M9lvbReMq/zpA=" // of user1
)

// environments is the part of a catalog that access asks for SDKs.
type environments struct {
	store.Catalog
	mu   sync.Mutex
	envs map[segment.EnvID]*catalog.Environment
}

func (e *environments) Environment(id segment.EnvID) (*catalog.Environment, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	env, ok := e.envs[id]
	return env, ok
}

func (e *environments) EnvironmentBySDKKey(key string) (*catalog.Environment, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, env := range e.envs {
		if env.SDKKey == key {
			return env, true
		}
	}
	return nil, false
}

func (e *environments) delete(id segment.EnvID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.envs, id)
}

// members is a membership held in maps.
type members struct {
	included, excluded map[segment.EnvID]map[segment.Hash][]segment.Ref
	syncedAt           time.Time
	broken             error
	connected          atomic.Int64
	left               chan struct{} // has an entry for each connection that left
}

func (m *members) Connected(segment.EnvID, string, string) (leave func()) {
	m.connected.Add(1)
	return func() {
		m.connected.Add(-1)
		select {
		case m.left <- struct{}{}:
		default: // nobody waits for so many
		}
	}
}

func (m *members) Refs(env segment.EnvID, h segment.Hash, includedTo, excludedTo []segment.Ref) (included, excluded []segment.Ref, err error) {
	return append(includedTo, m.included[env][h]...), append(excludedTo, m.excluded[env][h]...), m.broken
}

func (m *members) SynchronizedOn(segment.EnvID) (time.Time, bool) {
	return m.syncedAt, !m.syncedAt.IsZero()
}

// Current knows no flags.
func (m *members) Current(_ context.Context, env segment.EnvID, _ catalog.FilterKey) (*delivery.Snapshot, error) {
	return nil, fault.Unavailablef("environment %s can't be read", env)
}

// house is a server with one member in two environments.
type house struct {
	*Server
	envs    *environments
	members *members
}

func build(tb testing.TB) *house {
	tb.Helper()
	h := segment.HashOf("user-key")
	ref := func(key segment.Key, g segment.Generation) segment.Ref { return segment.Ref{Key: key, Generation: g} }
	m := &members{
		included: map[segment.EnvID]map[segment.Hash][]segment.Ref{
			webID:   {h: {ref("vip.gold", 2), ref("new", 1)}},
			otherID: {h: {ref("theirs", 7)}},
		},
		excluded: map[segment.EnvID]map[segment.Hash][]segment.Ref{webID: {h: {ref("beta", 1)}}},
		syncedAt: time.UnixMilli(1767000000123),
		left:     make(chan struct{}, 2),
	}
	envs := &environments{envs: map[segment.EnvID]*catalog.Environment{
		webID:   {ID: webID, SDKKey: "sdk-web"},
		otherID: {ID: otherID, SDKKey: "sdk-other"},
	}}
	return &house{New(m, access.New(envs, time.Now), slog.New(slog.DiscardHandler), 2), envs, m}
}

// wide is a listener that says the whole network can reach it.
type wide struct{ net.Listener }

func (wide) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4zero, Port: 6380} }

// listen serves until the test ends and returns where.
func (h *house) listen(tb testing.TB, loopback bool) string {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	at := ln.Addr().String()
	if !loopback {
		ln = wide{ln}
	}
	done := make(chan error)
	go func() { done <- h.Serve(tb.Context(), ln) }()
	tb.Cleanup(func() {
		if err := <-done; err != nil {
			tb.Error(err)
		}
	})
	return at
}

// client is a Redis client that speaks in raw bytes.
type client struct {
	tb testing.TB
	net.Conn
	in *bufio.Reader
}

func dial(tb testing.TB, at string) *client {
	tb.Helper()
	c, err := net.Dial("tcp", at)
	if err != nil {
		tb.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	tb.Cleanup(func() { _ = c.Close() })
	return &client{tb, c, bufio.NewReader(c)}
}

func (c *client) send(raw string) {
	c.tb.Helper()
	if _, err := c.Write([]byte(raw)); err != nil {
		c.tb.Fatal(err)
	}
}

func (c *client) expect(want string) {
	c.tb.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(c.in, got)
	if err != nil || string(got) != want {
		rest := make([]byte, c.in.Buffered())
		_, _ = c.in.Read(rest)
		c.tb.Fatalf("answered %q, want %q (%v)", string(got[:n])+string(rest), want, err)
	}
}

func (c *client) expectClosed() {
	c.tb.Helper()
	if rest, err := io.ReadAll(c.in); err != nil || len(rest) > 0 {
		c.tb.Fatalf("connection holds %q (%v), want it closed", rest, err)
	}
}

// say sends a command in words and expects the reply.
func (c *client) say(words, want string) {
	c.tb.Helper()
	c.send(encode(strings.Fields(words)...))
	c.expect(want)
}

func encode(args ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(a), a)
	}
	return b.String()
}

const (
	included       = "launchdarkly:big_segment_include:" + hash
	excluded       = "launchdarkly:big_segment_exclude:" + hash
	syncTime       = "launchdarkly:big_segments_synchronized_on"
	twoRefs        = "*2\r\n$11\r\nvip.gold.g2\r\n$6\r\nnew.g1\r\n"
	oneRef         = "*1\r\n$7\r\nbeta.g1\r\n"
	timeReply      = "$13\r\n1767000000123\r\n"
	needsAuth      = "-NOAUTH Authentication required.\r\n"
	wrongTypeReply = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
	wrongPass      = "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
)

func TestStrangers(t *testing.T) {
	tests := []struct{ name, say, want string }{
		{"a query is refused", "SMEMBERS " + included, needsAuth},
		{"a client-side ID is not enough beyond loopback", "SMEMBERS " + string(webID) + ":big_segment_include:" + hash, needsAuth},
		{"even a ping is refused", "PING", needsAuth},
		{"an unknown command is refused", "FROB", needsAuth},
		{"a wrong key is refused", "AUTH sdk-guess", wrongPass},
		{"a client-side ID is no key", "AUTH " + string(webID), wrongPass},
		{"a greeting with a wrong key is refused", "HELLO 3 AUTH default sdk-guess", wrongPass},
		{"a greeting without a key is refused", "HELLO 3", "-NOAUTH HELLO must be called"},
		{"a future protocol is refused", "HELLO 4", "-NOPROTO unsupported protocol version\r\n"},
		{"a protocol that is no number is refused", "HELLO x", "-ERR Protocol version is not an integer or out of range\r\n"},
		{"an unknown option is refused", "HELLO 3 FROB", "-ERR Syntax error in HELLO option 'FROB'\r\n"},
		{"AUTH with three words is refused", "AUTH a b c", "-ERR wrong number of arguments for 'auth' command\r\n"},
		{"leaving is allowed", "QUIT", "+OK\r\n"},
	}
	at := build(t).listen(t, false)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { dial(t, at).say(tt.say, tt.want) })
	}
}

func TestLoopbackPrefix(t *testing.T) {
	tests := []struct{ name, key, want string }{
		{"the bare id", string(webID), twoRefs},
		{"the id inside a prefix", "ld:" + string(webID) + "-x", twoRefs},
		{"the id behind other hexadecimal digits", "ab" + string(webID), twoRefs},
		{"another environment's id", string(otherID), "*1\r\n$9\r\ntheirs.g7\r\n"},
		{"an unknown id", "ffffffffffffffffffffffff", needsAuth},
		{"no id", "launchdarkly", needsAuth},
		{"an empty prefix", "", needsAuth},
	}
	at := build(t).listen(t, true)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dial(t, at).say("SMEMBERS "+tt.key+":big_segment_include:"+hash, tt.want)
		})
	}
}

func TestBoundConnectionSeesItsEnvironmentOnly(t *testing.T) {
	c := dial(t, build(t).listen(t, true))
	c.say("AUTH anyone sdk-web", "+OK\r\n")
	c.say("SMEMBERS "+string(otherID)+":big_segment_include:"+hash, twoRefs)
	c.say("AUTH sdk-other", "+OK\r\n")
	c.say("SMEMBERS "+included, "*1\r\n$9\r\ntheirs.g7\r\n")
	c.say("AUTH sdk-guess", wrongPass)
	c.say("SMEMBERS "+included, "*1\r\n$9\r\ntheirs.g7\r\n")
	c.say("RESET", "+RESET\r\n")
	c.say("SMEMBERS "+included, needsAuth)
}

func TestRevokedKeyStopsWorking(t *testing.T) {
	h := build(t)
	c := dial(t, h.listen(t, false))
	c.say("AUTH sdk-web", "+OK\r\n")
	c.say("GET "+syncTime, timeReply)
	h.envs.delete(webID)
	c.say("GET "+syncTime, needsAuth)
	c.say("PING", needsAuth)
	c.say("AUTH sdk-other", "+OK\r\n")
	c.say("PING", "+PONG\r\n")
}

func TestConnectionsAreCutWhenTheirKeyIsRevoked(t *testing.T) {
	h := build(t)
	at := h.listen(t, false)
	c, other := dial(t, at), dial(t, at)
	c.say("AUTH sdk-web", "+OK\r\n")
	other.say("AUTH sdk-web", "+OK\r\n")
	other.say("AUTH sdk-other", "+OK\r\n")
	if n := h.members.connected.Load(); n != 2 {
		t.Errorf("%d connections are noted", n)
	}
	h.envs.delete(webID)
	if b, err := c.in.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("got %q, %v", b, err)
	}
	other.say("PING", "+PONG\r\n")
	<-h.members.left // of the other one, when it changed its key
	<-h.members.left
	if n := h.members.connected.Load(); n != 1 {
		t.Errorf("%d connections are noted after one was cut", n)
	}
}

func TestRefusedCommandsKeepTheConnection(t *testing.T) {
	readOnly := "-READONLY You can't write against a read only replica.\r\n"
	tests := []struct{ name, say, want string }{
		{"a write", "set a b", readOnly},
		{"a delete", "DEL a", readOnly},
		{"an add to a set", "SADD a b", readOnly},
		{"an unknown command", "FROB a b", "-ERR unknown command 'FROB', with args beginning with: 'a' 'b' \r\n"},
		{"a long unknown command", strings.Repeat("x", 100), "-ERR unknown command '" + strings.Repeat("X", 64) + "', with args beginning with: \r\n"},
		{"too few arguments", "GET", "-ERR wrong number of arguments for 'get' command\r\n"},
		{"too many arguments", "GET a b", "-ERR wrong number of arguments for 'get' command\r\n"},
		{"a database that isn't there", "SELECT 16", "-ERR DB index is out of range\r\n"},
		{"a database that is no number", "SELECT x", "-ERR value is not an integer or out of range\r\n"},
		{"a cluster question", "CLUSTER SLOTS", "-ERR This instance has cluster support disabled\r\n"},
		{"READONLY of a cluster client", "READONLY", "-ERR This instance has cluster support disabled\r\n"},
		{"flags that can't be read", "HGETALL launchdarkly:features", "-ERR flags can't be read at the moment\r\n"},
		{"a set that is asked for as a string", "GET " + included, wrongTypeReply},
		{"a set that is asked for as a hash", "HGETALL " + included, wrongTypeReply},
		{"a string that is asked for as a set", "SMEMBERS " + syncTime, wrongTypeReply},
		{"a hash that is none", "SMEMBERS launchdarkly:big_segment_include:short", "*0\r\n"},
		{"a name with odd bytes", "CLIENT SETNAME \x01", "-ERR Client names cannot contain spaces, newlines or special characters.\r\n"},
	}
	c := dial(t, build(t).listen(t, false))
	c.say("AUTH sdk-web", "+OK\r\n")
	for _, tt := range tests {
		t.Run(tt.name, func(*testing.T) {
			c.say(tt.say, tt.want)
			c.say("PING", "+PONG\r\n")
		})
	}
	c.send(encode("FR\r\nOB", "x\r\n+OK"))
	c.expect("-ERR unknown command 'FR  OB', with args beginning with: 'x  +OK' \r\n")
}

func TestBrokenProtocolEndsTheConnection(t *testing.T) {
	tests := []struct{ name, raw, want string }{
		{"a count that is no number", "*x\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
		{"a count beyond the limit", "*100000\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
		{"a huge count", "*9223372036854775807\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
		{"a huge length", "*1\r\n$9223372036854775807\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
		{"a negative length", "*1\r\n$-1\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
		{"a length beyond the limit", "*1\r\n$1048577\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
		{"arguments that are no bulk strings", "*1\r\n:1\r\n", "-ERR Protocol error: expected '$'\r\n"},
		{"a length that lies", "*1\r\n$2\r\nPING\r\n", "-ERR Protocol error: expected the end of an argument\r\n"},
		{"a line without end", strings.Repeat("x", maxLine), "-ERR Protocol error: too big inline request\r\n"},
	}
	at := build(t).listen(t, true)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := dial(t, at)
			c.send(tt.raw)
			c.expect(tt.want)
		})
	}
}

func TestStrangersAreBoundMoreTightly(t *testing.T) {
	at := build(t).listen(t, false)
	c := dial(t, at)
	c.send("*17\r\n")
	c.expect("-ERR Protocol error: invalid multibulk length\r\n")
	c = dial(t, at)
	c.send("*1\r\n$16385\r\n")
	c.expect("-ERR Protocol error: invalid bulk length\r\n")
}

func TestLargeCommandsAndAnswers(t *testing.T) {
	c := dial(t, build(t).listen(t, true))
	word := strings.Repeat("w", 1<<20-4)
	go func() { _, _ = c.Write([]byte(strings.Repeat(encode("ECHO", word), 3) + encode("PING"))) }()
	for range 3 {
		c.expect(fmt.Sprintf("$%d\r\n%s\r\n", len(word), word))
	}
	c.expect("+PONG\r\n")
}

func TestUnreadableMembership(t *testing.T) {
	h := build(t)
	h.members.broken = errors.New("disk on fire")
	c := dial(t, h.listen(t, false))
	c.say("AUTH sdk-web", "+OK\r\n")
	c.say("SMEMBERS "+included, "-ERR membership can't be read at the moment\r\n")
	c.say("PING", "+PONG\r\n")
}

func TestEnvironmentDeletedUnderneath(t *testing.T) {
	h := build(t)
	h.members.broken = fault.NotFoundf("gone")
	c := dial(t, h.listen(t, false))
	c.say("AUTH sdk-web", "+OK\r\n")
	c.say("SMEMBERS "+included, needsAuth)
	c.say("EXISTS nothing "+included, needsAuth)
}

func TestMGETAnswersOneError(t *testing.T) {
	c := dial(t, build(t).listen(t, true))
	c.say("MGET nothing "+syncTime+" nothing", needsAuth)
	c.say("PING", "+PONG\r\n")
}

func TestUnknownSyncTime(t *testing.T) {
	h := build(t)
	h.members.syncedAt = time.Time{}
	c := dial(t, h.listen(t, false))
	c.say("AUTH sdk-web", "+OK\r\n")
	c.say("GET "+syncTime, "$-1\r\n")
}

func TestTooManyConnections(t *testing.T) {
	h := build(t)
	h.slots = make(chan struct{}, 1)
	at := h.listen(t, true)
	first := dial(t, at)
	first.say("PING", "+PONG\r\n")
	second := dial(t, at)
	second.expect("-ERR max number of clients reached\r\n")
	second.expectClosed()
	if n := h.Connections(); n != 1 {
		t.Errorf("%d connections are counted", n)
	}
	first.say("QUIT", "+OK\r\n")
}

func TestServeEndsWithItsContext(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- build(t).Serve(ctx, ln) }()
	idle, half := dial(t, ln.Addr().String()), dial(t, ln.Addr().String())
	idle.say("PING", "+PONG\r\n")
	half.send(encode("PING") + "*1\r\n$4\r\nPI")
	half.expect("+PONG\r\n")
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
	idle.expectClosed()
	half.expectClosed()
}

func TestServeReportsALostListener(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	if err := build(t).Serve(t.Context(), ln); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve: %v, want net.ErrClosed", err)
	}
}
