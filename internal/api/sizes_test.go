package api_test

import (
	"fmt"
	"strings"
	"testing"
)

// keys are n context keys that begin with a prefix.
func keys(prefix string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s%d\n", prefix, i)
	}
	return b.String()
}

// loadInto is load into another segment.
func (a *account) loadInto(t testing.TB, key, query, list string) reply {
	t.Helper()
	return a.call(t, "POST", seg+"/"+key+"/imports"+query, list, "Content-Type", "text/csv")
}

func TestTheSizesOfASegment(t *testing.T) {
	a := newAccount(t)
	a.must(t, 201, "", "POST", seg, `{"key":"big","name":"Big","unbounded":true}`)
	load := func(query, list string) reply { return a.decided(t, a.load(t, query, list)) }
	load("", keys("a", 2000))
	load("?mode=merge", keys("b", 500))
	load("?mode=remove", keys("b", 100))
	held := load("?mode=replace", keys("a", 10)).str("runId")
	if held == "" {
		t.Fatal("nothing is held")
	}
	got := a.must(t, 200, "", "GET", seg+"/big/series?range=24h", "")
	got.want(t, "members", "2400", "bucketMs", "900000", "marks.0.kind", `"held"`, "marks.0.runId", `"`+held+`"`)
	for _, span := range []string{"7d", "30d", ""} {
		a.must(t, 200, "", "GET", seg+"/big/series?range="+span, "").want(t, "members", "2400")
	}
	a.must(t, 400, "", "GET", seg+"/big/series?range=1y", "")
	a.must(t, 201, "", "POST", seg, `{"key":"small","name":"Small"}`)
	a.must(t, 400, "", "GET", seg+"/small/series", "")

	a.must(t, 200, "", "POST", seg+"/big/guard/trial", `{"shrinkPercent":null}`).want(t, "runs", "4", "held", "0", "examples", "[]", "guard.shrinkPercent", "null")
	a.must(t, 200, "", "POST", seg+"/big/guard/trial", `{}`).want(t, "runs", "4", "held", "1", "examples", `["`+held+`"]`, "guard.shrinkPercent", "30")
	a.must(t, 200, "", "POST", seg+"/big/guard/trial", `{"shrinkPercent":1}`).want(t, "held", "2")
	a.must(t, 400, "", "POST", seg+"/big/guard/trial", `{"shrinkPercent":101}`)
	a.must(t, 201, "", "POST", seg, `{"key":"other","name":"Other","unbounded":true}`)
	a.decided(t, a.loadInto(t, "other", "", keys("a", 1000)))
	a.decided(t, a.loadInto(t, "other", "?mode=remove", keys("a", 100)))
	const all, source = environment + "/guard/trial", environment + "/sources/heap-inbound/guard/trial"
	a.must(t, 200, "", "POST", all, `{"shrinkPercent":null}`).want(t, "runs", "6", "held", "0", "guard.shrinkPercent", "null")
	a.must(t, 200, "", "POST", all, `{}`).want(t, "runs", "6", "held", "1", "examples", `["`+held+`"]`, "guard.shrinkPercent", "30")
	a.must(t, 200, "", "POST", all, `{"shrinkPercent":9}`).want(t, "held", "2", "examples.1", `"`+held+`"`)
	a.must(t, 200, "", "PATCH", seg+"/other/guard", `{"shrinkPercent":50}`)
	a.must(t, 200, "", "POST", all, `{"shrinkPercent":9}`).want(t, "held", "1") // the segment has a limit of its own
	a.must(t, 200, "", "POST", source, `{"shrinkPercent":1}`).want(t, "runs", "0", "held", "0", "guard.shrinkPercent", "1")
	a.must(t, 400, "", "POST", environment+"/sources/no%20key/guard/trial", `{}`)
	a.must(t, 400, "", "POST", all, `{"shrinkPercent":101}`)
	a.must(t, 200, "", "GET", environment+"/guard", "").want(t, "shrinkPercent", "30")
	a.must(t, 200, "", "GET", seg+"/big/guard", "").want(t, "shrinkPercent", "30")
}

func TestWhichFlagsUseASegment(t *testing.T) {
	a := newAccount(t)
	a.must(t, 201, "", "POST", seg, `{"key":"vip","name":"VIP","unbounded":true}`)
	for _, key := range []string{"f", "g", "h"} {
		a.must(t, 201, "", "POST", "/flags/default", `{"key":"`+key+`","name":"Flag `+key+`"}`)
	}
	rule := func(negate bool, keys string) string {
		return fmt.Sprintf(`{"variation":1,"description":"d","clauses":[{"attribute":"country","op":"in","values":["DE"]},{"attribute":"","op":"segmentMatch","values":[%s],"negate":%v}]}`, keys, negate)
	}
	a.must(t, 200, "", "PATCH", "/flags/default/f", `{"environments":{"production":{"on":true,"rules":[`+rule(false, `"other"`)+`,`+rule(false, `"vip"`)+`,`+rule(true, `"other","vip"`)+`]}}}`)
	a.must(t, 200, "", "PATCH", "/flags/default/g", `{"environments":{"test":{"rules":[`+rule(false, `"vip"`)+`]}}}`)
	got := a.must(t, 200, "", "GET", seg+"/vip/flags", "")
	got.want(t, "totalCount", "1", "items.0.flagKey", `"f"`, "items.0.on", "true", "items.0.rules.0.ruleIndex", "1", "items.0.rules.0.negated", "false",
		"items.0.rules.0.serves", `{"variation":1}`, "items.0.rules.0.clauses", "2", "items.0.rules.1.ruleIndex", "2", "items.0.rules.1.negated", "true", "items.0.rules.2", "null")
	a.must(t, 404, "", "GET", seg+"/nobody/flags", "")
}

