package main

import (
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"muster/internal/sink/sinktest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"muster": func() { os.Exit(run()) },
	})
}

// TestScripts runs the commands of testdata/script as an operator would. The variables ADDR and
// RESP hold free addresses; `ready URL` waits until the server behind URL is ready, `request STATUS
// METHOD URL [TOKEN [BODY [HEADER VALUE]]]` makes a request, checks its status and prints the body; @FILE is
// a token in a file.
func TestScripts(t *testing.T) { runScripts(t, "testdata/script", nil) }

// TestScriptsWithRedis runs those of testdata/redis beside a redis-server, whose port is in REDIS_PORT.
func TestScriptsWithRedis(t *testing.T) {
	r := sinktest.StartRedis(t)
	runScripts(t, "testdata/redis", map[string]string{"REDIS_PORT": strconv.Itoa(r.Port)})
}

func runScripts(t *testing.T, dir string, variables map[string]string) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Dir: dir,
		Setup: func(env *testscript.Env) error {
			for _, name := range []string{"ADDR", "RESP", "ADMIN"} {
				address, err := freeAddress()
				if err != nil {
					return err
				}
				env.Setenv(name, address)
			}
			for name, value := range variables {
				env.Setenv(name, value)
			}
			// With the race detector each of the hundred commands would wait for a second at its end.
			env.Setenv("GORACE", "atexit_sleep_ms=10")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"ready":   ready,
			"request": request,
		},
	})
}

// freeAddress returns an address that nobody listens on, and that no outgoing connection is given while a
// process restarts on it: their ports begin at 32768.
func freeAddress() (string, error) {
	var err error
	for range 100 {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(11000+rand.IntN(20000)))
		var l net.Listener
		if l, err = net.Listen("tcp", address); err == nil {
			l.Close()
			return address, nil
		}
	}
	return "", err
}

// patience ends a wait that would never end by itself.
const patience = 60 * time.Second

func ready(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ready URL")
	}
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		resp, err := http.Get(args[0] + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			ts.Fatalf("%s is not ready within %v", args[0], patience)
		}
	}
}

func request(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: request STATUS METHOD URL [TOKEN [BODY [HEADER VALUE]]]")
	}
	var content io.Reader = http.NoBody
	if len(args) > 4 {
		content = strings.NewReader(args[4])
	}
	req, err := http.NewRequest(args[1], args[2], content)
	ts.Check(err)
	if len(args) > 3 {
		token := args[3]
		if file, ok := strings.CutPrefix(token, "@"); ok {
			token = strings.TrimSpace(ts.ReadFile(file))
		}
		req.Header.Set("Authorization", token)
	}
	if len(args) > 6 {
		req.Header.Set(args[5], args[6])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	_, err = ts.Stdout().Write(body)
	ts.Check(err)
	if strconv.Itoa(resp.StatusCode) != args[0] {
		ts.Fatalf("%s %s: status %d, want %s: %s", args[1], args[2], resp.StatusCode, args[0], body)
	}
}
