package dynamosink

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"muster/internal/fault"
)

// keySchema is what every table has that SDKs read.
var keySchema = []types.KeySchemaElement{
	{AttributeName: aws.String(partitionKey), KeyType: types.KeyTypeHash},
	{AttributeName: aws.String(sortKey), KeyType: types.KeyTypeRange},
}

// created makes the table if it is missing and muster is to make it. It returns the error that the caller got, or what
// has become of the table.
func (t *target) created(ctx context.Context, why error) error {
	if _, missing := errors.AsType[*types.ResourceNotFoundException](why); !missing || !t.create {
		return why
	}
	var attributes []types.AttributeDefinition
	for _, k := range keySchema {
		attributes = append(attributes, types.AttributeDefinition{AttributeName: k.AttributeName, AttributeType: types.ScalarAttributeTypeS})
	}
	_, err := t.client.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: &t.table, KeySchema: keySchema, AttributeDefinitions: attributes, BillingMode: types.BillingModePayPerRequest,
	})
	if _, begun := errors.AsType[*types.ResourceInUseException](err); err != nil && !begun {
		return err
	}
	return fault.Unavailablef("the table %s was missing and is being made", t.where)
}

// Check implements [sink.Target].
func (t *target) Check(ctx context.Context) (notes []string, err error) {
	p := newPatience(short)
	var table *types.TableDescription
	err = t.during(ctx, "ask about", p, func(ctx context.Context) error {
		out, err := t.client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &t.table})
		if err != nil {
			return t.created(ctx, err)
		}
		table = out.Table
		return nil
	})
	switch {
	case isDenied(err):
		notes = append(notes, "muster may not dynamodb:DescribeTable, so that it can't tell whether the table has the right keys before it writes; everything else works")
	case err != nil:
		return nil, err
	default:
		if err := t.fits(table); err != nil {
			return nil, err
		}
		if c := table.ProvisionedThroughput; c != nil && aws.ToInt64(c.WriteCapacityUnits) > 0 {
			notes = append(notes, fmt.Sprintf("the table takes %d writes a second (provisioned capacity): a list of a million members takes as many seconds as that goes into a million",
				aws.ToInt64(c.WriteCapacityUnits)))
		}
	}
	if t.plain {
		notes = append(notes, "connections are not encrypted; give an endpoint with https:// if others can listen")
	}
	return notes, t.try(ctx, p)
}

// fits returns what is wrong with a table.
func (t *target) fits(table *types.TableDescription) error {
	same := func(a, b types.KeySchemaElement) bool {
		return aws.ToString(a.AttributeName) == aws.ToString(b.AttributeName) && a.KeyType == b.KeyType
	}
	if !slices.EqualFunc(table.KeySchema, keySchema, same) {
		return wrongKeys(t.where)
	}
	for _, a := range table.AttributeDefinitions {
		if name := aws.ToString(a.AttributeName); (name == partitionKey || name == sortKey) && a.AttributeType != types.ScalarAttributeTypeS {
			return wrongKeys(t.where)
		}
	}
	return nil
}

func wrongKeys(where string) error {
	return fault.Invalidf("the table %s has other keys than SDKs read: make one with the partition key %q and the sort key %q, both of type String", where, partitionKey, sortKey)
}

// try does once what a sink does, with an item of its own.
func (t *target) try(ctx context.Context, p *patience) error {
	name := t.namespace(probeNamespace)
	key := item(name, name)
	names := map[string]string{"#i": includedAttr}
	values := map[string]types.AttributeValue{":r": &types.AttributeValueMemberSS{Value: []string{"probe"}}}
	update := func(expression, condition string) func(context.Context) error {
		in := &dynamodb.UpdateItemInput{
			TableName: &t.table, Key: key, UpdateExpression: &expression, ExpressionAttributeNames: names, ExpressionAttributeValues: values,
		}
		if condition != "" {
			in.ConditionExpression = &condition
		}
		return func(ctx context.Context) error {
			_, err := t.client.UpdateItem(ctx, in)
			return err
		}
	}
	steps := []func(context.Context) error{
		update("ADD #i :r", ""),
		func(ctx context.Context) error {
			_, err := t.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &t.table, Key: key, ConsistentRead: aws.Bool(true)})
			return err
		},
		func(ctx context.Context) error {
			_, err := t.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
				RequestItems: map[string]types.KeysAndAttributes{t.table: {Keys: []map[string]types.AttributeValue{key}, ConsistentRead: aws.Bool(true)}},
			})
			return err
		},
		func(ctx context.Context) error {
			_, err := t.client.Query(ctx, &dynamodb.QueryInput{
				TableName: &t.table, ConsistentRead: aws.Bool(true), Limit: aws.Int32(1), KeyConditionExpression: aws.String("#n = :n"),
				ExpressionAttributeNames: map[string]string{"#n": partitionKey}, ExpressionAttributeValues: map[string]types.AttributeValue{":n": text(name)},
			})
			return err
		},
		update("DELETE #i :r", "attribute_exists(#i)"),
		func(ctx context.Context) error {
			_, err := t.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &t.table, Key: key})
			return err
		},
		func(ctx context.Context) error {
			_, err := t.client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
				RequestItems: map[string][]types.WriteRequest{t.table: {{DeleteRequest: &types.DeleteRequest{Key: key}}}},
			})
			return err
		},
	}
	for _, step := range steps {
		if err := t.during(ctx, "try", p, step); err != nil {
			return err
		}
	}
	return nil
}
