package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// streams measures what open streams cost, and how soon they hear of a change: those of server-side SDKs
// and of browsers on a server each, because memory that was needed once is not given back at once.
func (r run) streams(most, members int) error {
	fmt.Printf("open files allowed: %d here, and in the server\n", files())
	if err := r.on((*bench).flipFlag, func(b *bench) error { return b.serverStreams(most) }); err != nil {
		return err
	}
	return r.on((*bench).flipFlag, func(b *bench) error { return b.browserStreams(most, members) }, func(b *bench) error {
		for _, n := range []int{1, 1000} {
			if err := b.flips(n); err != nil {
				return err
			}
		}
		return nil
	})
}

// flipFlag makes a flag on an empty synced segment, from which the guard lets as many go as leave: who is
// pushed in and out thousands of times within its window would be held, and a held push is answered like
// another one.
func (b *bench) flipFlag() error {
	if err := b.flagOn("flip", "rudderstack-flip"); err != nil {
		return err
	}
	if err := b.push(pushBody("flip", 0, 0, true)); err != nil {
		return err
	}
	return b.call(http.MethodPatch, "/api/v2/segments/default/production/rudderstack-flip/guard", `{"shrinkPercent":null,"allowEmpty":true}`, http.StatusOK)
}

// withStreams opens streams, does something beside them and closes them.
func (b *bench) withStreams(n int, path func(int) (string, string), do func(*audience) error) error {
	a, err := b.listen(n, path)
	if err != nil {
		return err
	}
	defer a.close()
	return do(a)
}

func (b *bench) flips(n int) error {
	return b.withStreams(n, browserPath, func(a *audience) error { return b.flipOneOf(a, "idle", nil) })
}

// browserStreams measures the largest number of client-side streams in every way.
func (b *bench) browserStreams(n, members int) error {
	before := b.memory()
	return b.withStreams(n, browserPath, func(a *audience) error {
		b.reportMemory(fmt.Sprintf("%d client-side streams", n), n, before)
		for _, figure := range []func(*audience) error{
			func(a *audience) error { return b.flipOneOf(a, "idle", nil) },
			func(a *audience) error { return b.flipBeside(a, members) },
			b.patchAll,
			b.eventsBeside,
			b.storm,
			b.killUnder,
		} {
			if err := figure(a); err != nil {
				return err
			}
		}
		return nil
	})
}

// serverStreams measures the streams of server-side SDKs, which all get the same bytes.
func (b *bench) serverStreams(n int) error {
	before := b.memory()
	return b.withStreams(n, serverPath, func(a *audience) error {
		b.reportMemory(fmt.Sprintf("%d server-side streams", n), n, before)
		return b.patchAll(a)
	})
}

// memory is what the server has that is not files, in KiB, and what the kernel keeps for sockets.
type memory struct{ process, sockets int64 }

func (b *bench) memory() memory {
	m := memory{process: b.status("RssAnon")}
	if text, err := os.ReadFile("/proc/net/sockstat"); err == nil {
		if _, pages, found := strings.Cut(string(text), " mem "); found { // that of TCP stands first
			_, _ = fmt.Sscan(pages, &m.sockets)
			m.sockets *= int64(os.Getpagesize()) >> 10
		}
	}
	return m
}

// reportMemory says what streams that have come to rest cost.
func (b *bench) reportMemory(name string, n int, before memory) {
	time.Sleep(10 * time.Second)
	after := b.memory()
	each := float64(after.process-before.process) / float64(n)
	report(name+", memory", "%.1f KiB a stream, %.0f a GiB; from %d to %d MB that is not files; the kernel's buffers at both ends %d MB",
		each, (1<<20)/each, before.process>>10, after.process>>10, (after.sockets-before.sockets)>>10)
}

