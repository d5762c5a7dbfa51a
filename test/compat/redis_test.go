package compat

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/launchdarkly/go-sdk-common/v3/ldlog"
	ldredis "github.com/launchdarkly/go-server-sdk-redis-redigo/v3"
	ld "github.com/launchdarkly/go-server-sdk/v7"
	"github.com/launchdarkly/go-server-sdk/v7/ldcomponents"
	goredis "github.com/redis/go-redis/v9"
)

// memberKey is where SDKs read the segments that include the context of these tests.
func memberKey() string {
	h := sha256.Sum256([]byte(contextKey))
	return "app:big_segment_include:" + base64.StdEncoding.EncodeToString(h[:])
}

// read is what a Redis client found of a context, its environment and the segment vip.
type read struct {
	Name           string   `json:"name"`
	Members        []string `json:"members"`
	SynchronizedOn int64    `json:"synchronizedOn"`
	Generation     int      `json:"generation"`
	Inited         int      `json:"inited"`
}

func (r read) check(t *testing.T) {
	t.Helper()
	age := time.Since(time.UnixMilli(r.SynchronizedOn))
	if len(r.Members) != 1 || r.Members[0] != "vip.g1" || r.Generation != 1 || r.Inited != 1 || age < -time.Second || age > patience {
		t.Errorf("%s read %+v", r.Name, r)
	}
}

// certificate writes a certificate for loopback and returns the settings that make the Redis protocol use it.
func certificate(t *testing.T) []string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	what := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	cert, err := x509.CreateCertificate(rand.Reader, what, what, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return []string{"MUSTER_RESP_TLS_CERT=" + write("cert.pem", "CERTIFICATE", cert), "MUSTER_RESP_TLS_KEY=" + write("key.pem", "PRIVATE KEY", private)}
}

// vip makes the segment vip with one member and a flag that targets it.
func (s *server) vip(t *testing.T) {
	t.Helper()
	const segments = "/api/v2/segments/default/production"
	s.must(t, http.StatusCreated, http.MethodPost, segments, `{"key":"vip","name":"VIP","unbounded":true}`)
	s.must(t, http.StatusNoContent, http.MethodPost, segments+"/vip/contexts", fmt.Sprintf(`{"included":{"add":[%q]}}`, contextKey))
	s.targetSegment(t, "for-vip", "vip")
}

func TestEveryRedisClientReadsMembersAndFlags(t *testing.T) {
	for name, settings := range map[string][]string{"in the clear": nil, "over TLS": certificate(t)} {
		t.Run(name, func(t *testing.T) {
			s := start(t, settings...)
			s.vip(t)
			var over *tls.Config
			if settings != nil {
				over = &tls.Config{InsecureSkipVerify: true}
			}
			t.Run("redigo", func(t *testing.T) { withRedigo(t, s, over).check(t) })
			for _, protocol := range []int{2, 3} {
				t.Run(fmt.Sprintf("go-redis, protocol %d", protocol), func(t *testing.T) { withGoRedis(t, s, over, protocol).check(t) })
			}
			for command, n := range map[string]int{"node js/redis-clients.js": 4, "/usr/bin/python3 clients/redis-py.py": 1, "ruby clients/redis-rb.rb": 1, "php clients/redis.php": 2} {
				t.Run(command, func(t *testing.T) {
					all := scripted(t, s, command, settings != nil)
					if len(all) != n {
						t.Errorf("%d clients read something, want %d", len(all), n)
					}
					for _, r := range all {
						r.check(t)
					}
				})
			}
		})
	}
}

func withRedigo(t *testing.T, s *server, over *tls.Config) read {
	t.Helper()
	options := []redis.DialOption{redis.DialPassword(sdkKey), redis.DialDatabase(1)}
	if over != nil {
		options = append(options, redis.DialUseTLS(true), redis.DialTLSConfig(over))
	}
	c, err := redis.Dial("tcp", s.resp, options...)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	members, err1 := redis.Strings(c.Do("SMEMBERS", memberKey()))
	at, err2 := redis.Int64(c.Do("GET", "app:big_segments_synchronized_on"))
	segments, err3 := redis.StringMap(c.Do("HGETALL", "app:segments"))
	inited, err4 := redis.Int(c.Do("EXISTS", "app:$inited"))
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			t.Error(err)
		}
	}
	return read{"redigo", members, at, generation(t, segments["vip"]), inited}
}

