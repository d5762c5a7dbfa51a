package resp

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// inBubble serves one end of a pipe in a bubble of its own time, and hands over the other end.
func inBubble(t *testing.T, trusted bool, talk func(*testing.T, *client)) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t)
		ours, theirs := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			newConn(h.Server, ours, trusted).serve(t.Context())
		}()
		talk(t, &client{t, theirs, nil})
		_ = theirs.Close()
		<-done
	})
}

// ended returns how long the server keeps a silent connection open.
func (c *client) ended() time.Duration {
	begin := time.Now()
	_, _ = io.Copy(io.Discard, c)
	return time.Since(begin)
}

func (c *client) reply(want string) {
	c.tb.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		c.tb.Fatalf("answered %q (%v), want %q", got, err, want)
	}
}

func TestIdleClientIsKeptForLong(t *testing.T) {
	inBubble(t, false, func(t *testing.T, c *client) {
		c.send(encode("AUTH", "sdk-web"))
		c.reply("+OK\r\n")
		time.Sleep(59 * time.Minute)
		c.send(encode("PING"))
		c.reply("+PONG\r\n")
		if got := c.ended(); got != time.Hour {
			t.Errorf("closed after %v, want an hour", got)
		}
	})
}

func TestSilentStrangerIsSentAway(t *testing.T) {
	inBubble(t, false, func(t *testing.T, c *client) {
		if got := c.ended(); got != 30*time.Second {
			t.Errorf("closed after %v, want 30s", got)
		}
	})
}

func TestCommandThatDripsIsCutOff(t *testing.T) {
	inBubble(t, true, func(t *testing.T, c *client) {
		begin := time.Now()
		for _, b := range []byte(encode("ECHO", "a long word that takes very long to say")) {
			if _, err := c.Write([]byte{b}); err != nil {
				break
			}
			time.Sleep(7 * time.Second)
		}
		if got := time.Since(begin); got != 35*time.Second {
			t.Errorf("cut off after %v, want the first byte after 30s to find it closed", got)
		}
	})
}

func TestClientThatDoesNotReadIsCutOff(t *testing.T) {
	inBubble(t, true, func(t *testing.T, c *client) {
		begin := time.Now()
		for {
			if _, err := c.Write([]byte(encode("PING"))); err != nil {
				break
			}
		}
		if got := time.Since(begin); got != 10*time.Second {
			t.Errorf("cut off after %v, want 10s", got)
		}
	})
}
