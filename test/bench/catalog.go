package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// The environment that shows what a large catalog costs. A segment has some members, so that a page
// that looked at any of them would show it.
const (
	catalogSegments = 10_000
	catalogFlags    = 5_000
	catalogMembers  = 1_000 // of each segment
)

// catalogRequests is how often each list is asked for and each sort of patch sent.
const catalogRequests = 200

// catalog measures an environment with many segments and flags: its starts, its lists, its patches,
// and what server-side SDKs load.
func (b *bench) catalog() error {
	if err := b.seedCatalog(); err != nil {
		return err
	}
	starts := []struct {
		how  string
		stop func() error
		wait time.Duration // before the stop
	}{
		{"kill -9, members in tables", b.kill, 0},
		{"kill -9, members in rosters", b.kill, foldWait},
		{"kill -9, page cache empty", b.killCold, 0},
		{"stop", b.stop, 0},
		{"stop, page cache empty", b.stopCold, 0},
	}
	for _, s := range starts {
		time.Sleep(s.wait)
		if err := b.startAgain(s.how, s.stop); err != nil {
			return err
		}
	}
	for _, figure := range []func() error{b.catalogLists, b.catalogPatches, b.catalogPayload} {
		if err := figure(); err != nil {
			return err
		}
	}
	report("memory", "%d MB resident, %d MB of it not files", b.status("VmRSS")>>10, b.status("RssAnon")>>10)
	return nil
}

// seedCatalog makes segments by pushes, as tools do, and flags that people would have.
func (b *bench) seedCatalog() error {
	began, cpu := time.Now(), b.cpu()
	var again atomic.Int64
	err := b.inParallel(4, catalogSegments, func(n int) error {
		for {
			err := b.push(pushBody(fmt.Sprintf("cohort-%05d", n), n%20*catalogMembers, catalogMembers, true))
			if !errors.Is(err, errBusy) {
				return err
			}
			again.Add(1)
			time.Sleep(time.Second)
		}
	})
	if err != nil {
		return err
	}
	took := time.Since(began).Seconds()
	report("seed", "%d segments of %d members pushed, 4 in parallel: %.0f members/s durable, server %.2f us a member, told %d times to come again", catalogSegments, catalogMembers,
		catalogSegments*catalogMembers/took, (b.cpu()-cpu).Seconds()*1e6/(catalogSegments*catalogMembers), again.Load())
	began, cpu = time.Now(), b.cpu()
	if err := b.inParallel(8, catalogFlags, b.seedFlag); err != nil {
		return err
	}
	report("seed", "%d flags created and then patched, 8 in parallel: %.0f writes/s, server %v a write", catalogFlags,
		2*catalogFlags/time.Since(began).Seconds(), ((b.cpu() - cpu) / (2 * catalogFlags)).Round(time.Microsecond))
	return nil
}

func catalogFlag(n int) string { return fmt.Sprintf("feature-%05d", n) }

// seedFlag makes a flag with three variations, two rules on segments and ten single targets.
func (b *bench) seedFlag(n int) error {
	key := catalogFlag(n)
	body := fmt.Sprintf(`{"key":%q,"name":"Feature %d","description":"Who sees the new checkout, release %d","tags":["team-%d","checkout"],"temporary":%t,
		"variations":[{"value":"control","name":"Control"},{"value":"first","name":"First"},{"value":"second","name":"Second"}],
		"clientSideAvailability":{"usingEnvironmentId":%t,"usingMobileKey":false}}`, key, n, n%50, n%40, n%3 == 0, n%10 == 0)
	if err := b.call(http.MethodPost, "/api/v2/flags/default", body, http.StatusCreated); err != nil {
		return err
	}
	var targets []string
	for i := range 10 {
		targets = append(targets, fmt.Sprintf("%q", fmt.Sprintf("user-%09d", n*10+i)))
	}
	rule := func(variation, segment int) string {
		return fmt.Sprintf(`{"variation":%d,"clauses":[{"attribute":"","op":"segmentMatch","values":["rudderstack-cohort-%05d"]}]}`, variation, segment)
	}
	return b.call(http.MethodPatch, "/api/v2/flags/default/"+key, fmt.Sprintf(`[
		{"op":"replace","path":"/environments/production/on","value":true},
		{"op":"add","path":"/environments/production/targets/0","value":{"variation":1,"values":[%s]}},
		{"op":"add","path":"/environments/production/rules/0","value":%s},
		{"op":"add","path":"/environments/production/rules/1","value":%s}
	]`, strings.Join(targets, ","), rule(1, n*2%catalogSegments), rule(2, (n*2+1)%catalogSegments)), http.StatusOK)
}

