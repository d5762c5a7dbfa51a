package dynamosink_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"go.uber.org/goleak"

	"muster/internal/catalog"
	"muster/internal/sink"
	"muster/internal/sink/dynamosink"
	"muster/internal/sink/sinktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var secrets = sink.Secrets{catalog.SecretAccessKeySecret: "secret"}

// settings are those of a table at an address, under a prefix.
func settings(url, prefix string) *catalog.Sink {
	return &catalog.Sink{Kind: catalog.DynamoDBSink, On: true, DynamoDB: &catalog.DynamoDB{
		Table: "members", Region: "eu-central-1", Endpoint: url, Prefix: prefix, AccessKeyID: "AKIAIOSFODNN7EXAMPLE",
	}}
}

func open(t testing.TB, s *catalog.Sink) sink.Target {
	t.Helper()
	target, err := dynamosink.Open(s, secrets)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := target.Close(); err != nil {
			t.Error(err)
		}
	})
	return target
}

// client is one that knows nothing of muster.
func client(t testing.TB, url string) *dynamodb.Client {
	t.Helper()
	return dynamodb.New(dynamodb.Options{
		BaseEndpoint: &url, Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "secret", ""),
	})
}

// makeTable makes a table with two keys.
func makeTable(t testing.TB, c *dynamodb.Client, partition, sort string) {
	t.Helper()
	_, err := c.CreateTable(context.Background(), &dynamodb.CreateTableInput{
		TableName: aws.String("members"), BillingMode: types.BillingModePayPerRequest,
		KeySchema: []types.KeySchemaElement{{AttributeName: &partition, KeyType: types.KeyTypeHash}, {AttributeName: &sort, KeyType: types.KeyTypeRange}},
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: &partition, AttributeType: types.ScalarAttributeTypeS}, {AttributeName: &sort, AttributeType: types.ScalarAttributeTypeS},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// start starts a store with an empty table.
func start(t testing.TB) *sinktest.DynamoDB {
	t.Helper()
	d := sinktest.StartDynamoDB(t)
	makeTable(t, client(t, d.URL), "namespace", "key")
	return d
}

func TestATableKeepsTheContract(t *testing.T) {
	d := start(t)
	sinktest.Contract(t, func(t testing.TB, prefix string) sink.Target { return open(t, settings(d.URL, prefix)) })
}

func TestATableKeepsTheContractOverABadWire(t *testing.T) {
	w := startWire(t, start(t))
	w.every(7, throttled, broken, partial)
	sinktest.Contract(t, func(t testing.TB, prefix string) sink.Target { return open(t, settings(w.URL, prefix)) })
	for _, f := range []fault{throttled, broken, partial} {
		if w.counts[f].Load() == 0 {
			t.Errorf("nothing happened of sort %d", f)
		}
	}
}

func TestThrottlingUsesUpNoAttempts(t *testing.T) {
	w := startWire(t, start(t))
	w.first(throttled, throttled, throttled, throttled, broken, throttled, broken)
	if _, err := open(t, settings(w.URL, "app")).Look(t.Context()); err != nil {
		t.Errorf("a table that is throttled and twice out of order: %v", err)
	}
}
