package delivery

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestSDKsThatPollAreSeenForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newMemoryLog()
		l.commit(define(boolFlag(t, "checkout", 1, true)))
		d := New(l, Options{Log: quiet()})
		defer d.Close()
		if _, err := d.Current(t.Context(), env, ""); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		d.Polled(env, Peer{Name: "GoClient", Version: "7.1", Address: "10.0.0.1"})
		time.Sleep(time.Minute)
		d.Polled(env, Peer{Name: "GoClient", Version: "7.1", Address: "10.0.0.1"})
		l.commit(define(boolFlag(t, "checkout", 2, true)))
		synctest.Wait()
		got := only(t, d)
		if got.Side != Polling || !got.Since.Equal(began) || !got.Seen.Equal(began.Add(time.Minute)) || got.Revision != 1 || got.LagRevisions != 1 || got.State != Current {
			t.Errorf("%+v", got)
		}
		leave := d.Connected(env, "ioredis", "10.0.0.2")
		if all := d.Readers(env); len(all) != 2 || all[1].Side != Redis || all[1].Revision != 2 || all[1].LagRevisions != 0 {
			t.Errorf("%+v", all)
		}
		leave()
		time.Sleep(pollerSpan + time.Second)
		if all := d.Readers(env); len(all) != 0 {
			t.Errorf("%+v after a while", all)
		}
	})
}

func TestManyThatPollAreSummedAndBounded(t *testing.T) {
	l := newMemoryLog()
	d := open(t, l, Options{})
	for i := range 5000 {
		d.Polled(env, Peer{Name: "PHPClient", Version: fmt.Sprint(i % 3), Address: fmt.Sprint(i)})
		d.Polled(env, Peer{Name: fmt.Sprint("odd ", i), Address: "10.0.0.1"})
	}
	if n := len(d.roll.pollers[env]); n != maxPollers+maxPollersNamed {
		t.Errorf("%d are kept", n)
	}
	php := 0
	for _, r := range d.Readers(env) {
		if r.Address != "" {
			t.Fatalf("%+v is told apart", r)
		}
		if r.Name == "PHPClient" {
			php++
		}
	}
	if php != 3 {
		t.Errorf("%d rows for three versions", php)
	}
}
