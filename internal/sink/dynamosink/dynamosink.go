// Package dynamosink is a table of DynamoDB, or of what speaks its protocol, as a store that muster keeps
// current: the items are those of a Relay Proxy, which LaunchDarkly's SDKs read.
//
// A context is one item with two sets of texts, which are added to and taken from one by one, so that nothing that
// is late can undo more than it is about. Only while the table is filled, and readers don't trust it, are items written
// whole, many in a request. No transactions are used. A table that is given less capacity than there is to write slows the sink down and fails nothing.
package dynamosink

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/segment"
	"muster/internal/sink"
)

const (
	// batch is small, because a table may take a few writes a second only, and what is repeated after an error is a batch.
	batch = 400
	ahead = 4
	// parallel is how many requests are under way at once. Each takes a few milliseconds.
	parallel = 64

	dialTimeout = 5 * time.Second
	// answerTimeout is how long the table may be silent.
	answerTimeout = 10 * time.Second
	// attempts are those of a request that failed, but for throttling, for which the caller has more patience.
	attempts = 4
)

// The names that SDKs and the Relay Proxy know.
const (
	partitionKey = "namespace"
	sortKey      = "key"

	memberNamespace   = "big_segments_user"
	metadataNamespace = "big_segments_metadata"
	probeNamespace    = "big_segments_muster_probe"

	includedAttr     = "included"
	excludedAttr     = "excluded"
	markerAttr       = "lastVersion"
	synchronizedAttr = "synchronizedOn"
)

// target is the items under one prefix.
type target struct {
	client    *dynamodb.Client
	transport *http.Transport
	table     string
	prefix    string
	where     string
	plain     bool // connections are not encrypted
	create    bool
	slots     chan struct{} // one for each request under way, or waiting to be tried again
}

// Open returns a target for the settings of a sink. Credentials that muster has of itself, as those of the machine,
// are looked for at the first call.
func Open(s *catalog.Sink, secrets sink.Secrets) (sink.Target, error) {
	d := s.DynamoDB
	if d == nil {
		return nil, fault.Invalidf("integration %s has no settings of a DynamoDB", s.ID)
	}
	options := []func(*config.LoadOptions) error{config.WithRegion(d.Region)}
	if d.AccessKeyID != "" {
		own := credentials.NewStaticCredentialsProvider(d.AccessKeyID, secrets[catalog.SecretAccessKeySecret], "")
		options = append(options, config.WithCredentialsProvider(own))
	}
	all, err := config.LoadDefaultConfig(context.Background(), options...)
	if err != nil {
		return nil, fault.Invalidf("the AWS settings of this machine can't be read: look at the AWS_ variables and ~/.aws").Because(err)
	}
	t := &target{
		table: d.Table, prefix: d.Prefix, where: strconv.Quote(d.Table) + " in " + d.Region, create: d.CreateTable,
		plain: strings.HasPrefix(d.Endpoint, "http:"), slots: make(chan struct{}, parallel),
	}
	if d.Endpoint != "" {
		t.where = strconv.Quote(d.Table) + " at " + d.Endpoint
	}
	t.transport = transportOf(all)
	all.HTTPClient = &http.Client{Transport: t.transport, Timeout: answerTimeout}
	all.Retryer = func() aws.Retryer { return aws.NopRetryer{} } // what is tried again is decided in one place, see patience
	all.Logger = logging.Nop{}
	if d.RoleARN != "" {
		role := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(all), d.RoleARN, func(o *stscreds.AssumeRoleOptions) {
			o.RoleSessionName = "muster"
			if d.ExternalID != "" {
				o.ExternalID = &d.ExternalID
			}
		})
		all.Credentials = aws.NewCredentialsCache(role)
	}
	t.client = dynamodb.NewFromConfig(all, func(o *dynamodb.Options) {
		if d.Endpoint != "" {
			o.BaseEndpoint = &d.Endpoint
		}
	})
	return t, nil
}

// transportOf returns a transport of the target's own, with what the machine's settings say of certificates.
func transportOf(c aws.Config) *http.Transport {
	from, ok := c.HTTPClient.(*awshttp.BuildableClient)
	if !ok {
		from = awshttp.NewBuildableClient()
	}
	tr := from.WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTimeout }).GetTransport()
	tr.MaxIdleConns, tr.MaxIdleConnsPerHost = parallel, parallel
	tr.TLSHandshakeTimeout = dialTimeout
	return tr
}

// Traits implements [sink.Target].
func (t *target) Traits() sink.Traits {
	return sink.Traits{Batch: batch, Ahead: ahead, LookEvery: 5 * time.Second}
}

// Close implements [sink.Target].
func (t *target) Close() error {
	t.transport.CloseIdleConnections()
	return nil
}

// namespace returns a namespace under the prefix.
func (t *target) namespace(name string) string { return t.prefix + ":" + name }

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// item is the key of an item.
func item(namespace, key string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{partitionKey: text(namespace), sortKey: text(key)}
}

// metadata is the key of the item that says how far the data is.
func (t *target) metadata() map[string]types.AttributeValue {
	name := t.namespace(metadataNamespace)
	return item(name, name)
}

// member is the key of a context's item.
func (t *target) member(h segment.Hash) map[string]types.AttributeValue {
	return item(t.namespace(memberNamespace), h.String())
}

// Look implements [sink.Target].
func (t *target) Look(ctx context.Context) (seen sink.Look, err error) {
	err = t.during(ctx, "look into", newPatience(short), func(ctx context.Context) error {
		out, err := t.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &t.table, Key: t.metadata(), ConsistentRead: aws.Bool(true)})
		if err != nil {
			return t.created(ctx, err)
		}
		if marker, ok := out.Item[markerAttr].(*types.AttributeValueMemberS); ok {
			seen.Marker = marker.Value
		}
		if at, ok := out.Item[synchronizedAttr].(*types.AttributeValueMemberN); ok {
			if ms, err := strconv.ParseInt(at.Value, 10, 64); err == nil {
				seen.Synchronized = time.UnixMilli(ms)
			}
		}
		return nil
	})
	return seen, err
}

// Mark implements [sink.Target]. Marker and time are attributes of one item, so that one write changes both.
func (t *target) Mark(ctx context.Context, was, is string, synchronized time.Time) error {
	names, values := map[string]string{"#marker": markerAttr}, map[string]types.AttributeValue{}
	condition := "attribute_not_exists(#marker)"
	if was != "" {
		condition, values[":was"] = "#marker = :was", text(was)
	}
	var set, change []string
	if is == "" {
		change = append(change, "REMOVE #marker")
	} else {
		set, values[":is"] = append(set, "#marker = :is"), text(is)
	}
	if !synchronized.IsZero() {
		set, names["#at"] = append(set, "#at = :at"), synchronizedAttr
		values[":at"] = &types.AttributeValueMemberN{Value: strconv.FormatInt(synchronized.UnixMilli(), 10)}
	}
	if len(set) > 0 {
		change = append(change, "SET "+strings.Join(set, ", "))
	}
	in := &dynamodb.UpdateItemInput{
		TableName: &t.table, Key: t.metadata(), UpdateExpression: aws.String(strings.Join(change, " ")), ConditionExpression: &condition,
		ExpressionAttributeNames: names,
	}
	if len(values) > 0 { // none at all is refused
		in.ExpressionAttributeValues = values
	}
	return t.during(ctx, "mark progress in", newPatience(short), func(ctx context.Context) error {
		_, err := t.client.UpdateItem(ctx, in)
		if isUnmet(err) {
			return fmt.Errorf("expected %q: %w", was, sink.ErrMoved)
		}
		return err
	})
}
