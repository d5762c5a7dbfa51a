package dynamosink

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"muster/internal/segment"
	"muster/internal/sink"
	"muster/internal/store"
)

// The sets of an item.
const (
	included = iota
	excluded
	sets
)

var setNames = [sets]string{includedAttr, excludedAttr}

// edit is what happens to the sets of one context.
type edit struct {
	hash   segment.Hash
	add    [sets][]string
	remove [sets][]string
}

// edits returns changes by context: an item is written once for all of them, or twice.
func edits(changes []store.RefChange) []*edit {
	var all []*edit
	byHash := make(map[segment.Hash]*edit, len(changes))
	for i := range changes {
		c := &changes[i]
		e := byHash[c.Hash]
		if e == nil {
			e = &edit{hash: c.Hash}
			byHash[c.Hash] = e
			all = append(all, e)
		}
		ref := c.Ref.String()
		for set, ops := range [sets][2]segment.Ops{included: {segment.Include, segment.Uninclude}, excluded: {segment.Exclude, segment.Unexclude}} {
			switch {
			case c.Ops&ops[0] != 0:
				e.add[set] = append(e.add[set], ref)
			case c.Ops&ops[1] != 0:
				e.remove[set] = append(e.remove[set], ref)
			}
		}
	}
	return all
}

// Apply implements [sink.Target].
func (t *target) Apply(ctx context.Context, changes []store.RefChange) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p := newPatience(long)
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, e := range edits(changes) {
		if inner.Err() != nil {
			break
		}
		group.Go(func() error { return t.edit(inner, p, e) })
	}
	err := group.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// edit makes changes to one item. A set can't be added to and taken from in one write, so what comes after that is
// written apart.
func (t *target) edit(ctx context.Context, p *patience, e *edit) error {
	var first, second [sets]setChange
	for set := range sets {
		first[set] = setChange{"ADD", e.add[set]}
		if len(e.add[set]) == 0 {
			first[set] = setChange{"DELETE", e.remove[set]}
		} else {
			second[set] = setChange{"DELETE", e.remove[set]}
		}
	}
	if err := t.write(ctx, p, e.hash, first); err != nil {
		return err
	}
	return t.write(ctx, p, e.hash, second)
}

// setChange is what one write does to one set.
type setChange struct {
	verb string
	refs []string
}

// write writes to one item. An item is made for what is added and not for what is removed, and removed when nothing is
// left in it: nobody would ever do that later.
func (t *target) write(ctx context.Context, p *patience, h segment.Hash, change [sets]setChange) error {
	names, values := map[string]string{}, map[string]types.AttributeValue{}
	parts := map[string][]string{}
	for set, c := range change {
		if len(c.refs) == 0 {
			continue
		}
		name, value := "#"+setNames[set], ":"+setNames[set]
		names[name], values[value] = setNames[set], &types.AttributeValueMemberSS{Value: c.refs}
		parts[c.verb] = append(parts[c.verb], name+" "+value)
	}
	if len(parts) == 0 {
		return nil
	}
	in := &dynamodb.UpdateItemInput{TableName: &t.table, Key: t.member(h), ExpressionAttributeNames: names, ExpressionAttributeValues: values}
	var expression []string
	for _, verb := range []string{"ADD", "DELETE"} {
		if len(parts[verb]) > 0 {
			expression = append(expression, verb+" "+strings.Join(parts[verb], ", "))
		}
	}
	in.UpdateExpression = aws.String(strings.Join(expression, " "))
	removal := len(parts["ADD"]) == 0
	if removal {
		names["#key"] = sortKey
		in.ConditionExpression, in.ReturnValues = aws.String("attribute_exists(#key)"), types.ReturnValueAllNew
	}
	empty := false
	err := t.during(ctx, "write to", p, func(ctx context.Context) error {
		out, err := t.client.UpdateItem(ctx, in)
		if isUnmet(err) {
			return nil // nobody is there to be removed
		}
		if err == nil && removal {
			empty = isEmpty(out.Attributes)
		}
		return err
	})
	if err != nil || !empty {
		return err
	}
	return t.during(ctx, "write to", p, func(ctx context.Context) error {
		_, err := t.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
			TableName: &t.table, Key: t.member(h), ConditionExpression: aws.String("attribute_not_exists(#i) AND attribute_not_exists(#e)"),
			ExpressionAttributeNames: map[string]string{"#i": includedAttr, "#e": excludedAttr},
		})
		if isUnmet(err) {
			return nil // somebody has been added meanwhile
		}
		return err
	})
}

// Replace implements [sink.Replacer].
func (t *target) Replace(ctx context.Context, contexts []sink.Held) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p := newPatience(long)
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for part := range slices.Chunk(contexts, written) {
		requests := make([]types.WriteRequest, len(part))
		for i := range part {
			requests[i] = t.whole(&part[i])
		}
		group.Go(func() error { return t.writeAll(inner, "write to", p, requests) })
	}
	err := group.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// whole returns the request that makes an item all there is of a context, or removes it where that is nothing.
func (t *target) whole(held *sink.Held) types.WriteRequest {
	one := t.member(held.Hash)
	for set, refs := range [sets][]segment.Ref{included: held.Included, excluded: held.Excluded} {
		if len(refs) == 0 {
			continue // DynamoDB has no empty sets
		}
		texts := make([]string, len(refs))
		for i, ref := range refs {
			texts[i] = ref.String()
		}
		one[setNames[set]] = &types.AttributeValueMemberSS{Value: texts}
	}
	if isEmpty(one) {
		return types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: one}}
	}
	return types.WriteRequest{PutRequest: &types.PutRequest{Item: one}}
}

func isEmpty(attributes map[string]types.AttributeValue) bool {
	return attributes[includedAttr] == nil && attributes[excludedAttr] == nil
}
