package api

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"muster/internal/fault"
)

// link is a reference to a resource or a page of the UI.
type link struct {
	Href string `json:"href"`
	Type string `json:"type"`
}

type links map[string]link

func apiLink(path string) link { return link{Href: prefix + path, Type: "application/json"} }

func siteLink(path string) link { return link{Href: "/ui" + path, Type: "text/html"} }

// collection is one page of a list.
type collection[T any] struct {
	Items      []T   `json:"items"`
	TotalCount int   `json:"totalCount"`
	Links      links `json:"_links"`
}

// maxPage is the most items that one request can get.
const maxPage = 1000

// page is the part of a list that a client asks for.
type page struct{ limit, offset int }

func pageOf(query url.Values, defaultLimit int) (page, error) {
	p := page{limit: defaultLimit}
	limit, err := numberOf(query, "limit")
	if err != nil {
		return p, err
	}
	if limit > 0 {
		p.limit = int(min(limit, maxPage))
	}
	offset, err := numberOf(query, "offset")
	if err != nil {
		return p, err
	}
	p.offset = int(min(offset, 1<<31-1))
	return p, nil
}

// numberOf reads a query parameter that counts something; 0 if it is absent.
func numberOf(query url.Values, name string) (int64, error) {
	text := query.Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, fault.Invalidf("%s must be a whole number of at least 0, not %q", name, clip(text))
	}
	return n, nil
}

// paged cuts the page out of all and renders it.
func paged[T, R any](r *http.Request, p page, all []T, render func(T) R) collection[R] {
	c := collection[R]{Items: []R{}, TotalCount: len(all), Links: p.links(r, len(all))}
	if p.offset < len(all) {
		for _, v := range all[p.offset:min(p.offset+p.limit, len(all))] {
			c.Items = append(c.Items, render(v))
		}
	}
	return c
}

// links names the neighbouring pages. The link to itself repeats the effective limit and offset:
// ldcli shows "results a - b of n" from it.
func (p page) links(r *http.Request, total int) links {
	at := func(offset int) link {
		query := r.URL.Query()
		query.Set("limit", strconv.Itoa(p.limit))
		query.Set("offset", strconv.Itoa(offset))
		return link{Href: r.URL.EscapedPath() + "?" + query.Encode(), Type: "application/json"}
	}
	l := links{"self": at(p.offset)}
	if p.offset > 0 {
		l["first"] = at(0)
		l["prev"] = at(max(0, p.offset-p.limit))
	}
	if p.offset+p.limit < total {
		l["next"] = at(p.offset + p.limit)
		l["last"] = at((total - 1) / p.limit * p.limit)
	}
	return l
}

// orders names the fields that a list can be sorted by.
type orders[T any] map[string]func(a, b T) int

// sorted returns all in the order of the parameter sort: a comma list, "-" in front descends.
func sorted[T any](all []T, param string, by orders[T]) ([]T, error) {
	if param == "" {
		return all, nil
	}
	var compare []func(a, b T) int
	for field := range strings.SplitSeq(param, ",") {
		name, descending := strings.CutPrefix(strings.TrimSpace(field), "-")
		less, ok := by[name]
		if !ok {
			names := make([]string, 0, len(by))
			for n := range by {
				names = append(names, n)
			}
			slices.Sort(names)
			return nil, fault.Invalidf("can't sort by %q; use %s, with - in front to descend", clip(name), strings.Join(names, ", "))
		}
		if len(compare) == len(by) {
			return nil, fault.Invalidf("sort names a field twice")
		}
		if descending {
			compare = append(compare, func(a, b T) int { return less(b, a) })
		} else {
			compare = append(compare, less)
		}
	}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b T) int {
		for _, c := range compare {
			if d := c(a, b); d != 0 {
				return d
			}
		}
		return 0
	})
	return all, nil
}

// narrowed applies the filter (in colon form) and the sort of a list request, and returns the page
// that it asks for with everything that is left.
func narrowed[T any](query url.Values, defaultLimit int, all []T, matches func(T, term) bool, by orders[T]) (page, []T, error) {
	p, err := pageOf(query, defaultLimit)
	if err != nil {
		return p, nil, err
	}
	terms, err := parseFilter(query.Get("filter"))
	if err != nil {
		return p, nil, err
	}
	all, err = sorted(selected(all, terms, matches), query.Get("sort"), by)
	return p, all, err
}

// byText compares without regard to case first, so that people find what they look for.
func byText(a, b string) int {
	for i := range min(len(a), len(b)) {
		x, y := a[i], b[i]
		if x >= utf8.RuneSelf || y >= utf8.RuneSelf {
			return cmp.Or(strings.Compare(strings.ToLower(a[i:]), strings.ToLower(b[i:])), strings.Compare(a, b))
		}
		if d := cmp.Compare(lower(x), lower(y)); d != 0 {
			return d
		}
	}
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// lower returns an ASCII letter in lower case.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