// inParallel calls do with the numbers below n from several goroutines and returns the first error.
func (b *bench) inParallel(workers, n int, do func(int) error) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, workers)
	for range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := do(i); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}

func (b *bench) killCold() error { return errors.Join(b.kill(), b.forgetPages()) }

func (b *bench) stopCold() error { return errors.Join(b.stop(), b.forgetPages()) }

// forgetPages takes the files of the data directory out of the page cache.
func (b *bench) forgetPages() error {
	unix.Sync()
	return filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		return errors.Join(unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED), f.Close())
	})
}

// startAgain stops the server and measures the start, and what is asked for first behind it.
func (b *bench) startAgain(how string, stop func() error) error {
	if err := stop(); err != nil {
		return err
	}
	began := time.Now()
	if err := b.start(); err != nil {
		return err
	}
	ready, cpu := time.Since(began), b.cpu()
	report("start after "+how, "exec to ready %v, processor %v, %d MB that is not files", ready.Round(time.Millisecond), cpu, b.status("RssAnon")>>10)
	var first [2]time.Duration
	for i, path := range []string{"/api/v2/segments/default/production?limit=1000", "/api/v2/flags/default?limit=1000&env=production"} {
		at := time.Now()
		if err := b.call(http.MethodGet, path, "", http.StatusOK); err != nil {
			return err
		}
		first[i] = time.Since(at)
	}
	at := time.Now()
	n, err := b.load("/sdk/latest-all", false)
	if err != nil {
		return err
	}
	report("  first requests", "1,000 segments %v, 1,000 flags %v, %d KiB for an SDK %v", first[0].Round(100*time.Microsecond), first[1].Round(100*time.Microsecond),
		n>>10, time.Since(at).Round(time.Millisecond))
	return nil
}

// catalogLists measures each sort of list, and what is beside them.
func (b *bench) catalogLists() error {
	segments, flags := "/api/v2/segments/default/production", "/api/v2/flags/default"
	for _, path := range []string{
		segments + "?limit=20",
		segments + "?limit=1000",
		segments + "?limit=20&offset=9980",
		segments + "?limit=20&sort=name",
		segments + "?limit=20&sort=-lastModified",
		segments + `?limit=20&filter=query+equals+"cohort-0077"`,
		segments + `?limit=20&filter=tags+anyOf+["nobody"]`,
		segments + `?limit=20&filter=unbounded+equals+true`,
		segments + `?limit=20&filter=includedKeys+anyOf+["user-000000042"]`,
		segments + "/rudderstack-cohort-00077",
		segments + "/rudderstack-cohort-00077/runs?limit=20",
		flags + "?limit=20",
		flags + "?limit=1000",
		flags + "?limit=20&env=production",
		flags + "?limit=1000&env=production",
		flags + "?limit=1000&env=production&summary=0",
		flags + "?limit=20&offset=4980&env=production",
		flags + "?limit=20&env=production&sort=name",
		flags + "?limit=20&env=production&sort=-creationDate",
		flags + "?limit=20&env=production&sort=type",
		flags + "?limit=20&env=production&sort=-targetingModifiedDate",
		flags + "?limit=20&env=production&filter=query:release+7",
		flags + "?limit=20&env=production&filter=tags:team-7,type:temporary",
		flags + "/feature-00077",
		"/api/v2/flag-statuses/default/production",
		"/api/v2/projects/default/environments/production/runs?limit=20",
		"/api/v2/auditlog?limit=20",
		"/api/v2/tags?limit=100",
	} {
		name := strings.TrimPrefix(path, "/api/v2/")
		if err := b.latency("GET "+name, 1, func(int) error { return b.call(http.MethodGet, path, "", http.StatusOK) }); err != nil {
			return err
		}
	}
	return nil
}

