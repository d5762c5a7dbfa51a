package connector

import (
	"errors"
	"fmt"
	"regexp"

	"muster/internal/segment"
)

// compiler turns the JSON of a manifest into what the engine runs. The first error stays.
type compiler struct {
	m   *Manifest
	err error
}

func (c *compiler) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

func (c *compiler) parser(p *requestParserJSON, x extensionsJSON) {
	m := c.m
	m.environment = c.required(&m.request, "environmentIdPath", p.EnvironmentIDPath)
	m.cohort.id = c.required(&m.request, "cohortIdPath", p.CohortIDPath)
	m.cohort.name = c.required(&m.request, "cohortNamePath", p.CohortNamePath)
	m.kind = c.optional(&m.request, "contextKindPath", p.ContextKindPath)
	m.url = c.optional(&m.request, "cohortUrlPath", p.CohortURLPath)
	m.description = c.optional(&m.request, "x-muster.cohortDescriptionPath", x.CohortDescriptionPath)
	m.messageID = c.optional(&m.request, "x-muster.dedupePath", x.DedupePath)
	m.notPing = c.optional(&m.request, "x-muster.emptyOk", x.EmptyOK)
	if p.MemberArrayParser == nil {
		c.fail(errors.New("memberArrayParser is missing"))
		return
	}
	c.members(p.MemberArrayParser)
	c.shape(p, x)
	c.joins(x.MembershipMatcher)
	c.page(x)
}

func (c *compiler) members(p *memberArrayParser) {
	m := c.m
	m.memberID = c.required(&m.member, "memberArrayParser.memberIdPath", p.MemberIDPath)
	m.membership = c.optional(&m.member, "memberArrayParser.booleanMembershipPath", p.BooleanMembershipPath)
	m.override.id = c.optional(&m.member, "memberArrayParser.cohortIdPath", p.CohortIDPath)
	m.override.name = c.optional(&m.member, "memberArrayParser.cohortNamePath", p.CohortNamePath)
}

// shape settles where the members are and what says their direction.
func (c *compiler) shape(p *requestParserJSON, x extensionsJSON) {
	m := c.m
	two := p.AddMemberArrayPath != nil || p.RemoveMemberArrayPath != nil
	switch {
	case two && (p.AddMemberArrayPath == nil || p.RemoveMemberArrayPath == nil):
		c.fail(errors.New("addMemberArrayPath and removeMemberArrayPath need each other"))
	case two && p.MemberArrayPath != nil:
		c.fail(errors.New("memberArrayPath excludes addMemberArrayPath and removeMemberArrayPath"))
	case two && p.ArrayInclusion != nil:
		c.fail(errors.New("arrayInclusion excludes addMemberArrayPath and removeMemberArrayPath"))
	case two && m.membership.slot >= 0:
		c.fail(errors.New("booleanMembershipPath needs memberArrayPath"))
	case !two && p.MemberArrayPath == nil:
		c.fail(errors.New("neither memberArrayPath nor addMemberArrayPath with removeMemberArrayPath is given"))
	case !two && p.ArrayInclusion == nil && m.membership.slot < 0:
		c.fail(errors.New("memberArrayPath needs arrayInclusion or booleanMembershipPath, or nothing says who joins and who leaves"))
	case p.ArrayInclusion == nil && x.RemoveMatcher != nil:
		c.fail(errors.New("x-muster.removeMatcher needs arrayInclusion"))
	case p.ArrayInclusion == nil && x.ReplaceMatcher != nil:
		c.fail(errors.New("x-muster.replaceMatcher needs arrayInclusion"))
	}
	if c.err != nil {
		return
	}
	if two {
		m.arrays = []memberArray{
			{c.optional(&m.request, "addMemberArrayPath", p.AddMemberArrayPath), segment.Include},
			{c.optional(&m.request, "removeMemberArrayPath", p.RemoveMemberArrayPath), segment.Uninclude},
		}
		return
	}
	m.arrays = []memberArray{{field: c.required(&m.request, "memberArrayPath", p.MemberArrayPath)}}
	if p.ArrayInclusion != nil {
		// LaunchDarkly lets the action win over a boolean that is there as well.
		m.membership = field{slot: -1}
		c.action(p.ArrayInclusion, x)
	}
}

