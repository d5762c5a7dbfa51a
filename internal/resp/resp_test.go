package resp

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"muster/internal/access"
	"muster/internal/catalog"
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
}

func (m *members) Refs(env segment.EnvID, h segment.Hash) (included, excluded []segment.Ref, err error) {
	return m.included[env][h], m.excluded[env][h], m.broken
}

func (m *members) SynchronizedOn(segment.EnvID) (time.Time, bool) {
	return m.syncedAt, !m.syncedAt.IsZero()
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
	}
	envs := &environments{envs: map[segment.EnvID]*catalog.Environment{
		webID:   {ID: webID, SDKKey: "sdk-web"},
		otherID: {ID: otherID, SDKKey: "sdk-other"},
	}}
	return &house{New(m, access.New(envs, time.Now), slog.New(slog.DiscardHandler)), envs, m}
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
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
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
	included  = "launchdarkly:big_segment_include:" + hash
	excluded  = "launchdarkly:big_segment_exclude:" + hash
	syncTime  = "launchdarkly:big_segments_synchronized_on"
	twoRefs   = "*2\r\n$11\r\nvip.gold.g2\r\n$6\r\nnew.g1\r\n"
	oneRef    = "*1\r\n$7\r\nbeta.g1\r\n"
	timeReply = "$13\r\n1767000000123\r\n"
	needsAuth = "-NOAUTH Authentication required.\r\n"
	wrongPass = "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
)

func TestRedigo(t *testing.T) {
	c := dial(t, build(t).listen(t, false))
	c.say("AUTH sdk-web", "+OK\r\n")
	c.say("SELECT 1", "+OK\r\n")
	for range 2 { // a pooled connection is tried before it is used again
		c.say("PING", "+PONG\r\n")
		c.say("SMEMBERS "+included, twoRefs)
		c.say("SMEMBERS "+excluded, oneRef)
		c.say("SMEMBERS launchdarkly:big_segment_include:"+nobody, "*0\r\n")
		c.say("GET "+syncTime, timeReply)
	}
}

func TestIORedis5(t *testing.T) {
	c := dial(t, build(t).listen(t, false))
	c.send(encode("auth", "default", "sdk-web") + encode("select", "3") +
		encode("client", "SETINFO", "LIB-NAME", "ioredis") + encode("client", "SETINFO", "LIB-VER", "5.3.2") + encode("info"))
	c.expect("+OK\r\n+OK\r\n+OK\r\n+OK\r\n$")
	c.expect(fmt.Sprintf("%d\r\n", len(infoText())) + infoText() + "\r\n")
	c.send(encode("smembers", included) + encode("smembers", excluded) + encode("get", syncTime))
	c.expect(twoRefs + oneRef + timeReply)
	c.say("quit", "+OK\r\n")
	c.expectClosed()
}

func infoText() string {
	return "# Server\r\nredis_version:7.2.0\r\nredis_mode:standalone\r\n\r\n# Persistence\r\nloading:0\r\n\r\n" +
		"# Replication\r\nrole:master\r\nconnected_slaves:0\r\n\r\n# Cluster\r\ncluster_enabled:0\r\n"
}