func TestSegmentsAreFilteredAndSortedByHowTheyDo(t *testing.T) {
	a := newAccount(t)
	for key, n := range map[string]int{"one": 1500, "two": 2, "three": 3} {
		a.must(t, 201, "", "POST", seg, `{"key":"`+key+`","name":"Segment `+key+`","unbounded":true}`)
		a.decided(t, a.loadInto(t, key, "", keys("k", n)))
	}
	a.must(t, 201, "", "POST", seg, `{"key":"listed","name":"Listed"}`)
	a.must(t, 200, "", "PATCH", seg+"/listed", `{"included":["a","b","c","d"]}`)
	a.decided(t, a.loadInto(t, "one", "?mode=replace", "k0\n"))
	order := func(query string) string {
		t.Helper()
		var keys []string
		got := a.must(t, 200, "Segments", "GET", seg+query, "")
		for i := 0; got.str(fmt.Sprintf("items.%d.key", i)) != ""; i++ {
			keys = append(keys, got.str(fmt.Sprintf("items.%d.key", i)))
		}
		return strings.Join(keys, " ")
	}
	for query, want := range map[string]string{
		"?sort=-members":                               "one listed three two",
		"?sort=members&limit=1":                        "two",
		"?filter=state+equals+\"held\"":                "one",
		"?filter=state+anyOf+[\"live\"]&sort=-members": "three two",
		"?filter=external+anyOf+[\"heap\"]":            "",
	} {
		if got := order(query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	if got := order("?sort=-freshAt,name&filter=unbounded+equals+true"); len(strings.Fields(got)) != 3 {
		t.Errorf("by freshness: %s", got)
	}
	a.must(t, 200, "Segments", "GET", seg+"?expand=pulse&limit=2&sort=-members", "").want(t, "items.0._muster.change24h", "1500")
	a.must(t, 400, "", "GET", seg+"?expand=pulse&limit=101", "")
	a.must(t, 400, "", "GET", seg+"?expand=flags&limit=101", "")

	a.must(t, 200, "", "GET", env+"/summary", "").want(t, "segments", "4", "members", "1509", "flags", "0", "held.totalCount", "1",
		"held.items.0.segmentKey", `"one"`, "held.items.0.members", "1500", "held.items.0.hold.removed", "1499", "tools", "[]")
}

func TestSearch(t *testing.T) {
	a := newAccount(t)
	for _, name := range []string{"shoppers", "High-intent shoppers", "Workshop", "Shop", "Other"} {
		a.must(t, 201, "", "POST", seg, fmt.Sprintf(`{"key":%q,"name":%q}`, strings.ReplaceAll(strings.ToLower("k-"+name), " ", "-"), name))
	}
	a.must(t, 201, "", "POST", "/flags/default", `{"key":"shop","name":"New shop"}`)
	a.must(t, 201, "", "POST", "/flags/default", `{"key":"old-shop","name":"Old shop"}`)
	a.must(t, 200, "", "PATCH", "/flags/default/old-shop", `{"archived":true}`)
	got := a.must(t, 200, "", "GET", env+"/search?q=SHOP", "")
	got.want(t, "totalCount", "5", "items.0.kind", `"flag"`, "items.0.key", `"shop"`, "items.0.on", "false", "items.1.name", `"Shop"`, "items.1.members", "0",
		"items.2.name", `"shoppers"`, "items.3.name", `"High-intent shoppers"`, "items.4.name", `"Workshop"`)
	a.must(t, 200, "", "GET", env+"/search?q=shop&limit=1", "").want(t, "items.1", "null", "totalCount", "5")
	a.must(t, 200, "", "GET", env+"/search?q=nothing", "").want(t, "items", "[]")
	a.must(t, 400, "", "GET", env+"/search?q=+", "")
	a.must(t, 413, "", "GET", env+"/search?q="+strings.Repeat("x", 257), "")
}

func TestTheSyncThatMakesASegmentIsAmongItsSizes(t *testing.T) {
	a := newAccount(t)
	a.push(t, "rudderstack", fmt.Sprintf(`{"environmentId":%q,"cohortId":"c","cohortName":"C","listData":{"add":[{"id":"a"},{"id":"b"}],"remove":[]}}`, clientSideID))
	got := a.must(t, 200, "", "GET", seg+"/rudderstack-c/series?range=24h", "")
	added := 0.0
	for i := 0; ; i++ {
		n, ok := got.at(fmt.Sprintf("items.%d.added", i)).(float64)
		if !ok {
			break
		}
		added += n
	}
	if added != 2 {
		t.Errorf("the sizes tell of %v that were added, want 2: %s", added, got.text)
	}
}
