package resp

import (
	"fmt"
	"strings"
	"testing"
)

// greeting is the reply to HELLO of the first client of a server.
func greeting(version int) string {
	head := "*14"
	if version == 3 {
		head = "%7"
	}
	return fmt.Sprintf("%s\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.2.0\r\n$5\r\nproto\r\n:%d\r\n$2\r\nid\r\n:1\r\n"+
		"$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n", head, version)
}

func bulk(text string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text) }

const (
	maintenance    = "-ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP.\r\n"
	noCluster      = "-ERR This instance has cluster support disabled\r\n"
	noSentinel     = "-ERR unknown command 'SENTINEL', with args beginning with: 'MASTERS' \r\n"
	aboutServer    = "# Server\r\nredis_version:7.2.0\r\nredis_mode:standalone\r\n"
	aboutPersisted = "# Persistence\r\nloading:0\r\n"
	aboutReplicas  = "# Replication\r\nrole:master\r\nconnected_slaves:0\r\n"
	aboutCluster   = "# Cluster\r\ncluster_enabled:0\r\n"
)

// turn is what a client sends before it reads, and what it is answered.
type turn struct{ send, want string }

// reads is how every client reads membership once it is connected.
func reads(version int) turn {
	included3, nobody3, excluded3 := twoRefs, "*0\r\n", oneRef
	if version == 3 {
		included3, nobody3, excluded3 = "~"+twoRefs[1:], "~0\r\n", "~"+oneRef[1:]
	}
	return turn{
		encode("SMEMBERS", included) + encode("SMEMBERS", excluded) + encode("SMEMBERS", "launchdarkly:big_segment_include:"+nobody) + encode("GET", syncTime),
		included3 + excluded3 + nobody3 + timeReply,
	}
}

