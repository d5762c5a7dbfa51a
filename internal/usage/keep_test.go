package usage_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"muster/internal/store"
)

func TestWhatIsKeptIsThereAgain(t *testing.T) {
	w := newWorld(t, "checkout", "banner")
	w.send(summary("checkout", served("0", 12)))
	w.now = noon.Add(time.Hour)
	w.send(summary("checkout", served("0", 1), served("1", 2)))
	w.restart()
	w.send(summary("checkout", served("1", 5)))
	w.restart()
	w.restart()
	w.want("checkout", "28T12 0 12", "28T13 0 1", "28T13 1 7")
	if at, fallback := w.usage.LastEvaluated(envID, "checkout"); !at.Equal(noon.Add(time.Hour)) || fallback != "false" {
		t.Errorf("last evaluated %v with the default %q", at, fallback)
	}
	if docs := w.documents(); len(docs) != 3 {
		t.Errorf("kept in %v, want one document for each of two hours and one for the rest", docs)
	}
}

// documents returns the names of what is kept.
func (w *world) documents() []store.DocumentID {
	w.t.Helper()
	var all []store.DocumentID
	for doc, err := range w.store.DocumentList(context.Background(), envID, "usage/") {
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, doc.ID)
	}
	return all
}

func TestNothingNewIsNotWritten(t *testing.T) {
	w := newWorld(t, "checkout")
	w.send(summary("checkout", served("0", 12)))
	w.restart()
	before := w.documents()
	w.restart()
	w.send(summary("not-ours", served("0", 12))) // the SDK was seen again, and nothing else happened
	w.restart()
	after := w.documents()
	if before[0] != after[0] || before[1] == after[1] || len(after) != 2 {
		t.Errorf("%v became %v; only the second may be new", before, after)
	}
}

func TestACrashLosesOnlyWhatWasNotKept(t *testing.T) {
	w := newWorld(t, "checkout")
	w.send(summary("checkout", served("0", 12)))
	w.restart()
	w.send(summary("checkout", served("0", 100)))
	w.settle()
	w.open() // without a Keep
	w.want("checkout", "28T12 0 12")
}

// A crash between the write of a document and the deletion of the one before leaves both.
func TestOfTwoDocumentsTheNewerCounts(t *testing.T) {
	w := newWorld(t, "checkout")
	w.send(summary("checkout", served("0", 12)))
	w.restart()
	hour := w.documents()[0]
	older := hour[:strings.LastIndex(string(hour), "/")+1] + "0000000000000000"
	w.put(older, `{"checkout":{"0":1}}`)
	w.settle()
	w.open()
	w.want("checkout", "28T12 0 12")
	if docs := w.documents(); len(docs) != 2 || docs[0] != hour {
		t.Errorf("the older document is still there: %v", docs)
	}
}

func (w *world) put(id store.DocumentID, text string) {
	w.t.Helper()
	err := w.store.PutDocument(context.Background(), envID, id, func(out io.Writer) error {
		_, err := io.WriteString(out, text)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestADocumentThatCannotBeReadIsMissing(t *testing.T) {
	w := newWorld(t, "checkout")
	w.send(summary("checkout", served("0", 12)))
	w.restart()
	w.put("usage/hour/00492000/00000000000000ff", `{"checkout":`)
	w.put("usage/hour/now/00000000000000ff", `{}`)
	w.put("usage/unknown", `{}`)
	w.restart()
	w.want("checkout", "28T12 0 12")
	if docs := w.documents(); len(docs) != 3 {
		t.Errorf("kept are %v", docs)
	}
}

func TestCountsGoAfterAWeek(t *testing.T) {
	w := newWorld(t, "checkout")
	for range 8 * 24 {
		w.send(summary("checkout", served("0", 1)))
		w.restart()
		w.now = w.now.Add(time.Hour)
	}
	w.restart()
	counts := w.usage.Evaluations(envID, "checkout", noon, noon.Add(never))
	if len(counts) != 7*24 || !counts[0].Hour.Equal(noon.Add(24*time.Hour).Truncate(time.Hour)) {
		t.Errorf("%d hours are kept, the first is %v", len(counts), counts[0].Hour)
	}
	if docs := w.documents(); len(docs) != 7*24+1 {
		t.Errorf("%d documents are kept", len(docs))
	}
}

func TestFlagsAndEnvironmentsThatAreGone(t *testing.T) {
	w := newWorld(t, "checkout", "banner")
	w.send(summary("checkout", served("0", 12)))
	w.send(summary("banner", served("0", 1)))
	w.restart()
	w.update(func(tx store.Tx) { tx.DeleteFlag(project, "checkout") })
	w.restart()
	w.want("checkout")
	w.want("banner", "28T12 0 1")
	w.open()
	w.send(summary("banner", served("0", 1)))
	w.update(func(tx store.Tx) { tx.DeleteEnvironment(envID) })
	w.restart()
	w.send(summary("banner", served("0", 1)))
	w.restart()
	w.want("banner")
}
