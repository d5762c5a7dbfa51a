package fault_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"unicode/utf8"

	"muster/internal/fault"
)

func TestAnErrorNobodyClassifiedTellsAClientNothing(t *testing.T) {
	err := fmt.Errorf("write row of /data/secret: %w", fs.ErrPermission)
	f := fault.From(err)
	if f.Kind != fault.Internal || f.Code != fault.CodeInternal {
		t.Errorf("kind %d, code %s", f.Kind, f.Code)
	}
	if strings.Contains(f.Message, "secret") || strings.Contains(f.Message, "permission") {
		t.Errorf("the message gives the cause away: %s", f.Message)
	}
	if !errors.Is(f, fs.ErrPermission) {
		t.Error("the cause is lost for the log")
	}
}

func TestWhatAClientDidWrongIsFoundBelowWrapping(t *testing.T) {
	cause := errors.New("head moved")
	err := fmt.Errorf("commit push of heap: %w", fault.Conflictf("the key %s is taken", "a").Because(cause))
	f := fault.From(err)
	if f.Kind != fault.Conflict || f.Code != fault.CodeConflict || f.Message != "the key a is taken" {
		t.Errorf("got %+v", f)
	}
	if fault.KindOf(err) != fault.Conflict || !errors.Is(err, cause) {
		t.Error("kind or cause is lost")
	}
}

func TestBecauseLeavesTheOriginalAlone(t *testing.T) {
	shared := fault.NotFoundf("no such segment")
	if with := shared.Because(fs.ErrNotExist); with == shared || errors.Is(shared, fs.ErrNotExist) {
		t.Error("an error shared by many got somebody's cause")
	}
}

type key string

func TestMessagesQuoteOnlySoMuch(t *testing.T) {
	long := strings.Repeat("é", 3000)
	e := fault.NotFoundf("%s and %q and %d", key("x"+long), long, 7)
	if n := len(e.Message); n > 2500 || !utf8.ValidString(e.Message) || !strings.HasSuffix(e.Message, "…\" and 7") {
		t.Errorf("%d bytes: %s", n, e.Message)
	}
}