func (c *compiler) action(p *arrayInclusion, x extensionsJSON) {
	a := &action{field: c.required(&c.m.request, "arrayInclusion.path", p.Path)}
	if p.Matcher == nil {
		c.fail(errors.New("arrayInclusion.matcher is missing"))
		return
	}
	a.add = c.expression("arrayInclusion.matcher", *p.Matcher)
	if x.RemoveMatcher != nil {
		a.remove = c.expression("x-muster.removeMatcher", *x.RemoveMatcher)
	}
	if x.ReplaceMatcher != nil {
		a.replace = c.expression("x-muster.replaceMatcher", *x.ReplaceMatcher)
	}
	c.m.action = a
}

// joins settles the words with which members say that they join.
func (c *compiler) joins(matcher *string) {
	switch {
	case matcher == nil:
	case c.m.membership.slot < 0:
		c.fail(errors.New("x-muster.membershipMatcher needs booleanMembershipPath, and no arrayInclusion"))
	default:
		c.m.joins = c.expression("x-muster.membershipMatcher", *matcher)
	}
}

// page settles how a whole membership is put together.
func (c *compiler) page(x extensionsJSON) {
	m := c.m
	replaces := m.action != nil && m.action.replace != nil
	switch {
	case replaces && (m.override.id.slot >= 0 || m.override.name.slot >= 0):
		// What a row leaves out of another cohort nobody can tell.
		c.fail(errors.New("x-muster.replaceMatcher excludes cohortIdPath and cohortNamePath of members"))
	case x.Page == nil:
		return
	case !replaces:
		c.fail(errors.New("x-muster.page needs x-muster.replaceMatcher"))
	case x.Page.FirstIndex < 0 || x.Page.FirstIndex > 1:
		c.fail(errors.New("x-muster.page.firstIndex must be 0 or 1"))
	}
	if x.Page == nil {
		return
	}
	m.page = &pageFields{
		session: c.required(&m.request, "x-muster.page.sessionPath", x.Page.SessionPath),
		index:   c.required(&m.request, "x-muster.page.indexPath", x.Page.IndexPath),
		total:   c.required(&m.request, "x-muster.page.totalPath", x.Page.TotalPath),
		first:   x.Page.FirstIndex,
	}
}

func (c *compiler) expression(name, text string) *regexp.Regexp {
	if len(text) > maxMatcherBytes {
		c.fail(fmt.Errorf("%s is longer than %d bytes", name, maxMatcherBytes))
		return nil
	}
	re, err := regexp.Compile(text)
	if err != nil {
		c.fail(fmt.Errorf("%s: %w", name, err))
	}
	return re
}

func (c *compiler) required(in *wanted, name string, pointer *string) field {
	if pointer == nil {
		c.fail(fmt.Errorf("%s is missing", name))
	}
	return c.optional(in, name, pointer)
}

func (c *compiler) optional(in *wanted, name string, pointer *string) field {
	if pointer == nil {
		return field{slot: -1}
	}
	tokens, err := parsePointer(*pointer)
	if err != nil {
		c.fail(fmt.Errorf("%s: %w", name, err))
		return field{slot: -1}
	}
	return field{pointer: *pointer, slot: in.add(tokens)}
}

func (c *compiler) status(ok *int) {
	switch {
	case ok == nil:
	case *ok < statusOK || *ok > statusNoContent:
		c.fail(errors.New("x-muster.okStatus must be 200 to 204"))
	default:
		c.m.okStatus = *ok
	}
}

func (c *compiler) reply(text *string) {
	if text == nil {
		return
	}
	if c.m.okStatus == statusNoContent {
		c.fail(errors.New("x-muster.okStatus 204 leaves no room for jsonResponseBody"))
	}
	t, err := parseTemplate(*text, &c.m.request)
	if err != nil {
		c.fail(fmt.Errorf("jsonResponseBody: %w", err))
		return
	}
	if err := t.try(); err != nil {
		c.fail(fmt.Errorf("jsonResponseBody: %w", err))
	}
	c.m.reply = t
}
