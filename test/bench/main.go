// Command bench measures a built muster from outside, the way its clients meet it, and prints one
// line per figure. It starts its own server on a new directory, on loopback, and stops it.
//
// Client and server share the machine's processors, so beside each rate stands what the server
// alone used per operation, read from the operating system's accounting of its process.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	token       = "api-00000000-0000-4000-8000-000000000001"
	environment = "64b0c9f2a1d3e4f5061728aa"
	sdkKey      = "sdk-00000000-0000-4000-8000-000000000001"
)

func main() {
	binary := flag.String("binary", "bin/muster", "the muster to measure")
	seconds := flag.Int("seconds", 10, "how long each rate is measured")
	sustained := flag.Int("sustained", 60, "how long deltas are sent in a row, in seconds")
	members := flag.Int("members", 10_000_000, "how many members a whole list has")
	lists := flag.Bool("lists", false, "measure whole lists only")
	deltas := flag.Bool("deltas", false, "measure only large pushes sent without end")
	curve := flag.String("curve", "", "measure only what many segments cost: their numbers, such as 1,100,1000,10000")
	catalog := flag.Bool("catalog", false, "measure only an environment with 10,000 segments and 5,000 flags: starts, lists, patches, what SDKs load")
	told := flag.Bool("catchup", false, "measure only how fast a relay is told all members")
	open := flag.Int("streams", 0, "measure only open streams of SDKs, up to so many, such as 10000, and client-side evaluation")
	relay := flag.String("relay", "", "the binary of an ld-relay, with redis-server behind it: with -streams it is to evaluate the same, with -catchup to take a million members")
	long := flag.Bool("long", false, "measure only lists of 1, 50 and 100 million members and ten segments of 10 million: some minutes and 25 GB of disk")
	stores := flag.Bool("sinks", false, "measure only how a Redis is kept current, beside pipelined SADD by hand")
	flag.Parse()
	r := run{binary: *binary, length: time.Duration(*seconds) * time.Second, sustained: time.Duration(*sustained) * time.Second}
	var err error
	switch fmt.Printf("machine: %s, %d processors, %s\n", processor(), runtime.NumCPU(), runtime.Version()); {
	case *told:
		if err = r.on(relays(*members)); err == nil && *relay != "" {
			err = r.on(realRelay(*relay, 1_000_000))
		}
	case *lists:
		err = r.on(replace(*members))
	case *long:
		err = r.long()
	case *stores:
		err = r.on(sinks(*members))
	case *deltas:
		err = r.on((*bench).deltas)
	case *open > 0:
		if err = r.streams(*open, *members); err == nil {
			err = r.on(besideRelay(*relay))
		}
	case *catalog:
		err = r.on((*bench).catalog)
	case *curve != "":
		err = r.curve(*curve)
	default:
		if err = r.on((*bench).pending, (*bench).flip, (*bench).serial, (*bench).parallel, evaluate(1), evaluate(100), (*bench).restart); err == nil {
			err = r.on((*bench).deltas)
		}
		if err == nil {
			err = r.curve("1,100,1000")
		}
		if err == nil {
			err = r.on((*bench).members)
		}
		if err == nil {
			err = r.on(replace(*members))
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run is what all servers of one run have in common.
type run struct {
	binary    string
	length    time.Duration // of each rate
	sustained time.Duration // of what is to show folds too
}

// on measures figures on a server of their own, on a new directory.
func (r run) on(figures ...func(*bench) error) (err error) {
	dir, err := os.MkdirTemp("", "muster-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b := &bench{run: r, ctx: ctx, dir: dir}
	if err := b.start(); err != nil {
		return err
	}
	defer func() { _ = b.stop() }()
	for _, figure := range figures {
		if err := figure(b); err != nil {
			return err
		}
	}
	return nil
}

func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimSpace(strings.TrimLeft(name, "\t :"))
		}
	}
	return "unknown"
}

// bench is one server and the means to ask it.
type bench struct {
	run
	ctx     context.Context // of every request
	dir     string
	address string
	url     string
	resp    string // address of the Redis-protocol endpoint
	process *exec.Cmd
	client  *http.Client
}

func (b *bench) start() error {
	if b.address == "" { // a server that starts again keeps its addresses, for those who come back
		var err error
		if b.address, err = freeAddress(b.ctx); err != nil {
			return err
		}
		if b.resp, err = freeAddress(b.ctx); err != nil {
			return err
		}
		b.url = "http://" + b.address
	}
	b.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}
	b.process = exec.CommandContext(b.ctx, b.binary, "serve", "--data-dir", b.dir, "--listen", b.address, "--resp-listen", b.resp, "--log-level", "warn")
	b.process.Env = append(os.Environ(), "MUSTER_ADMIN_TOKEN="+token, "MUSTER_CLIENT_SIDE_ID="+environment, "MUSTER_SDK_KEY="+sdkKey)
	b.process.Stderr = os.Stderr
	if err := b.process.Start(); err != nil {
		return err
	}
	for range 6000 {
		resp, err := b.do(http.MethodGet, "/readyz", http.NoBody)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	return errors.New("the server does not become ready")
}

func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (b *bench) stop() error {
	if err := b.process.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return b.process.Wait()
}

func (b *bench) kill() error {
	if err := b.process.Process.Kill(); err != nil {
		return err
	}
	_ = b.process.Wait() // it was killed
	return nil
}

// cpu returns the processor time that the server used so far.
func (b *bench) cpu() time.Duration { return cpuOf(b.process.Process) }

// ownCPU is what this process has used, in which the clients are.
func ownCPU() time.Duration { return cpuOf(&os.Process{Pid: os.Getpid()}) }

func cpuOf(processes ...*os.Process) (sum time.Duration) {
	for _, p := range processes {
		sum += cpuOfOne(p)
	}
	return sum
}

func cpuOfOne(p *os.Process) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	const ticksPerSecond = 100
	return time.Duration(user+system) * time.Second / ticksPerSecond
}