// catalogPatches measures changes of one object: alone, beside others who do the same, and with SDKs
// that are told of each.
func (b *bench) catalogPatches() error {
	var turn atomic.Int64
	patchFlag := func(int) error {
		n := turn.Add(1)
		return b.call(http.MethodPatch, "/api/v2/flags/default/"+catalogFlag(int(n%catalogFlags)),
			fmt.Sprintf(`[{"op":"replace","path":"/environments/production/on","value":%t}]`, n/catalogFlags%2 == 1), http.StatusOK)
	}
	patchSegment := func(int) error {
		n := turn.Add(1)
		return b.call(http.MethodPatch, fmt.Sprintf("/api/v2/segments/default/production/rudderstack-cohort-%05d", n%catalogSegments),
			fmt.Sprintf(`[{"op":"replace","path":"/description","value":"Changed %d"}]`, n), http.StatusOK)
	}
	archiveFlag := func(int) error { // which asks who else depends on it
		n := turn.Add(1)
		return b.call(http.MethodPatch, "/api/v2/flags/default/"+catalogFlag(int(n%catalogFlags)), `[{"op":"replace","path":"/archived","value":true}]`, http.StatusOK)
	}
	if err := b.latency("PATCH one flag", 1, patchFlag); err != nil {
		return err
	}
	if err := b.latency("PATCH one segment", 1, patchSegment); err != nil {
		return err
	}
	if err := b.latency("PATCH one flag, archived", 1, archiveFlag); err != nil {
		return err
	}
	const streams = 100
	told, stop, err := b.openStreams(streams)
	if err != nil {
		return err
	}
	defer stop()
	if err := b.latency(fmt.Sprintf("PATCH one flag, %d SDK streams", streams), 1, patchFlag); err != nil {
		return err
	}
	if err := b.latency(fmt.Sprintf("PATCH one flag, 8 in parallel, %d SDK streams", streams), 8, patchFlag); err != nil {
		return err
	}
	pushing, end := context.WithCancel(b.ctx)
	pushed := make(chan error, 1)
	go func() {
		pushed <- b.inParallel(8, 1<<30, func(n int) error {
			if pushing.Err() != nil {
				return errEnough
			}
			err := b.push(pushBody(fmt.Sprintf("cohort-%05d", n*7%catalogSegments), n%1000*1000, catalogMembers, true))
			if errors.Is(err, errBusy) {
				err = nil
			}
			return err
		})
	}()
	err = b.latency(fmt.Sprintf("PATCH one flag, beside 8 tools that push, %d SDK streams", streams), 1, patchFlag)
	end()
	if ended := <-pushed; err == nil && !errors.Is(ended, errEnough) {
		err = ended
	}
	report("  told", "%d events reached the streams", told.Load())
	return err
}

var errEnough = errors.New("enough was pushed")

// openStreams opens streams of server-side SDKs and counts what they are told after the snapshot.
func (b *bench) openStreams(n int) (told *atomic.Int64, stop func(), err error) {
	ctx, cancel := context.WithCancel(b.ctx)
	told = new(atomic.Int64)
	var wg sync.WaitGroup
	opened := make(chan error, n)
	began := time.Now()
	for range n {
		wg.Go(func() {
			resp, err := b.sdk(ctx, "/all", false)
			if err != nil {
				opened <- err
				return
			}
			defer resp.Body.Close()
			lines := bufio.NewReaderSize(resp.Body, 1<<20)
			for first := true; ; {
				line, err := lines.ReadSlice('\n')
				for errors.Is(err, bufio.ErrBufferFull) {
					_, err = lines.ReadSlice('\n')
				}
				if err != nil {
					if first {
						opened <- err
					}
					return
				}
				if !bytes.HasPrefix(line, []byte("event:")) && len(line) > 1 {
					continue
				}
				if len(line) <= 1 && first { // the snapshot is through
					first = false
					opened <- nil
				} else if len(line) > 1 && !first {
					told.Add(1)
				}
			}
		})
	}
	stop = func() { cancel(); wg.Wait() }
	for range n {
		err = errors.Join(err, <-opened)
	}
	if err != nil {
		stop()
		return nil, nil, err
	}
	report("SDK streams", "%d opened at once, each with its snapshot after %v; %d MB of memory that is not files", n, time.Since(began).Round(time.Millisecond), b.status("RssAnon")>>10)
	return told, stop, nil
}

