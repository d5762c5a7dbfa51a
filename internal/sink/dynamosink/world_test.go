package dynamosink_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"muster/internal/catalog"
	muster "muster/internal/fault"
	"muster/internal/segment"
	"muster/internal/sink"
	"muster/internal/sink/dynamosink"
	"muster/internal/sink/sinktest"
	"muster/internal/store"
)

var keys = []segment.Key{"vip", "beta", "trial"}

func newWorld(t testing.TB) *sinktest.World {
	return sinktest.NewWorld(t, map[catalog.SinkKind]sink.Open{catalog.DynamoDBSink: dynamosink.Open}, keys...)
}

// items counts the items of a namespace, also those that hold nothing.
func items(t testing.TB, c *dynamodb.Client, namespace string) (n int) {
	t.Helper()
	in := &dynamodb.QueryInput{
		TableName: aws.String("members"), ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("#n = :n"),
		ExpressionAttributeNames:  map[string]string{"#n": "namespace"},
		ExpressionAttributeValues: map[string]types.AttributeValue{":n": &types.AttributeValueMemberS{Value: namespace}},
	}
	for {
		out, err := c.Query(context.Background(), in)
		if err != nil {
			t.Fatal(err)
		}
		n += len(out.Items)
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(out.LastEvaluatedKey) == 0 {
			return n
		}
	}
}

func TestATableFollowsEverythingThatHappens(t *testing.T) {
	d := start(t)
	w := newWorld(t)
	w.Push("vip", segment.Include, sinktest.Range(0, 1000)...)
	s := settings(d.URL, "app")
	id := w.PutSink(s, secrets)
	target := open(t, s)
	w.Caught(id)
	w.Equal(target, keys...)

	w.Push("vip", segment.Uninclude, sinktest.Range(5, 450)...)
	w.Push("vip", segment.Include, 7, 8, 9)
	w.Push("beta", segment.Exclude, sinktest.Range(0, 300)...)
	w.Push("beta", segment.Unexclude|segment.Include, 1, 2, 3)
	w.Caught(id)
	w.Equal(target, keys...)
	if n := items(t, client(t, d.URL), "app:big_segments_user"); n != 1000-(450-300) {
		t.Errorf("the table has %d items of contexts", n)
	}

	w.Replace("vip", sinktest.Range(750, 1250)...)
	w.DeleteSegment("beta")
	w.Caught(id)
	w.Equal(target, keys...)
	deleted := time.Now()
	w.PutSegment("beta", 2)
	w.Push("beta", segment.Include, sinktest.Range(0, 30)...)
	w.Marked(target, deleted)
	w.Restart()
	w.Push("trial", segment.Include, 1)
	w.Caught(id)
	w.Equal(target, keys...)
	if n := w.Status(id).Written; n > 250 {
		t.Errorf("after a restart %d changes are written, though little happened", n)
	}
}

// A sink writes over a wire on which everything happens that can happen, and is cut off in the midst of it.
func TestATableEqualsTheTruthAfterEverySortOfFault(t *testing.T) {
	d := start(t)
	wire := startWire(t, d)
	w := newWorld(t)
	w.Push("vip", segment.Include, sinktest.Range(0, 1000)...)
	wire.every(23, throttled, refused, lost, cut, broken, partial)
	s := settings(wire.URL, "app")
	id := w.PutSink(s, secrets)
	w.Until("it is in the midst of it", func() bool { return w.Status(id).Written > 500 })
	w.Restart()
	w.Push("vip", segment.Uninclude, sinktest.Range(0, 250)...)
	w.Push("beta", segment.Include|segment.Exclude, sinktest.Range(0, 100)...)
	w.Caught(id)
	w.Restart()
	w.Replace("vip", sinktest.Range(150, 1250)...)
	w.Caught(id)
	wire.choose.Store(nil)
	w.Becomes(open(t, settings(d.URL, "app")), keys...)
	w.Caught(id)
	for _, f := range []fault{throttled, refused, lost, cut, broken} {
		if wire.counts[f].Load() == 0 {
			t.Errorf("nothing happened of sort %d", f)
		}
	}
}