// flipOneOf pushes one member at a time, in and out again, then another one, and measures how soon that
// context's stream says so: a fixed number of times, or until something is done.
func (b *bench) flipOneOf(a *audience, beside string, done <-chan struct{}) error {
	const rounds = 400
	a.forget()
	var answered, whole []time.Duration
	cpu := b.cpu()
	for round := 0; done != nil || round < rounds; round++ {
		n := round / 2 * 7919 % len(a.readers)
		add := !a.readers[n].on.Load()
		sent := time.Now()
		for {
			err := b.push(pushBody("flip", n, 1, add))
			if err == nil {
				break
			}
			if !errors.Is(err, errBusy) {
				return err
			}
		}
		pushed := time.Now()
		at, err := a.from(n)
		if err != nil {
			return err
		}
		if a.readers[n].on.Load() != add {
			return fmt.Errorf("%s was told the wrong value", listener(n))
		}
		answered = append(answered, max(0, at.Sub(pushed)))
		whole = append(whole, at.Sub(sent))
		if done != nil {
			select {
			case <-done:
				done, round = nil, rounds
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
	report(fmt.Sprintf("push answered -> event, %d streams, %s", len(a.readers), beside), "p50 %v, p99 %v, max %v (%d pushes); from the first byte sent p50 %v, p99 %v, max %v; server %v a push",
		quantile(answered, .5), quantile(answered, .99), quantile(answered, 1), len(answered),
		quantile(whole, .5), quantile(whole, .99), quantile(whole, 1), ((b.cpu() - cpu) / time.Duration(len(whole))).Round(10*time.Microsecond))
	return nil
}

// beside does something while one of the streams is flipped all the time.
func (b *bench) beside(a *audience, name string, do func() error) error {
	done := make(chan struct{})
	failed := make(chan error, 1)
	go func() {
		defer close(done)
		failed <- do()
	}()
	err := b.flipOneOf(a, name, done)
	<-done
	return errors.Join(err, <-failed)
}

// flipBeside replaces a large membership, twice, which touches nobody who listens.
func (b *bench) flipBeside(a *audience, members int) error {
	if err := b.segment("replaced"); err != nil {
		return err
	}
	for _, list := range []rows{{to: members}, {from: members / 20, to: members + members/20}} {
		file, err := b.listFile(&list)
		if err != nil {
			return err
		}
		var took time.Duration
		err = b.beside(a, fmt.Sprintf("while %d members are replaced", members), func() (err error) {
			took, err = b.send(replaced, file)
			return err
		})
		if err != nil {
			return err
		}
		report("  the replace meanwhile", "first byte sent to visible %v", took.Round(10*time.Millisecond))
	}
	return nil
}

// patchAll changes a flag for everybody and waits for the last stream to say so.
func (b *bench) patchAll(a *audience) error {
	const rounds = 16 // an even number, so that the default is again what it was
	var answered, whole []time.Duration
	a.forget()
	cpu, own := b.cpu(), ownCPU()
	for round := range rounds {
		sent := time.Now()
		if err := b.call(http.MethodPatch, "/api/v2/flags/default/flip", fmt.Sprintf(`[{"op":"replace","path":"/environments/production/fallthrough","value":{"variation":%d}}]`, round%2), http.StatusOK); err != nil {
			return err
		}
		done := time.Now()
		last, err := a.all()
		if err != nil {
			return err
		}
		answered = append(answered, max(0, last.Sub(done)))
		whole = append(whole, last.Sub(sent))
	}
	report(fmt.Sprintf("patch of a flag answered -> event at the last of %d streams", len(a.readers)), "p50 %v, max %v; from the first byte sent p50 %v, max %v; server %v a patch, %v a stream, their readers %v",
		quantile(answered, .5), quantile(answered, 1), quantile(whole, .5), quantile(whole, 1),
		((b.cpu() - cpu) / rounds).Round(time.Millisecond), ((b.cpu() - cpu) / time.Duration(rounds*len(a.readers))).Round(100*time.Nanosecond),
		((ownCPU() - own) / time.Duration(rounds*len(a.readers))).Round(100*time.Nanosecond))
	return nil
}

// eventsBeside sends the events of browsers as fast as the server takes them.
func (b *bench) eventsBeside(a *audience) error {
	const summaries, contexts = 1, 20
	body := eventsBody(contexts)
	l := load{name: fmt.Sprintf("events of browsers, %d summary and %d others a request, 8 in parallel", summaries, contexts), workers: 8, length: b.length}
	return b.beside(a, "events sent without end", func() error {
		return b.rate(l, func(int, int) error {
			resp, err := b.do(http.MethodPost, "/events/bulk/"+environment, strings.NewReader(body))
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			if _, err := io.Copy(io.Discard, resp.Body); err != nil {
				return err
			}
			if resp.StatusCode != http.StatusAccepted {
				return fmt.Errorf("events: status %d", resp.StatusCode)
			}
			return nil
		})
	})
}

func eventsBody(contexts int) string {
	now := time.Now().UnixMilli()
	list := []string{fmt.Sprintf(`{"kind":"summary","startDate":%d,"endDate":%d,"features":{"flip":{"default":false,"contextKinds":["user"],"counters":[{"variation":0,"version":2,"value":true,"count":12},{"variation":1,"version":2,"value":false,"count":3}]}}}`, now-5000, now)}
	for n := range contexts {
		list = append(list, fmt.Sprintf(`{"kind":"identify","creationDate":%d,"context":{"kind":"user","key":%q}}`, now, listener(n)))
	}
	return "[" + strings.Join(list, ",") + "]"
}

// others evaluates now and then, as clients do that have nothing to do with what is measured, until
// done. An answer that is not 200 counts as long as it takes until one is.
func (b *bench) others(done <-chan struct{}) []time.Duration {
	var took []time.Duration
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}, Timeout: 10 * time.Second}
	path, _ := browserPath(0)
	path = strings.Replace(strings.Replace(path, "/eval/", "/sdk/evalx/", 1), environment+"/", environment+"/contexts/", 1)
	for {
		at := time.Now()
		for {
			resp, err := client.Get(b.url + path) //nolint:noctx // the client has a timeout
			if err == nil {
				_, err = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if err == nil && resp.StatusCode == http.StatusOK {
					break
				}
			}
			time.Sleep(5 * time.Millisecond)
		}
		took = append(took, time.Since(at))
		select {
		case <-done:
			return took
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// storm cuts all streams, which come back at once and without a pause.
func (b *bench) storm(a *audience) error {
	a.forget()
	a.eager.Store(true)
	done := make(chan struct{})
	var others []time.Duration
	var wait sync.WaitGroup
	wait.Go(func() { others = b.others(done) })
	cpu, began := b.cpu(), time.Now()
	a.drop()
	last, err := a.all()
	close(done)
	wait.Wait()
	a.eager.Store(false)
	if err != nil {
		return err
	}
	report(fmt.Sprintf("%d streams come back at once", len(a.readers)), "the last has its results after %v; others meanwhile p50 %v, p99 %v, max %v (%d requests); server %v a stream",
		last.Sub(began).Round(time.Millisecond), quantile(others, .5), quantile(others, .99), quantile(others, 1), len(others), ((b.cpu() - cpu) / time.Duration(len(a.readers))).Round(time.Microsecond))
	return nil
}

// killUnder kills the server while streams flip, and starts it again: they come back after SDKs' pauses,
// each with what was pushed last.
func (b *bench) killUnder(a *audience) error {
	before := make([]int64, len(a.readers))
	want := make([]bool, len(a.readers))
	for i, r := range a.readers {
		before[i], want[i] = r.requests.Load(), r.on.Load()
	}
	unanswered := make(chan int, 1)
	go func() {
		for round := 0; ; round++ {
			n := round * 7919 % len(a.readers)
			if b.push(pushBody("flip", n, 1, !want[n])) != nil { // the kill ends it
				unanswered <- n
				return
			}
			want[n] = !want[n]
		}
	}()
	time.Sleep(2 * time.Second)
	if err := b.kill(); err != nil {
		return err
	}
	unknown := <-unanswered
	a.forget()
	began := time.Now()
	if err := b.start(); err != nil {
		return err
	}
	started := time.Now()
	done := make(chan struct{})
	var others []time.Duration
	var wait sync.WaitGroup
	wait.Go(func() { others = b.others(done) })
	last, err := a.all()
	close(done)
	wait.Wait()
	if err != nil {
		return err
	}
	var wrong int
	var requests []int64
	for i, r := range a.readers {
		requests = append(requests, r.requests.Load()-before[i])
		if i != unknown && r.on.Load() != want[i] {
			wrong++
		}
	}
	slices.Sort(requests)
	report(fmt.Sprintf("kill -9 under load, %d streams come back", len(a.readers)), "ready after %v, the last stream %v later; wrong values: %d; requests a stream: p50 %d, max %d; others meanwhile p50 %v, p99 %v; server %v in all",
		started.Sub(began).Round(time.Millisecond), last.Sub(started).Round(time.Millisecond), wrong, requests[len(requests)/2], requests[len(requests)-1], quantile(others, .5), quantile(others, .99), b.cpu().Round(10*time.Millisecond))
	if wrong > 0 {
		return errors.New("streams came back with wrong values")
	}
	return nil
}
