package migrate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"muster/internal/migrate"
)

func TestEverythingArrivesAndServesTheSame(t *testing.T) {
	from, to := newServer(t, sourceToken), newServer(t, musterToken)
	shop(from)
	report, said := carry(t, options(t, from.url, to.url, nil))
	if !report.Complete() {
		t.Fatalf("not complete:\n%s", said)
	}
	for _, environment := range []string{"production", "test"} {
		if a, b := from.definitions(environment), to.definitions(environment); a != b {
			t.Errorf("SDKs of %s see\n%s\nwant\n%s", environment, b, a)
		}
	}
	for key, version := range from.versions() {
		if got := to.versions()[key]; got < version || got > max(version+1, 2) {
			t.Errorf("%s has version %d, want %d or one more", key, got, version)
		}
	}
	variations := map[string]map[string]bool{}
	for n := range 500 {
		who := someone(n)
		for _, environment := range []string{"production", "test"} {
			want, got := from.served(environment, who), to.served(environment, who)
			if len(want) != 5 || len(got) != len(want) {
				t.Fatalf("%d flags are evaluated here and %d there; 5 of 6 are not archived", len(got), len(want))
			}
			for key, outcome := range want {
				if got[key] != outcome {
					t.Errorf("flag %s in %s serves %s to %s, want %s", key, environment, got[key], who, outcome)
				}
				if variations[environment+" "+key] == nil {
					variations[environment+" "+key] = map[string]bool{}
				}
				variations[environment+" "+key][outcome] = true
			}
		}
	}
	for rollout, least := range map[string]int{"production colour": 3, "test colour": 2, "production layout": 3, "production price": 3, "production plain": 3} {
		if len(variations[rollout]) < least {
			t.Errorf("the contexts of this test see only %v of %s", variations[rollout], rollout)
		}
	}
	for _, path := range []string{
		"/projects/shop", "/projects/shop/environments/production", "/projects/shop/environments/test", "/projects/shop/context-kinds",
		"/segments/shop/production/staff", "/segments/shop/production/nested", "/segments/shop/production/amplitude-vips", "/segments/shop/test/staff",
		"/flags/shop/plain", "/flags/shop/colour", "/flags/shop/layout", "/flags/shop/price", "/flags/shop/old", "/flags/shop/fading",
		"/roles/releaser", "/roles/nobody",
	} {
		if a, b := lasting(t, from, path), lasting(t, to, path); a != b {
			t.Errorf("%s is\n%s\nwant\n%s", path, b, a)
		}
	}
	for _, line := range []string{"made     flag shop/colour", "big segments that are here without members", "shop/production/amplitude-vips"} {
		if !strings.Contains(said, line) {
			t.Errorf("it does not say %q:\n%s", line, said)
		}
	}
}

