package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestABarSaysWhatIsKnown(t *testing.T) {
	for _, tt := range []struct {
		name string
		p    progress
		tty  bool
		want string
	}{
		{"nothing yet", progress{}, true, "upload, 2s"},
		{"of unknown length", progress{done: 3_400_000, rows: 170_000}, false, "upload 3.4 MB, 170,000 rows, 1.7 MB/s"},
		{"half of it", progress{done: 512_000_000, total: 1_024_000_000}, true, "upload [===============               ] 50 %, 512.0 MB of 1.0 GB, 256.0 MB/s, 2s left"},
		{"all of it", progress{done: 10_000_000, total: 10_000_000}, false, "upload 100 %, 10.0 MB of 10.0 MB, 5.0 MB/s"},
		{"a file that grows", progress{done: 2_000, total: 1_000}, false, "upload 100 %, 2.0 kB of 1.0 kB, 1.0 kB/s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := &bar{what: "upload", tty: tt.tty}
			if got := b.line(tt.p, 2*time.Second); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestABarThatIsNotOnATerminalWritesALineNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		b := &bar{out: &out, what: "upload", began: time.Now(), state: func() progress { return progress{done: 1000} }}
		quit := make(chan struct{})
		time.AfterFunc(2*lineEvery+time.Second, func() { close(quit) })
		b.run(quit)
		if got := out.String(); got != "upload 1.0 kB, 200 B/s\nupload 1.0 kB, 100 B/s\n" {
			t.Errorf("wrote %q", got)
		}
	})
}

func TestNumbersAreGroupedByThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 10_000_000: "10,000,000", -123: "-123", -123_456: "-123,456"} {
		if got := grouped(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}