// watch lets everything pass and tells of each request before it goes on.
func (w *wire) watch(tell func(op string, body []byte)) {
	choose := func(op string, body []byte) fault {
		tell(op, body)
		return none
	}
	w.choose.Store(&choose)
}

func TestATableIsFilledContextByContext(t *testing.T) {
	d := start(t)
	wire := startWire(t, d)
	var mu sync.Mutex
	puts, updates := make(map[string]int), 0
	wire.watch(func(op string, body []byte) {
		mu.Lock()
		defer mu.Unlock()
		if op == "UpdateItem" && !bytes.Contains(body, []byte("big_segments_metadata")) {
			updates++
		}
		var batch struct {
			RequestItems map[string][]struct {
				PutRequest struct {
					Item struct{ Key struct{ S string } }
				}
			}
		}
		if op == "BatchWriteItem" && json.Unmarshal(body, &batch) == nil {
			for _, one := range batch.RequestItems["members"] {
				puts[one.PutRequest.Item.Key.S]++
			}
		}
	})
	w := newWorld(t)
	const n = 1500
	for _, key := range keys {
		w.Push(key, segment.Include, sinktest.Range(0, n)...)
	}
	id := w.PutSink(settings(wire.URL, "app"), secrets)
	w.Caught(id)
	w.Equal(open(t, settings(d.URL, "app")), keys...)
	mu.Lock()
	defer mu.Unlock()
	if updates > 0 {
		t.Errorf("%d items are written by single changes", updates)
	}
	if len(puts) != n {
		t.Errorf("%d items are written", len(puts))
	}
	all := 0
	for _, times := range puts {
		all += times
	}
	if all >= 2*n { // a request may be repeated
		t.Errorf("items are written %d times", all)
	}
}

func TestATableThatLostItsMarkerBecomesTheTruthWhileItChanges(t *testing.T) {
	d := start(t)
	c := client(t, d.URL)
	w := newWorld(t)
	for i, key := range keys {
		w.Push(key, segment.Include, sinktest.Range(200*i, 200*i+800)...)
	}
	s := settings(d.URL, "app")
	id := w.PutSink(s, secrets)
	target := open(t, s)
	w.Caught(id)
	w.ChangeSink(id, func(s *catalog.Sink) { s.Paused = true })
	w.Until("it is paused", func() bool { return w.Status(id).State == sink.Paused })
	name := &types.AttributeValueMemberS{Value: "app:big_segments_metadata"}
	if _, err := c.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: aws.String("members"), Key: map[string]types.AttributeValue{"namespace": name, "key": name}}); err != nil {
		t.Fatal(err)
	}
	w.Push("vip", segment.Uninclude, sinktest.Range(0, 280)...) // who is left in the table
	w.Push("trial", segment.Uninclude|segment.Exclude, sinktest.Range(400, 600)...)
	w.ChangeSink(id, func(s *catalog.Sink) { s.Paused = false })
	for round := range 24 {
		for i, key := range keys {
			first := (round*173 + i*611) % 1000
			w.Push(key, []segment.Ops{segment.Include, segment.Uninclude, segment.Exclude | segment.Include, segment.Unexclude}[(round+i)%4], sinktest.Range(first, first+40)...)
		}
		if round == 8 {
			w.Replace("beta", sinktest.Range(360, 840)...)
		}
		if round == 12 {
			w.Restart()
		}
	}
	w.Caught(id)
	w.Becomes(target, keys...) // what was under way at the restart may have arrived late, and is looked at once more
}

func TestATableThatIsFilledIsToldWhatTheLogKnowsOfMembersThatCantBeRead(t *testing.T) {
	s := settings(start(t).URL, "app")
	sinktest.FillOverDamage(t, newWorld(t), s, secrets, open(t, s))
}

