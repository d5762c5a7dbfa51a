package api

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"muster/internal/fault"
)

func TestColonFilter(t *testing.T) {
	for name, tt := range map[string]struct {
		filter string
		want   []term
	}{
		"an empty filter":                 {"", nil},
		"two terms":                       {"query:dark mode,tags:a+b", []term{{"query", "dark mode"}, {"tags", "a+b"}}},
		"a value in JSON keeps its comma": {`creationDate:{"after":1,"before":2},type:temporary`, []term{{"creationDate", `{"after":1,"before":2}`}, {"type", "temporary"}}},
		"a value with colons":             {"query:a:b", []term{{"query", "a:b"}}},
		"a filter of ldcli's dev server":  {"purpose:all+!(holdout)", []term{{"purpose", "all+!(holdout)"}}},
		"stray commas":                    {",query:x,,", []term{{"query", "x"}}},
		"a comma in quotes":               {`query:"a,b"`, []term{{"query", `"a,b"`}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseFilter(tt.filter)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(term{})); diff != "" {
				t.Error(diff)
			}
		})
	}
	if _, err := parseFilter("nonsense"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a term without a colon: %v", err)
	}
}

func TestTagFilter(t *testing.T) {
	tags := []string{"a", "b"}
	for name, tt := range map[string]struct {
		value string
		want  bool
	}{
		"one tag":                          {"a", true},
		"a tag it lacks":                   {"c", false},
		"both tags by an escaped plus":     {"a+b", true},
		"both tags by a plus turned blank": {"a b", true},
		"one of two is not both":           {"a+c", false},
		"any of":                           {"c|b", true},
		"no tag at all":                    {"", true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := hasTags(tags, tt.value); got != tt.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestCondition(t *testing.T) {
	leaf := func(c *condition) (bool, error) {
		v, err := c.truth()
		return v, err
	}
	for name, tt := range map[string]struct {
		filter string
		want   bool
	}{
		"one that holds":               {`a equals true`, true},
		"and":                          {`a equals true,b equals false`, false},
		"or":                           {`a equals true|b equals false`, true},
		"and binds closer than or":     {`a equals true|b equals true,c equals false`, true},
		"parentheses":                  {`(a equals true|b equals true),c equals false`, false},
		"blanks where they may stand":  {` ( a  equals  true ) , b equals true `, true},
		"nested parentheses":           {`((a equals false|(b equals true)))`, true},
		"no blank before the value":    {`a equals[true]|b equals true`, true},
		"a list is no truth":           {`b equals true|a equals [true]`, true},
		"or stops at the first truth":  {`a equals true|b equals "no truth"`, true},
		"and stops at the first false": {`a equals false,b equals "no truth"`, false},
		"colon form":                   {`a:true|b:false`, true},
		"colon form with operators":    {`a:{"equals":true,"notEquals":false}`, false},
		"colon form with none":         {`a:{}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := parseCondition(tt.filter)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := c.holds(leaf); got != tt.want && err == nil {
				t.Errorf("got %t, %v", got, err)
			}
		})
	}
	for _, wrong := range []string{"a", "a equals", "a equals true,", "(a equals true", "a equals true)", `a equals "x`, `a equals [x]`, "a equals x{}", "a equals \xff", "a:", ":true", `a:{"equals":}`, "|", "()", "a equals true b equals true"} {
		if _, err := parseCondition(wrong); fault.KindOf(err) != fault.Invalid || err == nil {
			t.Errorf("%q: got %v", wrong, err)
		}
	}
}

func TestTextsOfAConditionMayLackQuotes(t *testing.T) {
	for filter, want := range map[string]string{
		`*.name startsWith Jo,kind equals user`: `"Jo"`,
		`(kindKeys contains user:ann)`:          `"user:ann"`,
		`applicationId:GoSDK/1.2|a equals true`: `"GoSDK/1.2"`,
		`a equals  two words  `:                 `"two words"`,
		`a equals nobody`:                       `"nobody"`,
		`kindKeys:{"contains": ["user:Henry"]}`: `["user:Henry"]`,
	} {
		c, err := parseCondition(filter)
		if err != nil {
			t.Error(err)
			continue
		}
		for leaf := range c.leaves() {
			if string(leaf.value) != want {
				t.Errorf("%s: %s %s is %s, want %s", filter, leaf.field, leaf.op, leaf.value, want)
			}
			break
		}
	}
}

func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		`tags anyOf ["a","b"],(unbounded equals true|query equals "x")`, `external exists true`, `((((((((((((((((((`,
		`query:x,tags:a+b|c`, `creationDate:{"before":1}`, `purpose:all+!(holdout)`, `a equals "\ud800"`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := parseCondition(text); err == nil && c != nil {
			_, _ = c.holds(func(c *condition) (bool, error) {
				_, err := c.texts()
				return true, err
			})
		} else if err != nil && fault.KindOf(err) == fault.Internal {
			t.Fatal(err)
		}
		terms, err := parseFilter(text)
		if err != nil && fault.KindOf(err) == fault.Internal {
			t.Fatal(err)
		}
		for _, term := range terms {
			_ = hasTags([]string{"a"}, term.value)
		}
	})
}