// TestHandshakes says to the server what clients say, byte for byte, as their sources have it.
func TestHandshakes(t *testing.T) {
	set := func(name, value string) string { return encode("CLIENT", "SETINFO", name, value) }
	nonce := "\x00\xff\r\n*3$\x80abcdefgh" // the tracer of StackExchange.Redis: sixteen random bytes
	tests := []struct {
		name  string
		turns []turn
	}{
		{"redigo 1.9, a pooled connection that is tried before each use", []turn{
			{encode("AUTH", "sdk-web"), "+OK\r\n"},
			{encode("SELECT", "1"), "+OK\r\n"},
			{encode("PING"), "+PONG\r\n"},
			reads(2),
			{encode("PING"), "+PONG\r\n"},
			reads(2),
		}},
		{"go-redis 9", []turn{
			{encode("hello", "3", "auth", "default", "sdk-web"), greeting(3)},
			{encode("select", "2") + encode("client", "maint_notifications", "on", "moving-endpoint-type", "external-ip"), "+OK\r\n" + maintenance},
			{encode("client", "setinfo", "LIB-NAME", "go-redis(,go1.26.8)") + encode("client", "setinfo", "LIB-VER", "9.23.0"), "+OK\r\n+OK\r\n"},
			reads(3),
		}},
		{"ioredis 5", []turn{
			{
				encode("auth", "default", "sdk-web") + encode("select", "3") + encode("client", "SETINFO", "LIB-NAME", "ioredis") +
					encode("client", "SETINFO", "LIB-VER", "5.11.1") + encode("info"),
				"+OK\r\n+OK\r\n+OK\r\n+OK\r\n" + bulk(aboutServer+"\r\n"+aboutPersisted+"\r\n"+aboutReplicas+"\r\n"+aboutCluster),
			},
			reads(2),
			{encode("quit"), "+OK\r\n"},
		}},
		{"ioredis 6", []turn{
			{
				encode("hello", "3", "AUTH", "default", "sdk-web") + encode("client", "SETINFO", "LIB-NAME", "ioredis") +
					encode("client", "SETINFO", "LIB-VER", "6.0.0") + encode("info"),
				greeting(3) + "+OK\r\n+OK\r\n" + bulk(aboutServer+"\r\n"+aboutPersisted+"\r\n"+aboutReplicas+"\r\n"+aboutCluster),
			},
			reads(3),
		}},
		{"node-redis 6", []turn{
			{
				encode("HELLO", "3", "AUTH", "default", "sdk-web", "SETNAME", "app") + encode("SELECT", "0") + set("LIB-VER", "6.3.1") +
					set("LIB-NAME", "node-redis") + encode("CLIENT", "MAINT_NOTIFICATIONS", "ON", "moving-endpoint-type", "external-ip"),
				greeting(3) + "+OK\r\n+OK\r\n+OK\r\n" + maintenance,
			},
			reads(3),
			{encode("GET", "nothing") + encode("CLIENT", "GETNAME"), "_\r\n$3\r\napp\r\n"},
		}},
		{"redis-py 4, which knows no SETINFO", []turn{
			{encode("AUTH", "sdk-web"), "+OK\r\n"},
			reads(2),
		}},
		{"redis-py from 8 on, third protocol", []turn{
			{encode("HELLO", "3", "AUTH", "default", "sdk-web"), greeting(3)},
			{encode("CLIENT", "MAINT_NOTIFICATIONS", "ON", "moving-endpoint-type", "none"), maintenance},
			{set("LIB-NAME", "redis-py"), "+OK\r\n"},
			{set("LIB-VER", "8.0.0"), "+OK\r\n"},
			{encode("SELECT", "1"), "+OK\r\n"},
			reads(3),
			{encode("PING"), "+PONG\r\n"},
		}},
		{"redis-rb 4", []turn{
			{encode("auth", "sdk-web"), "+OK\r\n"},
			reads(2),
		}},
		{"redis-client, which is redis-rb 5", []turn{
			{
				encode("HELLO", "3", "AUTH", "default", "sdk-web") + encode("SELECT", "1") + set("LIB-NAME", "redis-client(redis-rb_v5.4.1)") + set("LIB-VER", "0.28.0"),
				greeting(3) + "+OK\r\n+OK\r\n+OK\r\n",
			},
			reads(3),
		}},
		{"phpredis 5", []turn{
			{encode("AUTH", "sdk-web"), "+OK\r\n"},
			reads(2),
		}},
		{"predis 3", []turn{
			{encode("HELLO", "2", "AUTH", "default", "sdk-web", "SETNAME", "predis"), greeting(2)},
			{set("LIB-NAME", "predis"), "+OK\r\n"},
			{set("LIB-VER", "3.0.0"), "+OK\r\n"},
			reads(2),
		}},
		{"jedis 4 and 5, the pool of the Java SDK", []turn{
			{encode("AUTH", "sdk-web"), "+OK\r\n"},
			{set("LIB-NAME", "jedis") + set("LIB-VER", "5.1.0"), "+OK\r\n+OK\r\n"},
			{encode("SELECT", "1"), "+OK\r\n"},
			{encode("PING"), "+PONG\r\n"},
			reads(2),
		}},
		{"jedis that settles the protocol by itself", []turn{
			{encode("HELLO", "3", "AUTH", "default", "sdk-web"), greeting(3)},
			{encode("CLIENT", "SETNAME", "app") + set("LIB-NAME", "jedis") + set("LIB-VER", "7.5.0"), "+OK\r\n+OK\r\n+OK\r\n"},
			reads(3),
		}},
		{"StackExchange.Redis 2, for queries", []turn{
			{
				encode("AUTH", "sdk-web") + encode("CLIENT", "SETNAME", "host(SE.Redis-v2.8.16)") + set("lib-name", "SE.Redis") + set("lib-ver", "2.8.16") +
					encode("CLIENT", "ID") + encode("CONFIG", "GET", "timeout") + encode("CONFIG", "GET", "slave-read-only") + encode("CONFIG", "GET", "databases") +
					encode("SENTINEL", "MASTERS") + encode("INFO", "replication") + encode("INFO", "server") + encode("CLUSTER", "NODES") +
					encode("GET", "__Booksleeve_TieBreak") + encode("ECHO", nonce),
				"+OK\r\n+OK\r\n+OK\r\n+OK\r\n:1\r\n*0\r\n*0\r\n*2\r\n$9\r\ndatabases\r\n$2\r\n16\r\n" + noSentinel + bulk(aboutReplicas) + bulk(aboutServer) +
					noCluster + "$-1\r\n" + bulk(nonce),
			},
			reads(2),
			{encode("PING"), "+PONG\r\n"},
		}},
		{"StackExchange.Redis 2, for messages", []turn{
			{
				encode("AUTH", "sdk-web") + encode("CLIENT", "SETNAME", "host(SE.Redis-v2.8.16)") + encode("CLIENT", "ID") + encode("ECHO", nonce) +
					encode("SUBSCRIBE", "__Booksleeve_MasterChanged"),
				"+OK\r\n+OK\r\n:1\r\n" + bulk(nonce) + "*3\r\n$9\r\nsubscribe\r\n$26\r\n__Booksleeve_MasterChanged\r\n:1\r\n",
			},
			{encode("PING"), "*2\r\n$4\r\npong\r\n$0\r\n\r\n"},
			{
				encode("GET", "x"),
				"-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context\r\n",
			},
			{encode("UNSUBSCRIBE"), "*3\r\n$11\r\nunsubscribe\r\n$26\r\n__Booksleeve_MasterChanged\r\n:0\r\n"},
			{encode("PING"), "+PONG\r\n"},
		}},
		{"StackExchange.Redis in the third protocol, one connection for both", []turn{
			{
				encode("AUTH", "default", "sdk-web") + encode("HELLO", "3") + encode("CLIENT", "SETNAME", "host(SE.Redis-v3.0.0)") + set("lib-name", "SE.Redis") +
					set("lib-ver", "3.0.0") + encode("CLIENT", "ID") + encode("CONFIG", "GET", "timeout") + encode("CONFIG", "GET", "replica-read-only") +
					encode("CONFIG", "GET", "databases") + encode("SENTINEL", "MASTERS") + encode("INFO", "replication") + encode("INFO", "server") +
					encode("CLUSTER", "NODES") + encode("GET", "__Booksleeve_TieBreak") + encode("ECHO", nonce) + encode("SUBSCRIBE", "__Booksleeve_MasterChanged"),
				"+OK\r\n" + greeting(3) + "+OK\r\n+OK\r\n+OK\r\n:1\r\n%0\r\n%0\r\n%1\r\n$9\r\ndatabases\r\n$2\r\n16\r\n" + noSentinel + bulk(aboutReplicas) +
					bulk(aboutServer) + noCluster + "_\r\n" + bulk(nonce) + ">3\r\n$9\r\nsubscribe\r\n$26\r\n__Booksleeve_MasterChanged\r\n:1\r\n",
			},
			reads(3),
		}},
		{"hiredis under redis++", []turn{
			{encode("AUTH", "default", "sdk-web"), "+OK\r\n"},
			{encode("SELECT", "1"), "+OK\r\n"},
			reads(2),
		}},
		{"a client that goes back to the second protocol", []turn{
			{encode("HELLO", "3", "AUTH", "default", "sdk-web"), greeting(3)},
			{encode("HELLO", "2"), greeting(2)},
			reads(2),
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := dial(t, build(t).listen(t, false))
			for _, turn := range tt.turns {
				c.send(turn.send)
				c.expect(turn.want)
			}
		})
	}
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
