package sinktest

import (
	"context"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Redis is a redis-server process on loopback. It ends with the test.
type Redis struct {
	t       testing.TB
	Address string
	Port    int
	dir     string
	args    []string
	conf    string // of a Sentinel
	process *exec.Cmd
}

// NeedRedis skips the test where there is no redis-server, unless every test is to run.
func NeedRedis(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err == nil {
		return
	}
	if os.Getenv("MUSTER_TEST_ALL") != "" {
		t.Fatal("redis-server is not installed; test/setup.sh installs it")
	}
	t.Skip("redis-server is not installed; test/setup.sh installs it")
}

// StartRedis starts a redis-server with further settings, such as "--maxmemory", "10mb".
func StartRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	NeedRedis(t)
	r := &Redis{t: t, dir: t.TempDir(), args: args}
	var err error
	for range 10 { // somebody else may take the port in between
		r.Port = FreePort(t)
		r.Address = net.JoinHostPort("127.0.0.1", strconv.Itoa(r.Port))
		if err = r.start(); err == nil {
			t.Cleanup(r.Kill)
			return r
		}
	}
	t.Fatal("redis-server does not start: ", err)
	return nil
}

// FreePort returns a port that nobody listens on, and that no outgoing connection is given while a process
// restarts on it: those begin at 32768. A cluster needs a second port 10,000 above.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := 11000 + mathrand.IntN(11000)
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no free port in a hundred tries")
	return 0
}

func (r *Redis) start() error {
	log := filepath.Join(r.dir, "log")
	_ = os.Remove(log) // of the process before
	args := []string{
		"--port", strconv.Itoa(r.Port), "--bind", "127.0.0.1", "--dir", r.dir, "--save", "", "--appendonly", "no", "--daemonize", "no",
		"--logfile", log,
	}
	args = append(args, r.args...)
	if r.conf != "" {
		args = []string{r.conf, "--sentinel", "--logfile", log}
	}
	r.process = exec.Command("redis-server", args...) //nolint:noctx // it is ended by its own Kill
	if err := r.process.Start(); err != nil {
		return err
	}
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		text, _ := os.ReadFile(log) //nolint:errcheck // it is there a moment later
		if strings.Contains(string(text), "Ready to accept connections") || strings.Contains(string(text), "+monitor master") {
			return nil
		}
		if strings.Contains(string(text), "in use") {
			break
		}
		time.Sleep(5 * time.Millisecond) // another process
	}
	r.Kill()
	text, _ := os.ReadFile(log) //nolint:errcheck // it is for people
	return fmt.Errorf("redis-server: %s", text)
}

// Kill ends the process as a crash does.
func (r *Redis) Kill() {
	if r.process == nil {
		return
	}
	_ = r.process.Process.Kill()
	_ = r.process.Wait() // it was killed
	r.process = nil
}

// Start starts the process again, on the same port, with what it kept.
func (r *Redis) Start() {
	r.t.Helper()
	if err := r.start(); err != nil {
		r.t.Fatal(err)
	}
}

// Stop makes the process hang until Go.
func (r *Redis) Stop() { _ = r.process.Process.Signal(syscall.SIGSTOP) }

// Go lets a process that hangs go on.
func (r *Redis) Go() { _ = r.process.Process.Signal(syscall.SIGCONT) }

// CLI runs a command of redis-cli and returns what it prints.
func (r *Redis) CLI(args ...string) string {
	r.t.Helper()
	out, err := r.TryCLI(args...)
	if err != nil {
		r.t.Fatalf("redis-cli %v: %v: %s", args, err, out)
	}
	return out
}

// TryCLI is CLI for what may fail.
func (r *Redis) TryCLI(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, "redis-cli", append([]string{"-h", "127.0.0.1", "-p", strconv.Itoa(r.Port)}, args...)...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// StartCluster starts a cluster of as many masters as given.
func StartCluster(t testing.TB, masters int, args ...string) []*Redis {
	t.Helper()
	var nodes []*Redis
	for range masters {
		nodes = append(nodes, StartRedis(t, append([]string{"--cluster-enabled", "yes", "--cluster-node-timeout", "10000", "--cluster-config-file", "nodes.conf"}, args...)...))
	}
	create := []string{"--cluster", "create"}
	for _, n := range nodes {
		create = append(create, n.Address)
	}
	nodes[0].CLI(append(create, "--cluster-yes")...)
	Eventually(t, "the cluster works", func() bool {
		for _, n := range nodes {
			if !strings.Contains(n.CLI("cluster", "info"), "cluster_state:ok") {
				return false
			}
		}
		return true
	})
	return nodes
}

// Eventually waits until something is so.
func Eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !so() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, patience)
		}
		time.Sleep(10 * time.Millisecond) // another process
	}
}

// StartSentinel starts a Sentinel that watches a master, which fails when as many Sentinels say so as given.
func StartSentinel(t testing.TB, name string, master *Redis, quorum int) *Redis {
	t.Helper()
	NeedRedis(t)
	r := &Redis{t: t, dir: t.TempDir(), Port: FreePort(t)}
	r.Address = net.JoinHostPort("127.0.0.1", strconv.Itoa(r.Port))
	conf := filepath.Join(r.dir, "sentinel.conf")
	text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nsentinel monitor %s 127.0.0.1 %d %d\nsentinel down-after-milliseconds %s 4000\nsentinel failover-timeout %s 5000\n",
		r.Port, r.dir, name, master.Port, quorum, name, name)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r.conf = conf
	if err := r.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Kill)
	return r
}
