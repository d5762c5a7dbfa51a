package resp

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

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
	in      io.Reader
	out     bytes.Buffer
	largest int // bytes that were written at once
}

func (s *script) Read(p []byte) (int, error) { return s.in.Read(p) }
func (s *script) Write(p []byte) (int, error) {
	s.largest = max(s.largest, len(p))
	return s.out.Write(p)
}
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }
func (s *script) Close() error                     { return nil }

func (s *script) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func FuzzKey(f *testing.F) {
	for _, seed := range []string{included, excluded, syncTime, ":big_segment_include:" + hash, "", "a:big_segment_include:short", "a:features", "a:segments", "a:$inited"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k := parseKey(text)
		back := map[keyKind]string{
			includedKey: k.prefix + includeMark + k.hash.String(),
			excludedKey: k.prefix + excludeMark + k.hash.String(),
			syncTimeKey: k.prefix + syncTimeMark,
			featuresKey: k.prefix + featuresMark,
			segmentsKey: k.prefix + segmentsMark,
			initedKey:   k.prefix + initedMark,
			otherKey:    text,
		}[k.kind]
		if back != text {
			t.Fatalf("%q was read as %+v", text, k)
		}
	})
}
