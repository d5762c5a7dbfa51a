package redissink_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"muster/internal/segment"
	"muster/internal/sink"
	"muster/internal/sink/sinktest"
)

// proxy stands between a sink and its Redis and cuts connections.
type proxy struct {
	address string
	to      string
	mu      sync.Mutex
	cutAt   int64 // bytes of a connection to the Redis after which it is cut; 0: never
	cuts    int   // connections that were, at that many
	conns   map[net.Conn]struct{}
	wait    sync.WaitGroup
}

func newProxy(t testing.TB, to string) *proxy {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{address: l.Addr().String(), to: to, conns: make(map[net.Conn]struct{})}
	p.wait.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.wait.Go(func() { p.pass(t.Context(), c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.cut()
		p.wait.Wait()
	})
	return p
}

func (p *proxy) pass(ctx context.Context, c net.Conn) {
	up, err := new(net.Dialer).DialContext(ctx, "tcp", p.to)
	if err != nil {
		_ = c.Close()
		return
	}
	p.mu.Lock()
	limit := p.cutAt
	p.conns[c], p.conns[up] = struct{}{}, struct{}{}
	p.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(c, up) // it is to break
		_ = c.Close()
	}()
	passed := int64(0)
	if limit > 0 {
		passed, _ = io.CopyN(up, c, limit)
	} else {
		_, _ = io.Copy(up, c)
	}
	_ = up.Close()
	_ = c.Close()
	<-done
	p.mu.Lock()
	if limit > 0 && passed == limit {
		p.cuts++
	}
	delete(p.conns, c)
	delete(p.conns, up)
	p.mu.Unlock()
}

func (p *proxy) cutAfter(n int64) {
	p.mu.Lock()
	p.cutAt = n
	p.mu.Unlock()
	p.cut()
}

// cutSoFar counts the connections that were cut at a byte.
func (p *proxy) cutSoFar() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

// storm changes members until stopped; what they are in the end is nobody's business but the view's.
func storm(t testing.TB, w *sinktest.World) (stop func()) {
	done := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond): // a tool that pushes
			}
			key := keys[n%len(keys)]
			first := n * 37 % 5000
			ops := []segment.Ops{segment.Include, segment.Uninclude, segment.Exclude, segment.Unexclude | segment.Include}[n%4]
			w.Push(key, ops, sinktest.Range(first, first+200)...)
			if n%40 == 39 {
				w.Replace(key, sinktest.Range(first, first+3000)...)
			}
		}
	})
	return func() {
		t.Helper()
		close(done)
		wait.Wait()
	}
}

// writesMore waits until the one sink has written more than it had.
func writesMore(w *sinktest.World) {
	written := func() uint64 { return w.Keeper.Statuses()[0].Written }
	before := written()
	w.Until("more is written", func() bool { return written() > before })
}

func TestAStoreThatComesBackWithTheSameMarkerIsToldWhatItLost(t *testing.T) {
	r := sinktest.StartRedis(t)
	w := newWorld(t)
	w.Push("vip", segment.Include, sinktest.Range(0, 300)...)
	s := settings(t, r.Address, "app")
	id := w.PutSink(s, nil)
	w.Caught(id)
	for round := range 3 {
		r.CLI("save")
		w.Push("vip", segment.Include, sinktest.Range(1000*(round+1), 1000*(round+1)+200)...)
		w.Becomes(open(t, s, nil), "vip")
		r.Kill() // mostly before the marker has moved
		r.Start()
		w.Becomes(open(t, s, nil), "vip")
	}
}

