package connector

import (
	"strings"
	"testing"
	"testing/fstest"
)

// manifestText builds a manifest around the fields of its request parser and what stands beside it.
func manifestText(parser, beside string) string {
	return `{"name":"Tool","capabilities":{"syncedSegment":{"requestParser":{` + parser + `}` + beside + `}}}`
}

const (
	needed   = `"environmentIdPath":"/e","cohortIdPath":"/i","cohortNamePath":"/n"`
	byID     = `,"memberArrayParser":{"memberIdPath":"/id"}`
	byFlag   = `,"memberArrayParser":{"memberIdPath":"/id","booleanMembershipPath":"/in"}`
	one      = `,"memberArrayPath":"/m"`
	two      = `,"addMemberArrayPath":"/a","removeMemberArrayPath":"/r"`
	paged    = `"page":{"sessionPath":"/s","indexPath":"/p","totalPath":"/of","firstIndex":1}`
	byAction = `,"arrayInclusion":{"path":"/action","matcher":"^add$"}`
)

func TestManifestsThatLoad(t *testing.T) {
	for name, text := range map[string]string{
		"a flag per member":     manifestText(needed+one+byFlag, ""),
		"two lists":             manifestText(needed+two+byID, ""),
		"an action per request": manifestText(needed+one+byAction+byID, ""),
		"an action beside a flag, which is ignored": manifestText(needed+one+byAction+byFlag, ""),
		"every extension of a tool with actions":    manifestText(needed+one+byAction+byID, `,"x-muster":{"removeMatcher":"^remove$","replaceMatcher":"^all$",`+paged+`,"dedupePath":"/message","emptyOk":"/m","cohortDescriptionPath":"/d","okStatus":200}`),
		"a word per member":                         manifestText(needed+one+byFlag, `,"x-muster":{"membershipMatcher":"^add$"}`),
		"an index that looks like one and is none":  manifestText(strings.Replace(needed, `"/i"`, `"/batch[0]/cohortId"`, 1)+two+byID, ""),
		"fields that only LaunchDarkly uses":        strings.Replace(manifestText(needed+two+byID, ""), `{"name"`, `{"version":"1.0.0","icons":{"square":"x.svg"},"categories":["data"],"name"`, 1),
		"other capabilities":                        strings.Replace(manifestText(needed+two+byID, ""), `"capabilities":{`, `"capabilities":{"auditLogEventsHook":{"x":1},`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			m, err := ParseManifest("tool", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if m.Key != "tool" || m.Name != "Tool" {
				t.Errorf("key %q, name %q", m.Key, m.Name)
			}
		})
	}
}

