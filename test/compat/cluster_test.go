package compat

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

// startCluster starts a Redis Cluster of three masters that ends with the test, and returns the port of one.
func startCluster(t *testing.T) string {
	t.Helper()
	create := []string{"--cluster", "create"}
	var ports []string
	for range 3 {
		port := startRedis(t, "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf")
		ports = append(ports, port)
		create = append(create, "127.0.0.1:"+port)
	}
	if out, err := exec.CommandContext(t.Context(), "redis-cli", append(create, "--cluster-yes")...).CombinedOutput(); err != nil {
		t.Fatalf("redis-cli: %v: %s", err, out)
	}
	for _, port := range ports {
		eventually(t, "the cluster works", func() bool {
			c, err := redis.Dial("tcp", "127.0.0.1:"+port)
			if err != nil {
				return false
			}
			defer c.Close()
			text, err := redis.String(c.Do("CLUSTER", "INFO"))
			return err == nil && strings.Contains(text, "cluster_state:ok")
		})
	}
	return ports[0]
}

// TestJavaScriptClientsReadTheClusterThatASinkKeeps: whatever a sink spreads over a cluster, clients that follow its slots find.
func TestJavaScriptClientsReadTheClusterThatASinkKeeps(t *testing.T) {
	s, port := start(t), startCluster(t)
	s.createVIPs(t)
	path := s.addSink(t, fmt.Sprintf(`{"host":"127.0.0.1","port":%q,"cluster":true,"prefix":"app"}`, port))
	var list bytes.Buffer
	var hashes []string
	want := make(map[string][]string)
	for n := range 300 {
		key := "member " + strconv.Itoa(n)
		sum := sha256.Sum256([]byte(key))
		hash := base64.StdEncoding.EncodeToString(sum[:])
		hashes = append(hashes, hash)
		want[hash] = []string{}
		if n%3 > 0 {
			fmt.Fprintln(&list, key)
			want[hash] = []string{"vips.g1"}
		}
	}
	s.load(t, "vips", list.Bytes())
	began := time.Now()
	s.must(t, http.StatusAccepted, http.MethodPost, path+"/verify", `{}`) // which takes its turn behind what was loaded
	eventually(t, "the store is current", func() bool {
		st := s.sinkState(t, path)
		return st.State == "current" && st.LagRevisions == 0 && st.Verification != nil && st.Verification.Ended >= began.UnixMilli()
	})
	s.verified(t, path)

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", filepath.Join("js", "redis-cluster.js"))
	cmd.Env = append(os.Environ(), "REDIS_PORT="+port, "REDIS_PREFIX=app", "COMPAT_HASHES="+strings.Join(hashes, ","))
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	var clients []string
	for line := range bytes.Lines(out) {
		var got struct {
			Name           string
			Members        map[string][]string
			SynchronizedOn int64
			Nodes          int
		}
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatalf("it printed %q: %v", line, err)
		}
		clients = append(clients, got.Name)
		if got.Nodes != 3 || got.SynchronizedOn < began.Add(-time.Minute).UnixMilli() {
			t.Errorf("%s finds keys on %d nodes and a time of %v", got.Name, got.Nodes, time.UnixMilli(got.SynchronizedOn))
		}
		wrong := 0
		for hash, refs := range want {
			if !slices.Equal(got.Members[hash], refs) {
				wrong++
			}
		}
		if wrong > 0 {
			t.Errorf("%s reads %d of %d contexts wrong", got.Name, wrong, len(want))
		}
	}
	if len(clients) != 2 {
		t.Errorf("these clients read something: %v", clients)
	}
}