func TestAfterAnyFaultTheStoreEqualsTheTruth(t *testing.T) {
	for name, fault := range map[string]func(t *testing.T, r *sinktest.Redis, p *proxy, w *sinktest.World){
		"connections are cut at byte n": func(_ *testing.T, _ *sinktest.Redis, p *proxy, w *sinktest.World) {
			for _, n := range []int64{1, 17, 300, 5000, 20_000, 77_777, 200_000} {
				before := p.cutSoFar()
				p.cutAfter(n)
				w.Until("a connection is cut", func() bool { return p.cutSoFar() > before })
				p.cutAfter(0)
				writesMore(w)
			}
		},
		"the store is killed and comes back empty": func(_ *testing.T, r *sinktest.Redis, _ *proxy, w *sinktest.World) {
			for range 3 {
				r.Kill()
				w.Until("the sink fails", func() bool { return w.Keeper.Statuses()[0].State == sink.Failed })
				r.Start()
				writesMore(w)
			}
		},
		"the store is killed and comes back with what it saved before": func(_ *testing.T, r *sinktest.Redis, _ *proxy, w *sinktest.World) {
			r.CLI("save")
			writesMore(w)
			r.Kill()
			r.Start()
		},
		"the store hangs": func(t *testing.T, r *sinktest.Redis, _ *proxy, w *sinktest.World) {
			head := func() segment.Revision {
				rev, err := w.Store.Head(sinktest.EnvID)
				if err != nil {
					t.Fatal(err)
				}
				return rev
			}
			r.Stop()
			before := head()
			w.Until("much changes meanwhile", func() bool { return head() > before+50 })
			r.Go()
		},
		"the store is full": func(t *testing.T, r *sinktest.Redis, _ *proxy, w *sinktest.World) {
			r.CLI("config", "set", "maxmemory", "1mb")
			w.Until("the sink says so", func() bool {
				return strings.Contains(w.Keeper.Statuses()[0].Error, "is full (maxmemory)")
			})
			if r.CLI("dbsize") == "0" {
				t.Error("the store lost its data")
			}
			r.CLI("config", "set", "maxmemory", "0")
		},
		"the store is a replica for a while": func(_ *testing.T, r *sinktest.Redis, _ *proxy, w *sinktest.World) {
			r.CLI("replicaof", "127.0.0.1", "1")
			w.Until("the sink says so", func() bool { return strings.Contains(w.Keeper.Statuses()[0].Error, "is a replica") })
			r.CLI("replicaof", "no", "one")
		},
		"the store is emptied again and again": func(_ *testing.T, r *sinktest.Redis, _ *proxy, w *sinktest.World) {
			for range 5 {
				r.CLI("flushall")
				writesMore(w)
			}
		},
		"muster stops and starts": func(_ *testing.T, _ *sinktest.Redis, _ *proxy, _ *sinktest.World) {},
	} {
		t.Run(name, func(t *testing.T) {
			r := sinktest.StartRedis(t)
			p := newProxy(t, r.Address)
			w := newWorld(t)
			w.Push("vip", segment.Include, sinktest.Range(0, 6000)...)
			s := settings(t, p.address, "app")
			id := w.PutSink(s, nil)
			if strings.HasPrefix(name, "muster") {
				for i := range 4 {
					w.Push("vip", segment.Include, sinktest.Range(7000*i, 7000*i+5000)...)
					w.Push("beta", segment.Uninclude, sinktest.Range(0, 3000)...)
					w.Restart()
					w.Push("beta", segment.Include, sinktest.Range(0, 3000)...)
				}
			} else {
				stop := storm(t, w)
				w.Until("something is written", func() bool { return w.Status(id).Written > 0 })
				fault(t, r, p, w)
				stop()
			}
			w.Becomes(open(t, settings(t, r.Address, "app"), nil), keys...) // who has caught up may not have noticed yet what the store lost
			w.Caught(id)
		})
	}
}