func TestManifestsThatDoNotLoad(t *testing.T) {
	good := manifestText(needed+two+byID, "")
	for name, tt := range map[string]struct{ text, want string }{
		"no JSON":                              {"{", "unexpected EOF"},
		"too long":                             {strings.Repeat(" ", maxManifestBytes+1), "longer than 262144 bytes"},
		"an unknown name at the top":           {strings.Replace(good, `{"name"`, `{"namee":1,"name"`, 1), "namee"},
		"no name":                              {strings.Replace(good, `"Tool"`, `" "`, 1), "name is missing"},
		"no synced segment":                    {`{"name":"Tool","capabilities":{}}`, "no capability syncedSegment"},
		"no parser":                            {`{"name":"Tool","capabilities":{"syncedSegment":{}}}`, "requestParser is missing"},
		"an unknown name in the capability":    {manifestText(needed+two+byID, `,"requestPraser":{}`), "requestPraser"},
		"an unknown name in the parser":        {manifestText(needed+two+byID+`,"memberPath":"/m"`, ""), "memberPath"},
		"a known name in another case":         {manifestText(needed+two+byID+`,"contextkindpath":"/k"`, ""), "contextkindpath"},
		"an unknown extension":                 {manifestText(needed+two+byID, `,"x-muster":{"replaceMatch":"^members$"}`), "replaceMatch"},
		"an unknown name in the member parser": {manifestText(needed+two+`,"memberArrayParser":{"memberIdPath":"/id","name":"/n"}`, ""), "name"},
		"a link that is no web address":        {strings.Replace(good, `{"name"`, `{"links":{"site":"javascript:x"},"name"`, 1), "no http or https address"},
		"no environment":                       {manifestText(strings.Replace(needed, "environmentIdPath", "contextKindPath", 1)+two+byID, ""), "environmentIdPath is missing"},
		"no cohort id":                         {manifestText(strings.Replace(needed, "cohortIdPath", "contextKindPath", 1)+two+byID, ""), "cohortIdPath is missing"},
		"no cohort name":                       {manifestText(strings.Replace(needed, "cohortNamePath", "contextKindPath", 1)+two+byID, ""), "cohortNamePath is missing"},
		"no member parser":                     {manifestText(needed+two, ""), "memberArrayParser is missing"},
		"no member id":                         {manifestText(needed+two+`,"memberArrayParser":{}`, ""), "memberArrayParser.memberIdPath is missing"},
		"no array":                             {manifestText(needed+byFlag, ""), "neither memberArrayPath nor"},
		"one list of two":                      {manifestText(needed+`,"addMemberArrayPath":"/a"`+byID, ""), "need each other"},
		"two lists and one array":              {manifestText(needed+one+two+byID, ""), "memberArrayPath excludes"},
		"two lists and an action":              {manifestText(needed+two+byAction+byID, ""), "arrayInclusion excludes"},
		"two lists and a flag":                 {manifestText(needed+two+byFlag, ""), "booleanMembershipPath needs memberArrayPath"},
		"one array without direction":          {manifestText(needed+one+byID, ""), "nothing says who joins and who leaves"},
		"an action without matcher":            {manifestText(needed+one+byID+`,"arrayInclusion":{"path":"/action"}`, ""), "arrayInclusion.matcher is missing"},
		"an action without path":               {manifestText(needed+one+byID+`,"arrayInclusion":{"matcher":"x"}`, ""), "arrayInclusion.path is missing"},
		"a matcher with look-ahead":            {manifestText(needed+one+byID+`,"arrayInclusion":{"path":"/action","matcher":"a(?=b)"}`, ""), "arrayInclusion.matcher: error parsing regexp"},
		"a matcher with a back-reference":      {manifestText(needed+one+byID+`,"arrayInclusion":{"path":"/action","matcher":"(a)\\1"}`, ""), "arrayInclusion.matcher: error parsing regexp"},
		"a very long matcher":                  {manifestText(needed+one+byID+`,"arrayInclusion":{"path":"/action","matcher":"`+strings.Repeat("a", 1025)+`"}`, ""), "arrayInclusion.matcher is longer"},
		"a remove matcher without action":      {manifestText(needed+two+byID, `,"x-muster":{"removeMatcher":"x"}`), "removeMatcher needs arrayInclusion"},
		"a remove matcher that is no regexp":   {manifestText(needed+one+byAction+byID, `,"x-muster":{"removeMatcher":"("}`), "removeMatcher: error parsing regexp"},
		"a replace matcher without action":     {manifestText(needed+two+byID, `,"x-muster":{"replaceMatcher":"x"}`), "replaceMatcher needs arrayInclusion"},
		"a replace matcher that is no regexp":  {manifestText(needed+one+byAction+byID, `,"x-muster":{"replaceMatcher":"("}`), "replaceMatcher: error parsing regexp"},
		"a replace of several cohorts":         {manifestText(needed+one+byAction+`,"memberArrayParser":{"memberIdPath":"/id","cohortIdPath":"/c"}`, `,"x-muster":{"replaceMatcher":"x"}`), "replaceMatcher excludes"},
		"pages without replace":                {manifestText(needed+one+byAction+byID, `,"x-muster":{`+paged+`}`), "page needs x-muster.replaceMatcher"},
		"pages without number":                 {manifestText(needed+one+byAction+byID, `,"x-muster":{"replaceMatcher":"x","page":{"sessionPath":"/s","totalPath":"/of"}}`), "page.indexPath is missing"},
		"pages that begin late":                {manifestText(needed+one+byAction+byID, `,"x-muster":{"replaceMatcher":"x",`+strings.Replace(paged, ":1}", ":2}", 1)+`}`), "firstIndex must be 0 or 1"},
		"an unknown name in pages":             {manifestText(needed+one+byAction+byID, `,"x-muster":{"replaceMatcher":"x","page":{"first":1}}`), "first"},
		"a word per member without its place":  {manifestText(needed+two+byID, `,"x-muster":{"membershipMatcher":"x"}`), "membershipMatcher needs booleanMembershipPath"},
		"a message id that is no pointer":      {manifestText(needed+two+byID, `,"x-muster":{"dedupePath":"id"}`), "does not start with a slash"},
		"a pointer without slash":              {manifestText(strings.Replace(needed, `"/e"`, `"e"`, 1)+two+byID, ""), "does not start with a slash"},
		"a pointer with a bad escape":          {manifestText(strings.Replace(needed, `"/e"`, `"/e~2"`, 1)+two+byID, ""), "a tilde is followed by neither 0 nor 1"},
		"a status that is no success":          {manifestText(needed+two+byID, `,"x-muster":{"okStatus":302}`), "okStatus must be"},
		"a reply that cannot be sent":          {manifestText(needed+two+byID, `,"jsonResponseBody":"{}","x-muster":{"okStatus":204}`), "leaves no room"},
		"a reply that is no template":          {manifestText(needed+two+byID, `,"jsonResponseBody":"{{#if errorMessage}}"`), "{{#if}} without {{/if}}"},
		"a reply that is no JSON":              {manifestText(needed+two+byID, `,"jsonResponseBody":"{{#if errorMessage}}{}{{/if}}"`), "does not render to JSON for status 200"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseManifest("tool", []byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, want it to say %q", err, tt.want)
			}
		})
	}
}