// lasting returns the representation of an object without what every server makes itself.
func lasting(t *testing.T, s *server, path string) string {
	t.Helper()
	var whole any
	s.call("GET", path, "", &whole)
	text, err := json.MarshalIndent(withoutOwn(whole), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func withoutOwn(v any) any {
	switch v := v.(type) {
	case map[string]any:
		_, clause := v["op"]
		_, environment := v["apiKey"]
		_, archived := v["archivedDate"]
		for name, member := range v {
			switch name {
			case "creationDate", "lastModified", "lastModifiedDate", "version", "_version", "sel", "apiKey", "mobileKey", "generation",
				"createdFrom", "archivedDate", "deprecatedDate", "_unboundedMetadata", "_muster":
				delete(v, name)
			case "_id":
				// Ids of variations and rules stay; SDKs don't see those of clauses.
				if clause || environment || v["value"] == nil && v["clauses"] == nil {
					delete(v, name)
				}
			case "salt":
				if v["archived"] == true { // SDKs see none of it
					delete(v, name)
				}
			default:
				v[name] = withoutOwn(member)
			}
		}
		if archived {
			return v
		}
	case []any:
		for i := range v {
			v[i] = withoutOwn(v[i])
		}
	}
	return v
}

func TestASecondRunChangesNothing(t *testing.T) {
	from, to := newServer(t, sourceToken), newServer(t, musterToken)
	shop(from)
	carry(t, options(t, from.url, to.url, nil))
	newest := to.newest()
	report, said := carry(t, options(t, from.url, to.url, nil))
	if !report.Complete() || objects(said) != "" {
		t.Errorf("the second run says\n%s", said)
	}
	if to.newest() != newest {
		t.Errorf("the second run changed something:\n%s", said)
	}
	o := options(t, from.url, to.url, nil)
	o.Overwrite = true
	carry(t, o)
	if to.newest() != newest {
		t.Error("a run that may overwrite changed what was the same")
	}
}

func TestADryRunSaysWhatARunDoes(t *testing.T) {
	from, to := newServer(t, sourceToken), newServer(t, musterToken)
	shop(from)
	o := options(t, from.url, to.url, nil)
	o.DryRun = true
	newest := to.newest()
	_, planned := carry(t, o)
	if to.newest() != newest {
		t.Fatal("a dry run changed something")
	}
	_, done := carry(t, options(t, from.url, to.url, nil))
	if want := strings.NewReplacer("made    ", "make    ", "changed ", "change  ").Replace(objects(done)); objects(planned) != want {
		t.Errorf("the dry run says\n%s\nthe run did\n%s", objects(planned), want)
	}
}

// objects returns the lines about objects of what a run said.
func objects(said string) string {
	lines, _, _ := strings.Cut("\n"+said, "\n ")
	return strings.TrimPrefix(lines, "\n")
}

func TestKeysThatAreKeptWorkAtOnce(t *testing.T) {
	from, to := newServer(t, sourceToken), newServer(t, musterToken)
	shop(from)
	o := options(t, from.url, to.url, nil)
	o.KeepKeys = true
	report, said := carry(t, o)
	if !report.Complete() {
		t.Fatalf("not complete:\n%s", said)
	}
	var a, b map[string]any
	from.call("GET", "/projects/shop/environments/production", "", &a)
	to.call("GET", "/projects/shop/environments/production", "", &b)
	for _, member := range []string{"_id", "apiKey", "mobileKey"} {
		if a[member] != b[member] {
			t.Errorf("%s is %v, want %v", member, b[member], a[member])
		}
	}
	if report, said = carry(t, o); !report.Complete() {
		t.Errorf("the second run says\n%s", said)
	}
}

func TestKeysOfAnEnvironmentThatIsHereAreNotChanged(t *testing.T) {
	from, to := newServer(t, sourceToken), newServer(t, musterToken)
	shop(from)
	carry(t, options(t, from.url, to.url, nil))
	o := options(t, from.url, to.url, nil)
	o.KeepKeys = true
	report, said := carry(t, o)
	if report.Complete() || !strings.Contains(said, "failed   environment shop/production: it is here already with keys of its own") {
		t.Errorf("it says\n%s", said)
	}
}

func TestWhatDiffersIsLeftAloneUnlessItMayBeOverwritten(t *testing.T) {
	from, to := newServer(t, sourceToken), newServer(t, musterToken)
	shop(from)
	carry(t, options(t, from.url, to.url, nil))
	for path, merge := range map[string]string{
		"/projects/shop":                           `{"name":"My shop"}`,
		"/projects/shop/environments/test":         `{"color":"123456"}`,
		"/flags/shop/plain":                        `{"description":"mine","customProperties":{"more":{"name":"More","value":["1"]}}}`,
		"/flags/shop/colour":                       `{"environments":{"test":{"on":false}}}`,
		"/segments/shop/production/staff":          `{"included":["u1"]}`,
		"/segments/shop/production/nested":         `{"tags":["mine"]}`,
		"/roles/releaser":                          `{"policy":[]}`,
		"/segments/shop/test/staff":                `{"included":["only-here"]}`,
		"/segments/shop/production/amplitude-vips": `{"description":"mine"}`,
	} {
		to.call("PATCH", path, `{"merge":`+merge+`}`, nil)
	}
	to.call("PUT", "/projects/shop/context-kinds/org", `{"name":"Org"}`, nil)
	newest := to.newest()
	report, said := carry(t, options(t, from.url, to.url, nil))
	if report.Complete() || to.newest() != newest {
		t.Errorf("complete is %t, and the newest change is %s, was %s:\n%s", report.Complete(), to.newest(), newest, said)
	}
	for _, line := range []string{
		"differs  project shop: name", "differs  environment shop/test: color", "differs  context kind shop/org: name",
		"differs  flag shop/plain: description, customProperties", "differs  flag configuration shop/test/colour",
		"differs  segment definition shop/production/staff", "differs  segment shop/production/nested: tags", "differs  segment definition shop/test/staff",
		"differs  segment shop/production/amplitude-vips: description", "differs  custom role releaser: policy",
	} {
		if !strings.Contains(said, line) {
			t.Errorf("it does not say %q:\n%s", line, said)
		}
	}
	o := options(t, from.url, to.url, nil)
	o.Overwrite = true
	if report, said = carry(t, o); !report.Complete() {
		t.Errorf("overwriting says\n%s", said)
	}
	for _, path := range []string{"/projects/shop", "/projects/shop/environments/test", "/flags/shop/plain", "/flags/shop/colour", "/segments/shop/production/staff", "/segments/shop/test/staff", "/roles/releaser"} {
		if a, b := lasting(t, from, path), lasting(t, to, path); a != b {
			t.Errorf("%s is\n%s\nwant\n%s", path, b, a)
		}
	}
}

func TestNothingIsDeleted(t *testing.T) {
	from, to := newServer(t, sourceToken), newServer(t, musterToken)
	shop(from)
	carry(t, options(t, from.url, to.url, nil))
	from.call("DELETE", "/flags/shop/fading", "", nil)
	from.call("DELETE", "/segments/shop/test/staff", "", nil)
	o := options(t, from.url, to.url, nil)
	o.Overwrite = true
	carry(t, o)
	to.call("GET", "/flags/shop/fading", "", nil)
	to.call("GET", "/segments/shop/test/staff", "", nil)
}

func TestOneEnvironmentByItself(t *testing.T) {
	from, to := newServer(t, sourceToken), newServer(t, musterToken)
	shop(from)
	o := options(t, from.url, to.url, nil)
	o.Environments = []string{"test", "nowhere"}
	report, said := carry(t, o)
	if report.Complete() || !strings.Contains(said, "failed   environment nowhere: none of the projects has it") {
		t.Errorf("it says\n%s", said)
	}
	if status, _ := to.ask("GET", "/projects/shop/environments/production", ""); status != http.StatusNotFound {
		t.Errorf("the environment that nobody asked for answers %d", status)
	}
	if a, b := from.definitions("test"), to.definitions("test"); a != b {
		t.Errorf("SDKs of test see\n%s\nwant\n%s", b, a)
	}
}

// A migration that ends at any of its writes goes on from there: muster holds in the end what it
// holds after one that went through.
func TestARunThatBrokeOffIsRunAgain(t *testing.T) {
	from := newServer(t, sourceToken)
	shop(from)
	for _, how := range []string{"the connection breaks", "it is interrupted"} {
		t.Run(how, func(t *testing.T) {
			to := newServer(t, musterToken)
			f := newFront(t, to.url)
			breaks := 0
			for {
				ctx, cancel := context.WithCancel(t.Context())
				left := 3 // writes until the end
				f.mu.Lock()
				f.before = func(_ http.ResponseWriter, r *http.Request) bool {
					if r.Method == http.MethodGet {
						return false
					}
					if left--; left >= 0 {
						return false
					}
					if how == "the connection breaks" {
						panic(http.ErrAbortHandler)
					}
					cancel()
					return true
				}
				f.mu.Unlock()
				var said bytes.Buffer
				report, err := migrate.Run(ctx, options(t, from.url, f.url, &said))
				cancel()
				if err == nil {
					if !report.Complete() {
						t.Fatalf("after %d breaks it says\n%s", breaks, said.String())
					}
					break
				}
				if breaks++; breaks > 50 {
					t.Fatalf("it never comes to its end: %v\n%s", err, said.String())
				}
			}
			if breaks < 5 {
				t.Errorf("it broke off %d times only", breaks)
			}
			for _, environment := range []string{"production", "test"} {
				if a, b := from.definitions(environment), to.definitions(environment); a != b {
					t.Errorf("SDKs of %s see\n%s\nwant\n%s", environment, b, a)
				}
			}
			for _, path := range []string{"/flags/shop/plain", "/flags/shop/old", "/flags/shop/fading", "/segments/shop/production/staff"} {
				if a, b := lasting(t, from, path), lasting(t, to, path); a != b {
					t.Errorf("%s is\n%s\nwant\n%s", path, b, a)
				}
			}
		})
	}
}

func TestSegmentsOfAnotherForm(t *testing.T) {
	from, to := newServer(t, sourceToken), newServer(t, musterToken)
	shop(from)
	to.call("POST", "/projects", `{"key":"shop","name":"Shop","tags":["retail"],"environments":[{"key":"production","name":"Production","color":"00DA7B","critical":true,"confirmChanges":true,"tags":["live"]}]}`, nil)
	to.call("POST", "/segments/shop/production", `{"key":"staff","name":"Staff","description":"all who work here","tags":["people"],"unbounded":true}`, nil)
	to.call("POST", "/segments/shop/production", `{"key":"amplitude-vips","name":"VIPs"}`, nil)
	o := options(t, from.url, to.url, nil)
	o.Environments = []string{"production"}
	report, said := carry(t, o)
	if report.Complete() || strings.Count(said, "failed  ") != 1 {
		t.Errorf("it says\n%s", said)
	}
	for _, line := range []string{
		"lists of the source that are big segments here by now, so their members were not compared: shop/production/staff",
		"failed   segment shop/production/amplitude-vips: it is here already and not a big segment of contexts of kind user; that can't be changed",
	} {
		if !strings.Contains(said, line) {
			t.Errorf("it does not say %q:\n%s", line, said)
		}
	}
}