func TestNodeRedisRESP3(t *testing.T) {
	c := dial(t, build(t).listen(t, false))
	c.send(encode("HELLO", "3", "AUTH", "default", "sdk-web", "SETNAME", "app") + encode("SELECT", "0") +
		encode("CLIENT", "SETINFO", "LIB-VER", "6.0.0") + encode("CLIENT", "SETINFO", "LIB-NAME", "node-redis") +
		encode("CLIENT", "MAINT_NOTIFICATIONS", "ON", "moving-endpoint-type", "external-ip"))
	c.expect("%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.2.0\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n" +
		"$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n")
	c.expect("+OK\r\n+OK\r\n+OK\r\n-ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP.\r\n")
	c.say("SMEMBERS "+included, "~2"+twoRefs[2:])
	c.say("SMEMBERS launchdarkly:big_segment_include:"+nobody, "~0\r\n")
	c.say("GET "+syncTime, timeReply)
	c.say("GET nothing", "_\r\n")
	c.say("CLIENT GETNAME", "$3\r\napp\r\n")
	c.say("CONFIG GET databases", "%1\r\n$9\r\ndatabases\r\n$2\r\n16\r\n")
	c.say("SUBSCRIBE a", ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n")
	c.say("GET "+syncTime, timeReply)
	c.say("HELLO 2", "*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.2.0\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:1\r\n"+
		"$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n")
}

func TestStackExchangeRedis(t *testing.T) {
	at := build(t).listen(t, false)
	nonce := "\x00\xff\r\n*3$\x80abcdefgh"
	queries := dial(t, at)
	queries.send(encode("AUTH", "sdk-web") + encode("CLIENT", "SETNAME", "host(SE.Redis-v2.8)") +
		encode("CLIENT", "SETINFO", "lib-name", "SE.Redis") + encode("CLIENT", "ID") +
		encode("CONFIG", "GET", "timeout") + encode("CONFIG", "GET", "replica-read-only") + encode("CONFIG", "GET", "databases") +
		encode("SENTINEL", "MASTERS") + encode("INFO", "replication") + encode("CLUSTER", "NODES") +
		encode("ECHO", nonce) + encode("GET", "__Booksleeve_TieBreak"))
	replication := "# Replication\r\nrole:master\r\nconnected_slaves:0\r\n"
	queries.expect("+OK\r\n+OK\r\n+OK\r\n:1\r\n*0\r\n*0\r\n*2\r\n$9\r\ndatabases\r\n$2\r\n16\r\n" +
		"-ERR unknown command 'SENTINEL', with args beginning with: 'MASTERS' \r\n" +
		fmt.Sprintf("$%d\r\n%s\r\n", len(replication), replication) +
		"-ERR This instance has cluster support disabled\r\n" +
		fmt.Sprintf("$%d\r\n%s\r\n", len(nonce), nonce) + "$-1\r\n")
	queries.say("SMEMBERS "+included, twoRefs)

	messages := dial(t, at)
	messages.say("AUTH sdk-web", "+OK\r\n")
	messages.say("SUBSCRIBE __Booksleeve_MasterChanged", "*3\r\n$9\r\nsubscribe\r\n$26\r\n__Booksleeve_MasterChanged\r\n:1\r\n")
	messages.say("PING", "*2\r\n$4\r\npong\r\n$0\r\n\r\n")
	messages.say("GET x", "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context\r\n")
	messages.say("UNSUBSCRIBE", "*3\r\n$11\r\nunsubscribe\r\n$26\r\n__Booksleeve_MasterChanged\r\n:0\r\n")
	messages.say("PING", "+PONG\r\n")
}

func TestRedisCLI(t *testing.T) {
	c := dial(t, build(t).listen(t, true))
	own := strings.Replace(included, "launchdarkly", string(webID), 1)
	c.say("COMMAND DOCS", "*0\r\n")
	c.say("SMEMBERS "+own, twoRefs)
	c.say("SCARD "+own, ":2\r\n")
	c.say("SISMEMBER "+own+" vip.gold.g2", ":1\r\n")
	c.say("SISMEMBER "+own+" vip.gold.g3", ":0\r\n")
	c.say("EXISTS "+own+" nothing "+own, ":2\r\n")
	c.say("TYPE "+own, "+set\r\n")
	c.say("TTL "+own, ":-1\r\n")
	c.say("TTL nothing", ":-2\r\n")
	c.say("TYPE nothing", "+none\r\n")
	c.say("TYPE "+string(webID)+":big_segments_synchronized_on", "+string\r\n")
	c.say("MGET "+string(webID)+":big_segments_synchronized_on nothing", "*2\r\n"+timeReply+"$-1\r\n")
	c.send("PING\r\n  echo   hi \n\r\n")
	c.expect("+PONG\r\n$2\r\nhi\r\n")
}

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
		{"a hash of daemon mode", "HGETALL launchdarkly:features", "-ERR unknown command 'HGETALL', with args beginning with: 'launchdarkly:features' \r\n"},
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
		{"a line without end", strings.Repeat("x", readBufferBytes), "-ERR Protocol error: too big inline request\r\n"},
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

func FuzzConversation(f *testing.F) {
	for _, seed := range []string{
		encode("PING"), encode("HELLO", "3", "AUTH", "default", "sdk-web") + encode("SMEMBERS", included),
		encode("auth", "sdk-web") + encode("MGET", syncTime, included, "x"), "PING\r\n", "*0\r\n", "*-1\r\n", "*1\r\n$0\r\n\r\n",
		"*1\r\n$9223372036854775807\r\n", encode("SUBSCRIBE", "a", "b") + encode("PING") + encode("UNSUBSCRIBE", "a"),
		encode("SMEMBERS", string(webID)+":big_segment_exclude:"+hash), encode("INFO", "\xff"), "*2\r\n$4\r\nECHO\r\n",
	} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	h := build(f)
	f.Fuzz(func(t *testing.T, raw []byte, trusted bool) {
		s := &script{in: bytes.NewReader(raw)}
		newConn(h.Server, s, trusted).serve(t.Context())
		checkReplies(t, s.out.String())
		if !trusted && !bytes.Contains(raw, []byte("sdk-")) && strings.Contains(s.out.String(), "vip.gold.g2") {
			t.Fatalf("a stranger read membership: %q", raw)
		}
	})
}

// checkReplies fails unless out is a run of whole replies.
func checkReplies(t *testing.T, out string) {
	for rest := out; rest != ""; {
		line, after, ok := strings.Cut(rest, "\r\n")
		if !ok {
			t.Fatalf("reply without end in %q", out)
		}
		rest = after
		var n int
		switch line[0] {
		case '+', '-', ':', '_', '*', '%', '~', '>':
		case '$':
			if _, err := fmt.Sscanf(line, "$%d", &n); err != nil || n >= 0 && (len(rest) < n+2 || rest[n:n+2] != "\r\n") {
				t.Fatalf("bulk reply with a wrong length in %q", out)
			}
			if n >= 0 {
				rest = rest[n+2:]
			}
		default:
			t.Fatalf("reply %q of an unknown type in %q", line, out)
		}
	}
}

// script is a client that says what it has to say and leaves.
type script struct {
	net.Conn
	in  io.Reader
	out bytes.Buffer
}

func (s *script) Read(p []byte) (int, error)       { return s.in.Read(p) }
func (s *script) Write(p []byte) (int, error)      { return s.out.Write(p) }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }
func (s *script) Close() error                     { return nil }