func TestKeysOfTools(t *testing.T) {
	for _, key := range []Key{"", "-a", ".a", "a b", "a/b", "ä", Key(strings.Repeat("a", 65))} {
		if _, err := ParseManifest(key, []byte(manifestText(needed+two+byID, ""))); err == nil {
			t.Errorf("key %q was accepted", key)
		}
	}
}

func TestShippedTools(t *testing.T) {
	r, err := NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	all := r.All()
	if len(all) != 14 {
		t.Errorf("%d tools", len(all))
	}
	for i, m := range all {
		if m.Name == "" || m.Overview == "" || m.Author == "" || m.Links.Site == "" {
			t.Errorf("%s lacks something to show", m.Key)
		}
		if i > 0 && all[i-1].Key >= m.Key {
			t.Errorf("%s is out of order", m.Key)
		}
	}
}

func TestLookupIgnoresCase(t *testing.T) {
	r, err := NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	if m, ok := r.Lookup("HighTouch"); !ok || m.Key != "hightouch" {
		t.Error("HighTouch was not found")
	}
	if _, ok := r.Lookup("hubspot"); ok {
		t.Error("an unknown tool was found")
	}
}

func TestLoadingOwnTools(t *testing.T) {
	good := &fstest.MapFile{Data: []byte(manifestText(needed+two+byID, ""))}
	bad := &fstest.MapFile{Data: []byte("{")}
	for name, tt := range map[string]struct {
		folder fstest.MapFS
		want   string
	}{
		"a new tool is added":                          {fstest.MapFS{"warehouse.json": good, "notes.txt": bad}, ""},
		"a tool of the same key is replaced":           {fstest.MapFS{"hightouch.json": good}, ""},
		"another spelling of a tool is refused":        {fstest.MapFS{"Hightouch.json": good}, "in case only"},
		"two spellings in one folder are refused":      {fstest.MapFS{"a.json": good, "A.json": good}, "in case only"},
		"a bad manifest is refused with its file name": {fstest.MapFS{"aa.json": good, "b.json": bad}, `manifest of "b"`},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := NewRegistry()
			if err != nil {
				t.Fatal(err)
			}
			err = r.Load(tt.folder)
			switch {
			case tt.want == "" && err != nil:
				t.Fatal(err)
			case tt.want == "":
				for file := range tt.folder {
					key, isManifest := strings.CutSuffix(file, ".json")
					m, ok := r.Lookup(key)
					if ok != isManifest || ok && m.Name != "Tool" {
						t.Errorf("%s: found %v", file, ok)
					}
				}
			case err == nil || !strings.Contains(err.Error(), tt.want):
				t.Errorf("error is %v, want it to say %q", err, tt.want)
			case len(r.All()) != 14:
				t.Error("something was added beside the error")
			}
		})
	}
}

func TestPointers(t *testing.T) {
	for pointer, want := range map[string]string{
		"":            "",
		"/":           "|",
		"/a/b":        "|a|b",
		"/a~1b/m~0n":  "|a/b|m~n",
		"/~01":        "|~1",
		"/batch[0]/x": "|batch[0]|x",
		"/0/-":        "|0|-",
	} {
		tokens, err := parsePointer(pointer)
		if err != nil {
			t.Errorf("%s: %v", pointer, err)
		}
		got := ""
		for _, token := range tokens {
			got += "|" + token
		}
		if got != want {
			t.Errorf("%q is %q, want %q", pointer, got, want)
		}
	}
	for _, pointer := range []string{"a", "#/a", "/~", "/a~2", "/" + strings.Repeat("a", 1024), strings.Repeat("/a", 33)} {
		if _, err := parsePointer(pointer); err == nil {
			t.Errorf("%.20q was accepted", pointer)
		}
	}
}

func TestArrayIndexes(t *testing.T) {
	for token, want := range map[string]int{
		"0": 0, "7": 7, "10": 10, "00": -1, "01": -1, "-": -1, "-1": -1, "": -1, "1e1": -1, "٣": -1, "4294967296": -1,
	} {
		if got := arrayIndex(token); got != want {
			t.Errorf("%q is %d, want %d", token, got, want)
		}
	}
}