// sdk asks as a server-side SDK.
func (b *bench) sdk(ctx context.Context, path string, zipped bool) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", sdkKey)
	if zipped {
		req.Header.Set("Accept-Encoding", "gzip")
	}
	resp, err := b.client.Do(req)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.Join(fmt.Errorf("%s: %s", path, resp.Status), resp.Body.Close())
	}
	return resp, err
}

// load reads an answer for an SDK whole and returns how many bytes came.
func (b *bench) load(path string, zipped bool) (int64, error) {
	resp, err := b.sdk(b.ctx, path, zipped)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	return n, err
}

// catalogPayload measures what an SDK loads after each change of a flag, and what making it costs.
func (b *bench) catalogPayload() error {
	turn := 0
	for _, v := range []struct {
		name   string
		zipped bool
	}{{"plain", false}, {"gzip", true}} {
		var bytes int64
		var took []time.Duration
		cpu, allocated := b.cpu(), b.metric("go_memstats_alloc_bytes_total")
		const rounds = 50
		for range rounds {
			turn++
			err := b.call(http.MethodPatch, "/api/v2/flags/default/"+catalogFlag(turn%catalogFlags),
				fmt.Sprintf(`[{"op":"replace","path":"/environments/production/offVariation","value":%d}]`, turn%2), http.StatusOK)
			if err != nil {
				return err
			}
			at := time.Now()
			if bytes, err = b.load("/sdk/latest-all", v.zipped); err != nil {
				return err
			}
			took = append(took, time.Since(at))
		}
		report("SDK payload after a change of one flag, "+v.name, "%d KiB, p50 %v, p99 %v; server %v and %.1f MB allocated for change and payload", bytes>>10,
			quantile(took, .5), quantile(took, .99), ((b.cpu() - cpu) / rounds).Round(100*time.Microsecond), (b.metric("go_memstats_alloc_bytes_total")-allocated)/rounds/1e6)
	}
	return b.checkPayload()
}

// checkPayload compares the two forms of the payload.
func (b *bench) checkPayload() error {
	var texts [2][]byte
	for i := range texts {
		resp, err := b.sdk(b.ctx, "/sdk/latest-all", i == 1)
		if err != nil {
			return err
		}
		var body io.Reader = resp.Body
		if i == 1 {
			if body, err = gzip.NewReader(resp.Body); err != nil {
				return errors.Join(err, resp.Body.Close())
			}
		}
		texts[i], err = io.ReadAll(body)
		if err = errors.Join(err, resp.Body.Close()); err != nil {
			return err
		}
	}
	if !bytes.Equal(texts[0], texts[1]) {
		return errors.New("the payload is another one when it is compressed")
	}
	return nil
}

// metric returns a figure without labels of the server's metrics.
func (b *bench) metric(name string) float64 {
	resp, err := b.do(http.MethodGet, "/metrics", http.NoBody)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			v, _ := strconv.ParseFloat(text, 64)
			return v
		}
	}
	return 0
}

// latency sends requests, from several workers at once, and reports how long they took.
func (b *bench) latency(name string, workers int, do func(n int) error) error {
	took := make([]time.Duration, catalogRequests)
	cpu := b.cpu()
	err := b.inParallel(workers, catalogRequests, func(n int) error {
		at := time.Now()
		err := do(n)
		took[n] = time.Since(at)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	report(name, "p50 %v, p99 %v, max %v, server %v", quantile(took, .5), quantile(took, .99), quantile(took, 1), ((b.cpu() - cpu) / catalogRequests).Round(10*time.Microsecond))
	return nil
}