func FuzzKey(f *testing.F) {
	for _, seed := range []string{included, excluded, syncTime, ":big_segment_include:" + hash, "", "a:big_segment_include:short"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k := parseKey(text)
		back := map[keyKind]string{
			includedKey: k.prefix + includeMark + k.hash.String(),
			excludedKey: k.prefix + excludeMark + k.hash.String(),
			syncTimeKey: k.prefix + syncTimeMark,
			otherKey:    text,
		}[k.kind]
		if back != text {
			t.Fatalf("%q was read as %+v", text, k)
		}
	})
}

// BenchmarkSMEMBERS asks for 20 refs, first without a network, then over one TCP connection in
// pipelines of 100.
func BenchmarkSMEMBERS(b *testing.B) {
	h := build(b)
	user := segment.HashOf("user-key")
	refs := make([]segment.Ref, 20)
	for i := range refs {
		refs[i] = segment.Ref{Key: segment.Key(fmt.Sprintf("segment-%02d", i)), Generation: 1}
	}
	h.members.included[webID][user] = refs
	one := encode("SMEMBERS", included)

	b.Run("execute", func(b *testing.B) {
		c := newConn(h.Server, &script{}, false)
		c.authenticate([]byte("sdk-web"))
		args := [][]byte{[]byte("SMEMBERS"), []byte(included)}
		b.ReportAllocs()
		for b.Loop() {
			c.execute(args)
			c.out = c.out[:0]
		}
	})
	b.Run("pipeline", func(b *testing.B) {
		const depth = 100
		c := dial(b, h.listen(b, false))
		_ = c.SetDeadline(time.Time{})
		c.say("AUTH sdk-web", "+OK\r\n")
		var r reply
		r.refs(refs)
		answers := make([]byte, depth*len(r.out))
		batch := strings.Repeat(one, depth)
		b.ReportAllocs()
		for b.Loop() {
			c.send(batch)
			if _, err := io.ReadFull(c.in, answers); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*depth), "ns/command")
	})
}
