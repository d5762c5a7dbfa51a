package redissink_test

import (
	"net"
	"strconv"
	"testing"

	"go.uber.org/goleak"

	"muster/internal/catalog"
	"muster/internal/sink"
	"muster/internal/sink/redissink"
	"muster/internal/sink/sinktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// settings are those of a Redis at an address, under a prefix.
func settings(t testing.TB, address, prefix string) *catalog.Sink {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return &catalog.Sink{Kind: catalog.RedisSink, On: true, Redis: &catalog.Redis{Host: host, Port: n, Prefix: prefix}}
}

func open(t testing.TB, s *catalog.Sink, secrets sink.Secrets) sink.Target {
	t.Helper()
	target, err := redissink.Open(s, secrets)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := target.Close(); err != nil {
			t.Error(err)
		}
	})
	return target
}

func TestASingleRedisKeepsTheContract(t *testing.T) {
	r := sinktest.StartRedis(t)
	sinktest.Contract(t, func(t testing.TB, prefix string) sink.Target { return open(t, settings(t, r.Address, prefix), nil) })
}

func TestAClusterKeepsTheContract(t *testing.T) {
	nodes := sinktest.StartCluster(t, 3)
	sinktest.Contract(t, func(t testing.TB, prefix string) sink.Target {
		s := settings(t, nodes[0].Address, prefix)
		s.Redis.Cluster, s.Redis.Nodes = true, []string{nodes[1].Address}
		return open(t, s, nil)
	})
}