func TestAMarkThatIsRefusedSaysWhy(t *testing.T) {
	r := sinktest.StartRedis(t)
	target := open(t, settings(t, r.Address, "app"), nil)
	for _, c := range []struct{ setting, value, back, want string }{
		{"maxmemory", "1", "0", "is full (maxmemory)"},
		{"min-replicas-to-write", "1", "0", "too few replicas"},
	} {
		r.CLI("config", "set", c.setting, c.value)
		if err := target.Mark(t.Context(), "", "marker", time.Time{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("with %s %s a mark fails with %v, want %q", c.setting, c.value, err, c.want)
		}
		r.CLI("config", "set", c.setting, c.back)
	}
}

func TestWhatIsWrongIsSaidInWords(t *testing.T) {
	r := sinktest.StartRedis(t, "--requirepass", "secret-word")
	cluster := sinktest.StartCluster(t, 3)
	w := newWorld(t)
	for want, change := range map[string]func() (notes []string, err error){
		"wants a password, and the integration has none": func() ([]string, error) {
			return w.Keeper.Try(t.Context(), settings(t, r.Address, "app"))
		},
		"refuses connections": func() ([]string, error) {
			return w.Keeper.Try(t.Context(), settings(t, "127.0.0.1:1", "app"))
		},
		"is part of a cluster: set config/cluster": func() ([]string, error) {
			return w.Keeper.Try(t.Context(), settings(t, cluster[0].Address, "app"))
		},
		"doesn't speak TLS": func() ([]string, error) {
			s := settings(t, r.Address, "app")
			s.Redis.TLS = true
			return w.Keeper.Try(t.Context(), s)
		},
		"none of the Sentinels answers": func() ([]string, error) {
			s := settings(t, r.Address, "app")
			s.Redis.Sentinel = "mymaster"
			return w.Keeper.Try(t.Context(), s)
		},
	} {
		if _, err := change(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret-word") {
			t.Errorf("%v, want %q", err, want)
		}
	}
	s := settings(t, cluster[0].Address, "app")
	s.Redis.Cluster = true
	if notes, err := w.Keeper.Try(t.Context(), s); err != nil || len(notes) != 1 || !strings.Contains(notes[0], "not encrypted") {
		t.Errorf("a cluster that works: %v, %v", notes, err)
	}
}

func TestAMasterThatSentinelsReplace(t *testing.T) {
	master := sinktest.StartRedis(t)
	replica := sinktest.StartRedis(t, "--replicaof", "127.0.0.1", fmt.Sprint(master.Port))
	var sentinels []*sinktest.Redis
	for range 3 {
		sentinels = append(sentinels, sinktest.StartSentinel(t, "mymaster", master, 2))
	}
	w := newWorld(t)
	w.Push("vip", segment.Include, sinktest.Range(0, 4000)...)
	s := settings(t, sentinels[0].Address, "app")
	s.Redis.Sentinel, s.Redis.Nodes = "mymaster", []string{sentinels[1].Address, sentinels[2].Address}
	id := w.PutSink(s, nil)
	w.Caught(id)
	sinktest.Eventually(t, "the replica has everything", func() bool { return replica.CLI("dbsize") == master.CLI("dbsize") })
	sinktest.Eventually(t, "the sentinels know each other", func() bool {
		return strings.Count(sentinels[0].CLI("sentinel", "sentinels", "mymaster"), "runid") == 2 && strings.Contains(sentinels[0].CLI("sentinel", "replicas", "mymaster"), fmt.Sprint(replica.Port))
	})
	stop := storm(t, w)
	master.Kill()
	w.Until("the sink fails", func() bool { return w.Status(id).State == sink.Failed })
	sinktest.Eventually(t, "the replica is the master", func() bool {
		about, err := replica.TryCLI("info", "replication") // Sentinels cut all connections to it, this one too
		return err == nil && strings.Contains(about, "role:master")
	})
	stop()
	w.Caught(id)
	w.Becomes(open(t, settings(t, replica.Address, "app"), nil), keys...)
}

func TestSlotsThatMoveAndNodesThatComeBackEmpty(t *testing.T) {
	nodes := sinktest.StartCluster(t, 3)
	w := newWorld(t)
	w.Push("vip", segment.Include, sinktest.Range(0, 4000)...)
	s := settings(t, nodes[0].Address, "app")
	s.Redis.Cluster = true
	id := w.PutSink(s, nil)
	w.Caught(id)
	stop := storm(t, w)
	nodes[0].CLI("--cluster", "reshard", nodes[0].Address, "--cluster-from", nodes[0].CLI("cluster", "myid"), "--cluster-to", nodes[1].CLI("cluster", "myid"),
		"--cluster-slots", "400", "--cluster-yes", "--cluster-pipeline", "50")
	stop()
	target := open(t, s, nil)
	w.Caught(id)
	w.Becomes(target, keys...)

	// A node that holds no marker comes back without its data.
	marker := nodes[0].CLI("cluster", "keyslot", "app:big_segments_cursor")
	for _, n := range nodes {
		if !holds(n, marker) {
			n.Kill()
			n.Start()
			break
		}
	}
	sinktest.Eventually(t, "the cluster works", func() bool {
		return !slices.ContainsFunc(nodes, func(n *sinktest.Redis) bool { return !strings.Contains(n.CLI("cluster", "info"), "cluster_state:ok") })
	})
	w.Push("beta", segment.Include, 1)
	w.Becomes(target, keys...)
	w.Caught(id)
}

// holds reports whether a node of a cluster has a slot.
func holds(n *sinktest.Redis, slot string) bool {
	for line := range strings.Lines(n.CLI("cluster", "nodes")) {
		if !strings.Contains(line, "myself") {
			continue
		}
		for _, word := range strings.Fields(line)[8:] {
			var from, to, at int
			if n, _ := fmt.Sscanf(word, "%d-%d", &from, &to); n == 1 {
				to = from
			}
			if _, err := fmt.Sscan(slot, &at); err == nil && from <= at && at <= to {
				return true
			}
		}
	}
	return false
}