func TestAFillEndsWhenSomebodyElseComes(t *testing.T) {
	d := start(t)
	wire := startWire(t, d)
	c := client(t, d.URL)
	var once sync.Once
	wire.watch(func(op string, _ []byte) {
		if op != "BatchWriteItem" {
			return
		}
		once.Do(func() { putCursor(t, c, "a cursor of a relay") })
	})
	w := newWorld(t)
	const n = 8000
	w.Push("vip", segment.Include, sinktest.Range(0, n)...)
	id := w.PutSink(settings(wire.URL, "app"), secrets)
	w.Until("the sink says why", func() bool { return strings.Contains(w.Status(id).Error, "kept by somebody else") })
	traits := open(t, settings(d.URL, "app")).Traits()
	if most := traits.Batch * traits.Ahead; items(t, c, "app:big_segments_user") > most {
		t.Errorf("more than the %d contexts are written that were under way when somebody else's cursor came", most)
	}
	seen, err := open(t, settings(d.URL, "app")).Look(t.Context())
	if err != nil || seen.Marker != "a cursor of a relay" {
		t.Errorf("the cursor is %q, %v", seen.Marker, err)
	}
}

func TestATableWithLittleCapacityIsSlowAndFailsNothing(t *testing.T) {
	d := start(t)
	wire := startWire(t, d)
	w := newWorld(t)
	w.Push("vip", segment.Include, sinktest.Range(0, 300)...)
	wire.every(1, throttled)
	s := settings(wire.URL, "app")
	target := open(t, s)
	if _, err := target.Look(t.Context()); muster.KindOf(err) != muster.Unavailable || !strings.Contains(err.Error(), "more capacity") {
		t.Errorf("a table that takes nothing is looked into with %v", err)
	}
	wire.every(2, throttled)
	id := w.PutSink(s, secrets)
	w.Caught(id)
	w.Equal(target, keys...)
	if st := w.Status(id); len(st.Errors) != 0 {
		t.Errorf("a slow table makes errors: %+v", st.Errors)
	}
}

func TestATableThatIsLostIsFilledAgain(t *testing.T) {
	d := sinktest.StartDynamoDB(t)
	w := newWorld(t)
	w.Push("vip", segment.Include, sinktest.Range(0, 500)...)
	s := settings(d.URL, "app")
	id := w.PutSink(s, secrets)
	target := open(t, s)
	w.Until("it says that there is no table", func() bool {
		return strings.Contains(w.Status(id).Error, "doesn't exist: make it with the partition key")
	})
	w.ChangeSink(id, func(s *catalog.Sink) { s.DynamoDB.CreateTable = true })
	w.Caught(id)
	w.Equal(target, keys...)
	d.Kill()
	w.Push("vip", segment.Include, 5000)
	w.Until("the sink fails", func() bool { return w.Status(id).State == sink.Failed })
	d.Start()
	w.Until("the table is there again", func() bool {
		_, err := target.Look(t.Context())
		return err == nil
	})
	w.Becomes(target, keys...)
	w.Caught(id)
}

// putCursor writes what a relay that keeps the table would.
func putCursor(t testing.TB, c *dynamodb.Client, cursor string) {
	t.Helper()
	name := &types.AttributeValueMemberS{Value: "app:big_segments_metadata"}
	_, err := c.UpdateItem(context.Background(), &dynamodb.UpdateItemInput{
		TableName: aws.String("members"), Key: map[string]types.AttributeValue{"namespace": name, "key": name},
		UpdateExpression: aws.String("SET lastVersion = :v"), ExpressionAttributeValues: map[string]types.AttributeValue{":v": &types.AttributeValueMemberS{Value: cursor}},
	})
	if err != nil {
		t.Error(err)
	}
}

