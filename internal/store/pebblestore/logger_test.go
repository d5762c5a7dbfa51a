package pebblestore

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestRepeatedErrorsOfPebbleAreLoggedNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := &pebbleLogger{s: &Store{logger: slog.New(slog.NewTextHandler(&out, nil))}}
		for range 1000 {
			l.Errorf("flush failed: %s", "no space left on device")
		}
		if n := strings.Count(out.String(), "no space left"); n != 1 {
			t.Fatalf("%d lines at once", n)
		}
		time.Sleep(errorPause)
		l.Errorf("flush failed: %s", "no space left on device")
		if n := strings.Count(out.String(), "no space left"); n != 2 || !strings.Contains(out.String(), "not_logged_before=999") {
			t.Errorf("afterwards the log has:\n%s", out.String())
		}
	})
}