func withGoRedis(t *testing.T, s *server, over *tls.Config, protocol int) read {
	t.Helper()
	c := goredis.NewClient(&goredis.Options{Addr: s.resp, Password: sdkKey, DB: 1, Protocol: protocol, TLSConfig: over})
	defer c.Close()
	ctx := t.Context()
	members, at := c.SMembers(ctx, memberKey()), c.Get(ctx, "app:big_segments_synchronized_on")
	segments, inited := c.HGetAll(ctx, "app:segments"), c.Exists(ctx, "app:$inited")
	for _, err := range []error{members.Err(), at.Err(), segments.Err(), inited.Err()} {
		if err != nil {
			t.Error(err)
		}
	}
	ms, err := strconv.ParseInt(at.Val(), 10, 64)
	if err != nil {
		t.Error(err)
	}
	return read{"go-redis", members.Val(), ms, generation(t, segments.Val()["vip"]), int(inited.Val())}
}

func generation(t *testing.T, text string) int {
	t.Helper()
	var seg struct {
		Generation int `json:"generation"`
	}
	if err := json.Unmarshal([]byte(text), &seg); err != nil {
		t.Errorf("segment %q: %v", text, err)
	}
	return seg.Generation
}

// scripted runs clients in other languages, which print what they read.
func scripted(t *testing.T, s *server, command string, secure bool) (all []read) {
	t.Helper()
	host, port, err := net.SplitHostPort(s.resp)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", "exec "+command)
	cmd.Env = append(os.Environ(), "RESP_HOST="+host, "RESP_PORT="+port, "COMPAT_SDK_KEY="+sdkKey, "COMPAT_KEY="+memberKey())
	if secure {
		cmd.Env = append(cmd.Env, "RESP_TLS=1")
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	for line := range bytes.Lines(out) {
		var r read
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("it printed %q: %v", line, err)
		}
		all = append(all, r)
	}
	return all
}

// TestSDKsInDaemonMode runs SDKs that read flags, segments and members from the Redis protocol alone.
func TestSDKsInDaemonMode(t *testing.T) {
	s := start(t)
	s.vip(t)
	config := ld.Config{
		DataSource: ldcomponents.ExternalUpdatesOnly(),
		DataStore: ldcomponents.PersistentDataStore(ldredis.DataStore().URL("redis://" + s.resp).DialOptions(redis.DialPassword(sdkKey))).
			CacheTime(20 * time.Millisecond),
		BigSegments: ldcomponents.BigSegments(ldredis.BigSegmentStore().URL("redis://" + s.resp).DialOptions(redis.DialPassword(sdkKey))).
			ContextCacheTime(time.Millisecond).StatusPollInterval(200 * time.Millisecond),
		Events:  ldcomponents.NoEvents(),
		Logging: ldcomponents.Logging().MinLevel(ldlog.Error),
	}
	clients := []*watcher{watchGoWith(t, []string{"for-vip"}, "go-server-sdk", config, userContext(contextKey)), drive(t, s, "node-daemon.js", []string{"for-vip"})}
	expect := func(want seen) {
		t.Helper()
		want.Flag, want.Status = "for-vip", "HEALTHY"
		for _, c := range clients {
			c.expect(t, want)
		}
	}
	expect(seen{Value: true, Kind: "RULE_MATCH"})
	s.must(t, http.StatusNoContent, http.MethodPost, "/api/v2/segments/default/production/vip/contexts", fmt.Sprintf(`{"included":{"remove":[%q]}}`, contextKey))
	expect(seen{Kind: "FALLTHROUGH"})
	s.must(t, http.StatusOK, http.MethodPatch, "/api/v2/flags/default/for-vip", `[{"op":"replace","path":"/environments/production/rules/0/clauses/0/negate","value":true}]`)
	expect(seen{Value: true, Kind: "RULE_MATCH"})
}
