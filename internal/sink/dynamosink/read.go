package dynamosink

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"muster/internal/segment"
	"muster/internal/sink"
)

// read is how many items can be asked for at once.
const read = 100

// Lookup implements [sink.Target].
func (t *target) Lookup(ctx context.Context, hashes []segment.Hash) ([]sink.Held, error) {
	held := make([]sink.Held, len(hashes))
	p := newPatience(long)
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(ahead)
	for at := 0; at < len(hashes); at += read {
		part := hashes[at:min(at+read, len(hashes))]
		group.Go(func() error {
			items, err := t.items(inner, p, part)
			if err != nil {
				return err
			}
			for i, h := range part {
				held[at+i] = heldOf(h, items[h.String()])
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	return held, nil
}

// items returns the items of at most as many contexts as can be asked for at once, by the text of their hash.
func (t *target) items(ctx context.Context, p *patience, hashes []segment.Hash) (map[string]map[string]types.AttributeValue, error) {
	found := make(map[string]map[string]types.AttributeValue, len(hashes))
	keys := make([]map[string]types.AttributeValue, 0, len(hashes))
	for i, h := range hashes {
		if !slices.Contains(hashes[:i], h) { // one that is named twice is refused
			keys = append(keys, t.member(h))
		}
	}
	for failures := 0; len(keys) > 0; {
		asked := len(keys)
		err := t.during(ctx, "read from", p, func(ctx context.Context) error {
			out, err := t.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
				RequestItems: map[string]types.KeysAndAttributes{t.table: {Keys: keys, ConsistentRead: aws.Bool(true)}},
			})
			if err != nil {
				return err
			}
			for _, one := range out.Responses[t.table] {
				if key, ok := one[sortKey].(*types.AttributeValueMemberS); ok {
					found[key.Value] = one
				}
			}
			keys = out.UnprocessedKeys[t.table].Keys
			return nil
		})
		if err != nil {
			return nil, err
		}
		if failures++; len(keys) < asked {
			failures = 0
		}
		if len(keys) > 0 {
			if err := t.unprocessed(ctx, "read from", failures); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

func heldOf(h segment.Hash, attributes map[string]types.AttributeValue) sink.Held {
	held := sink.Held{Hash: h}
	if set, ok := attributes[includedAttr].(*types.AttributeValueMemberSS); ok {
		held.Included = held.Refs(set.Value)
	}
	if set, ok := attributes[excludedAttr].(*types.AttributeValueMemberSS); ok {
		held.Excluded = held.Refs(set.Value)
	}
	return held
}

// Scan implements [sink.Target]. A position is the hash of the last context before it.
func (t *target) Scan(ctx context.Context, from string) (part []sink.Held, next string, err error) {
	namespace := t.namespace(memberNamespace)
	in := &dynamodb.QueryInput{
		TableName: &t.table, ConsistentRead: aws.Bool(true), Limit: aws.Int32(batch), KeyConditionExpression: aws.String("#n = :n"),
		ExpressionAttributeNames: map[string]string{"#n": partitionKey}, ExpressionAttributeValues: map[string]types.AttributeValue{":n": text(namespace)},
	}
	if from != "" {
		in.ExclusiveStartKey = item(namespace, from)
	}
	err = t.during(ctx, "read from", newPatience(long), func(ctx context.Context) error {
		out, err := t.client.Query(ctx, in)
		if err != nil {
			return err
		}
		for _, one := range out.Items {
			key, ok := one[sortKey].(*types.AttributeValueMemberS)
			if !ok || isEmpty(one) {
				continue
			}
			if h, ok := segment.ParseHash(key.Value); ok {
				part = append(part, heldOf(h, one))
			}
		}
		if last, ok := out.LastEvaluatedKey[sortKey].(*types.AttributeValueMemberS); ok {
			next = last.Value
		}
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	return part, next, nil
}