// do sends a request with the administrator's token.
func (b *bench) do(method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(b.ctx, method, b.url+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", token)
	req.Header.Set("Content-Type", "application/json")
	return b.client.Do(req)
}

func (b *bench) call(method, path, body string, want int) error {
	resp, err := b.do(method, path, strings.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != want {
		return fmt.Errorf("%s %s: status %d: %s", method, path, resp.StatusCode, answer)
	}
	return nil
}

func (b *bench) flagOn(key, segment string) error {
	body := fmt.Sprintf(`{"key":%q,"name":%q,"clientSideAvailability":{"usingEnvironmentId":true,"usingMobileKey":true}}`, key, key)
	if err := b.call(http.MethodPost, "/api/v2/flags/default", body, http.StatusCreated); err != nil {
		return err
	}
	return b.call(http.MethodPatch, "/api/v2/flags/default/"+key, fmt.Sprintf(`[
		{"op":"replace","path":"/environments/production/on","value":true},
		{"op":"replace","path":"/environments/production/fallthrough","value":{"variation":1}},
		{"op":"add","path":"/environments/production/rules/0","value":{"variation":0,"clauses":[{"attribute":"","op":"segmentMatch","values":[%q]}]}}
	]`, segment), http.StatusOK)
}

func pushBody(cohort string, first, n int, add bool) []byte {
	list := make([]byte, 0, n*len(`{"id":"user-000000000"},`))
	for i := range n {
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, `{"id":"user-`...)
		list = append(appendNumber(list, first+i, 9), `"}`...)
	}
	joined, left := string(list), ""
	if !add {
		joined, left = left, joined
	}
	return fmt.Appendf(nil, `{"environmentId":%q,"cohortId":%q,"cohortName":"Bench","listData":{"add":[%s],"remove":[%s]}}`, environment, cohort, joined, left)
}

// appendNumber appends a number with leading zeros.
func appendNumber(b []byte, n, digits int) []byte {
	from := len(b)
	b = append(b, "00000000000000000000"[:digits]...)
	for i := len(b) - 1; i >= from; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return b
}

// errBusy says that the server wants a push again later, as it tells tools that are too fast for it.
var errBusy = errors.New("the server is busy")

func (b *bench) push(body []byte) error {
	resp, err := b.do(http.MethodPost, "/api/v2/segment-targets/rudderstack", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusTooManyRequests {
		return errBusy
	}
	if resp.StatusCode != http.StatusNoContent {
		answer, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("push: status %d: %s", resp.StatusCode, answer)
	}
	return nil
}

// pending measures a start that has to replay a million changes: segments too small to be folded by
// size, pushed faster than they are folded for being idle.
func (b *bench) pending() error {
	const cohorts, requests, members = 20, 50, 1000
	for n := range cohorts {
		for i := range requests {
			if err := b.push(pushBody(fmt.Sprintf("pending-%d", n), i*members, members, true)); err != nil {
				return err
			}
		}
	}
	return b.restart()
}

// serial measures one tool that sends a request after the other.
func (b *bench) serial() error {
	return b.rate(load{name: "1,000-member pushes, one after the other", workers: 1, members: 1000, length: b.length}, func(_, n int) error {
		return b.push(pushBody("serial", n*1000, 1000, true))
	})
}

// parallel measures what a fleet of tools gets through.
func (b *bench) parallel() error {
	return b.rate(load{name: "1,000-member pushes, 32 in parallel, one segment", workers: 32, members: 1000, length: b.length}, func(worker, n int) error {
		return b.push(pushBody("parallel", worker*10_000_000+n*1000, 1000, true))
	})
}

// deltas measures large pushes until tables have been folded many times, and what they leave on disk:
// as many as the server takes, and then 300,000 members a second.
func (b *bench) deltas() error {
	const members, workers, wanted = 10_000, 4, 300_000
	before := b.disk()
	pushed := atomic.Int64{}
	push := func(worker, n int) error {
		pushed.Add(members)
		return b.push(pushBody("deltas", worker*100_000_000+n*members, members, true))
	}
	l := load{name: "10,000-member pushes, 4 in parallel, one segment, sustained", workers: workers, members: members, length: b.sustained}
	if err := b.rate(l, push); err != nil {
		return err
	}
	l.name, l.every = "the same, 300,000 members a second", workers*members*time.Second/wanted
	err := b.rate(l, func(worker, n int) error {
		return push(workers+worker, n)
	})
	report("disk after these", "%.1f B a change in all: rosters, and a log that is not trimmed yet; %d MB of memory that is not files", float64(b.disk()-before)/float64(pushed.Load()), b.status("RssAnon")>>10)
	return err
}

// load is what is asked of a server for some time.
type load struct {
	name    string
	workers int
	members int           // that each request carries
	every   time.Duration // how often each worker begins one, as soon as the one before has ended if 0
	length  time.Duration
	servers []*os.Process // if not muster
	quiet   bool          // reports nothing
}

// rate runs do from several workers and reports requests, and members if they carry some. Where
// workers begin every so often, a late beginning counts as time that the request took.
func (b *bench) rate(l load, do func(worker, n int) error) error {
	if l.servers == nil {
		l.servers = []*os.Process{b.process.Process}
	}
	var total atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, l.workers)
	latencies := make([][]time.Duration, l.workers)
	before, started := cpuOf(l.servers...), time.Now()
	for worker := range l.workers {
		wg.Go(func() {
			for n := 0; time.Since(started) < l.length; n++ {
				at := time.Now()
				if l.every > 0 {
					at = started.Add(time.Duration(n) * l.every)
					time.Sleep(time.Until(at))
				}
				if err := do(worker, n); err != nil {
					errs <- err
					return
				}
				latencies[worker] = append(latencies[worker], time.Since(at))
				total.Add(1)
			}
		})
	}
	wg.Wait()
	took, used := time.Since(started), cpuOf(l.servers...)-before
	select {
	case err := <-errs:
		return fmt.Errorf("%s: %w", l.name, err)
	default:
	}
	n := float64(total.Load())
	all := slices.Concat(latencies...)
	text := fmt.Sprintf("%.0f requests/s, p50 %v, p99 %v, server %v a request", n/took.Seconds(), quantile(all, .5), quantile(all, .99), (used / time.Duration(max(1, total.Load()))).Round(time.Microsecond))
	if l.members > 0 {
		text += fmt.Sprintf("; %.0f members/s durable, server %.2f us a member", n*float64(l.members)/took.Seconds(), float64(used.Microseconds())/(n*float64(l.members)))
	} else {
		text += fmt.Sprintf("; %.0f requests/s per core of the server", n/used.Seconds())
	}
	if !l.quiet {
		report(l.name, "%s", text)
	}
	return nil
}

// restart measures from exec to ready with everything pushed so far.
func (b *bench) restart() error {
	members := "?"
	resp, err := b.do(http.MethodGet, "/metrics", http.NoBody)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "muster_segment_members{") && strings.Contains(line, environment) {
			members = strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:])
		}
	}
	if err := b.kill(); err != nil {
		return err
	}
	started := time.Now()
	if err := b.start(); err != nil {
		return err
	}
	report("kill -9, then exec to ready", "%v with %s members", time.Since(started).Round(time.Millisecond), members)
	return nil
}

func quantile(d []time.Duration, q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))].Round(10 * time.Microsecond)
}

func report(name, format string, args ...any) {
	fmt.Printf("%-70s %s\n", name, fmt.Sprintf(format, args...))
}