func TestATableThatSomebodyElseKeepsIsLeftAlone(t *testing.T) {
	d := start(t)
	c := client(t, d.URL)
	putCursor(t, c, "a cursor of a relay")
	w := newWorld(t)
	w.Push("vip", segment.Include, sinktest.Range(0, 100)...)
	s := settings(d.URL, "app")
	id := w.PutSink(s, secrets)
	w.Until("the sink says why", func() bool { return strings.Contains(w.Status(id).Error, "kept by somebody else") })
	if n := items(t, c, "app:big_segments_user"); n != 0 {
		t.Errorf("%d contexts were written to somebody else's table", n)
	}
	if err := w.Keeper.Rebuild(id, true); err != nil {
		t.Fatal(err)
	}
	w.Caught(id)
	w.Equal(open(t, s), keys...)
	putCursor(t, c, "a later cursor")
	w.Until("the sink notices", func() bool { return w.Status(id).State == sink.Failed })
}

func TestWhatIsWrongWithATableIsSaid(t *testing.T) {
	d := sinktest.StartDynamoDB(t)
	missing := open(t, settings(d.URL, "app"))
	_, err := missing.Check(t.Context())
	if muster.KindOf(err) != muster.Invalid || !strings.Contains(err.Error(), `the table "members" at `+d.URL+`: it doesn't exist`) {
		t.Errorf("a table that is missing: %v", err)
	}
	makeTable(t, client(t, d.URL), "namespace", "other")
	for what, call := range map[string]func() error{
		"a check": func() error { _, err := missing.Check(t.Context()); return err },
		"a look":  func() error { _, err := missing.Look(t.Context()); return err },
		"a write": func() error {
			return missing.Apply(t.Context(), []store.RefChange{{Ref: segment.Ref{Key: "vip", Generation: 1}, Ops: segment.Include}})
		},
	} {
		if err := call(); muster.KindOf(err) != muster.Invalid || !strings.Contains(err.Error(), `the sort key "key"`) {
			t.Errorf("%s of a table with other keys: %v", what, err)
		}
	}
	d.Kill()
	if _, err := missing.Look(t.Context()); muster.KindOf(err) != muster.Unavailable || !strings.Contains(err.Error(), "refuses connections") {
		t.Errorf("a table that is down: %v", err)
	}
	large := segment.Definition{Kind: segment.SegmentDefinition, Key: "large", Version: 1, JSON: []byte(`"` + strings.Repeat("x", 500_000) + `"`)}
	if err := missing.Define(t.Context(), []segment.Definition{large}, false); muster.KindOf(err) != muster.Invalid || !strings.Contains(err.Error(), `can't hold "large"`) {
		t.Errorf("a definition that is too large: %v", err)
	}
}

func TestDaemonModeHasTheDefinitions(t *testing.T) {
	d := start(t)
	wire := startWire(t, d)
	wire.every(2, partial)
	w := newWorld(t)
	s := settings(wire.URL, "app")
	s.DaemonMode = true
	id := w.PutSink(s, secrets)
	w.Caught(id)
	c := client(t, d.URL)
	w.Until("definitions are there", func() bool { return items(t, c, "app:$inited") == 1 })
	if n := items(t, c, "app:segments"); n != 3 {
		t.Errorf("%d segments are defined", n)
	}
	w.PutSegment("late", 1)
	w.DeleteSegment("beta")
	w.DeleteSegment("trial")
	w.Until("they are as they should be", func() bool { return items(t, c, "app:segments") == 2 })
	w.Caught(id)
	if err := open(t, s).Define(t.Context(), []segment.Definition{{Kind: segment.FlagDefinition, Key: "f", Version: 1, JSON: []byte(`{}`)}}, true); err != nil {
		t.Fatal(err)
	}
	if n, m := items(t, c, "app:segments"), items(t, c, "app:features"); n != 0 || m != 1 {
		t.Errorf("after a flag alone was defined there are %d segments and %d flags", n, m)
	}
}
