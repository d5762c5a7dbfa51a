package dynamosink

import (
	"context"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"muster/internal/fault"
	"muster/internal/segment"
)

const (
	// written is how many items can be written at once.
	written = 25
	// maxItem is how many bytes an item may have: 400 KB, less the names of its attributes.
	maxItem = 400_000 - 1_000

	initedNamespace = "$inited"
	versionAttr     = "version"
	itemAttr        = "item"
)

func namespaceOf(kind segment.DefinitionKind) string {
	if kind == segment.SegmentDefinition {
		return "segments"
	}
	return "features"
}

// Define implements [sink.Target].
func (t *target) Define(ctx context.Context, definitions []segment.Definition, whole bool) error {
	p := newPatience(long)
	for _, kind := range []segment.DefinitionKind{segment.SegmentDefinition, segment.FlagDefinition} { // flags refer to segments
		var requests []types.WriteRequest
		kept := make(map[string]bool)
		for _, d := range definitions {
			if d.Kind != kind {
				continue
			}
			if len(d.JSON)+len(d.Key) > maxItem {
				return fault.Invalidf("%s of SDKs in daemon mode can't hold %q: it has %d bytes, and an item of DynamoDB has at most 400,000. "+
					"Shorten it (a segment that lists many targets becomes a big segment with a lower --big-list-threshold), or turn config/daemonMode off",
					namespaceOf(kind), d.Key, len(d.JSON))
			}
			requests = append(requests, t.definition(d))
			kept[d.Key] = d.JSON != nil
		}
		if whole {
			there, err := t.defined(ctx, p, kind)
			if err != nil {
				return err
			}
			for _, key := range there {
				if !kept[key] {
					requests = append(requests, t.definition(segment.Definition{Kind: kind, Key: key}))
				}
			}
		}
		if err := t.writeAll(ctx, "write definitions to", p, requests); err != nil {
			return err
		}
	}
	if !whole {
		return nil
	}
	inited := t.namespace(initedNamespace)
	return t.writeAll(ctx, "write definitions to", p, []types.WriteRequest{{PutRequest: &types.PutRequest{Item: item(inited, inited)}}})
}

// definition returns the request that writes a definition, or removes one that has no JSON.
func (t *target) definition(d segment.Definition) types.WriteRequest {
	i := item(t.namespace(namespaceOf(d.Kind)), d.Key)
	if d.JSON == nil {
		return types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: i}}
	}
	i[versionAttr] = &types.AttributeValueMemberN{Value: strconv.Itoa(d.Version)}
	i[itemAttr] = text(string(d.JSON))
	return types.WriteRequest{PutRequest: &types.PutRequest{Item: i}}
}

// defined returns the keys of the definitions of a kind that are there.
func (t *target) defined(ctx context.Context, p *patience, kind segment.DefinitionKind) (keys []string, err error) {
	in := &dynamodb.QueryInput{
		TableName: &t.table, ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("#n = :n"), ProjectionExpression: aws.String("#k"),
		ExpressionAttributeNames:  map[string]string{"#n": partitionKey, "#k": sortKey},
		ExpressionAttributeValues: map[string]types.AttributeValue{":n": text(t.namespace(namespaceOf(kind)))},
	}
	for {
		err := t.during(ctx, "read from", p, func(ctx context.Context) error {
			out, err := t.client.Query(ctx, in)
			if err != nil {
				return err
			}
			for _, one := range out.Items {
				if key, ok := one[sortKey].(*types.AttributeValueMemberS); ok {
					keys = append(keys, key.Value)
				}
			}
			in.ExclusiveStartKey = out.LastEvaluatedKey
			return nil
		})
		if err != nil || len(in.ExclusiveStartKey) == 0 {
			return keys, err
		}
	}
}

// writeAll writes and removes items.
func (t *target) writeAll(ctx context.Context, doing string, p *patience, requests []types.WriteRequest) error {
	for part := range slices.Chunk(requests, written) {
		for failures := 0; len(part) > 0; {
			asked := len(part)
			err := t.during(ctx, doing, p, func(ctx context.Context) error {
				out, err := t.client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{t.table: part}})
				if err == nil {
					part = out.UnprocessedItems[t.table]
				}
				return err
			})
			if err != nil {
				return err
			}
			if failures++; len(part) < asked {
				failures = 0
			}
			if len(part) > 0 {
				if err := t.unprocessed(ctx, doing, failures); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
