package compat

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/launchdarkly/go-sdk-common/v3/ldlog"
	lddynamodb "github.com/launchdarkly/go-server-sdk-dynamodb/v4"
	ld "github.com/launchdarkly/go-server-sdk/v7"
	"github.com/launchdarkly/go-server-sdk/v7/interfaces"
	"github.com/launchdarkly/go-server-sdk/v7/ldcomponents"
)

// startDynalite runs what speaks DynamoDB's protocol, without a table, and returns its address.
func startDynalite(t *testing.T) string {
	t.Helper()
	address := freeAddress(t)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", filepath.Join("js", "node_modules", "dynalite", "cli.js"), "--host", "127.0.0.1", "--port", port, "--createTableMs", "0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.Contains(line, "listening") {
		t.Fatalf("dynalite says %q: %v", line, err)
	}
	return "http://" + address
}

func dynamoOptions(endpoint string) dynamodb.Options {
	return dynamodb.Options{BaseEndpoint: &endpoint, Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "secret", "")}
}

// TestSDKsReadTheTableThatASinkWrites fills a table, ends the server the hard way in the midst of it, and has LaunchDarkly's
// own store read the outcome.
func TestSDKsReadTheTableThatASinkWrites(t *testing.T) {
	const members = 5000
	endpoint := startDynalite(t)
	s := start(t)
	s.vip(t)
	list := new(strings.Builder)
	fmt.Fprintf(list, "%s\n", contextKey)
	for n := range members - 1 {
		fmt.Fprintf(list, "user-%d\n", n)
	}
	if status, answer := s.call(t, http.MethodPost, "/api/v2/segments/default/production/vip/imports", "text/csv", list.String()); status != http.StatusNoContent {
		t.Fatalf("import: %d %s", status, answer)
	}
	var made struct {
		ID string `json:"_id"`
	}
	answer := s.makeSink(t, "dynamodb", fmt.Sprintf(
		`{"name":"table","on":true,"config":{"tableName":"members","region":"eu-central-1","endpoint":%q,"prefix":"app","accessKeyId":"AKIAIOSFODNN7EXAMPLE","secretAccessKey":"secret",
		"createTable":true,"daemonMode":true,"membersPerSecond":2500}}`, endpoint)) // slow enough to be ended in the midst of it
	if err := json.Unmarshal(answer, &made); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(answer), `"secret"`) {
		t.Errorf("the secret is shown: %s", answer)
	}
	table := dynamodb.New(dynamoOptions(endpoint))
	eventually(t, "a part is there", func() bool { return marked(table, "lastVersion") != "" && partly(table) })
	s.kill(t)
	if n := len(contexts(t, table)); n >= members {
		t.Errorf("all %d members were there before the server was ended", n)
	}
	s.run(t)
	s.must(t, http.StatusNoContent, http.MethodPost, "/api/v2/segments/default/production/vip/contexts", `{"included":{"remove":["user-7"]},"excluded":{"add":["user-8"]}}`)
	eventually(t, "the table is said to be complete", func() bool { return marked(table, "synchronizedOn") != "" })
	eventually(t, "everybody is there as they should be", func() bool {
		got := contexts(t, table)
		if len(got) != members-1 {
			return false
		}
		for n := range members - 1 {
			h := sha256.Sum256(fmt.Appendf(nil, "user-%d", n))
			want := "vip.g1|"
			switch n {
			case 7:
				continue
			case 8:
				want = "vip.g1|vip.g1"
			}
			if got[base64.StdEncoding.EncodeToString(h[:])] != want {
				return false
			}
		}
		return true
	})

	store := lddynamodb.BigSegmentStore("members").Prefix("app").DynamoClient(table)
	streaming := ld.Config{
		ServiceEndpoints: interfaces.ServiceEndpoints{Streaming: s.url, Polling: s.url, Events: s.url},
		BigSegments:      ldcomponents.BigSegments(store).ContextCacheTime(time.Millisecond).StatusPollInterval(200 * time.Millisecond),
		Logging:          ldcomponents.Logging().MinLevel(ldlog.Error),
	}
	daemon := streaming
	daemon.ServiceEndpoints = interfaces.ServiceEndpoints{}
	daemon.DataSource, daemon.Events = ldcomponents.ExternalUpdatesOnly(), ldcomponents.NoEvents()
	daemon.DataStore = ldcomponents.PersistentDataStore(lddynamodb.DataStore("members").Prefix("app").DynamoClient(table)).CacheTime(20 * time.Millisecond)
	clients := []*watcher{watchGoWith(t, []string{"for-vip"}, "streaming", streaming, userContext(contextKey)), watchGoWith(t, []string{"for-vip"}, "daemon mode", daemon, userContext(contextKey))}
	for _, step := range []struct {
		change string
		want   seen
	}{
		{`{}`, seen{Flag: "for-vip", Value: true, Kind: "RULE_MATCH", Status: "HEALTHY"}},
		{fmt.Sprintf(`{"included":{"remove":[%q]}}`, contextKey), seen{Flag: "for-vip", Kind: "FALLTHROUGH", Status: "HEALTHY"}},
		{fmt.Sprintf(`{"included":{"add":[%q]}}`, contextKey), seen{Flag: "for-vip", Value: true, Kind: "RULE_MATCH", Status: "HEALTHY"}},
	} {
		s.must(t, http.StatusNoContent, http.MethodPost, "/api/v2/segments/default/production/vip/contexts", step.change)
		for _, c := range clients {
			c.expect(t, step.want)
		}
	}
}

// makeSink makes a persistent store integration, which is in beta, and returns it.
func (s *server) makeSink(t *testing.T, kind, body string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/api/v2/integration-capabilities/big-segment-store/default/production/"+kind, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"Authorization": adminToken, "Content-Type": "application/json", "LD-API-Version": "beta"} {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusCreated {
		t.Fatalf("make an integration: %d %s %v", resp.StatusCode, answer, err)
	}
	return answer
}

// marked returns an attribute of the item that says how far the table is, "" if it has none.
func marked(table *dynamodb.Client, attribute string) string {
	key := &types.AttributeValueMemberS{Value: "app:big_segments_metadata"}
	out, err := table.GetItem(context.Background(), &dynamodb.GetItemInput{
		TableName: aws.String("members"), Key: map[string]types.AttributeValue{"namespace": key, "key": key}, ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return "" // there is no table yet
	}
	switch v := out.Item[attribute].(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return v.Value
	}
	return ""
}

// partly reports whether the table holds a few hundred contexts. It asks for no more than that, because whoever reads
// everything all the time slows down who writes.
func partly(table *dynamodb.Client) bool {
	out, err := table.Query(context.Background(), membersQuery(types.SelectCount, aws.Int32(300)))
	return err == nil && out.Count == 300
}

func membersQuery(what types.Select, limit *int32) *dynamodb.QueryInput {
	return &dynamodb.QueryInput{
		TableName: aws.String("members"), ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("#n = :n"), ExpressionAttributeNames: map[string]string{"#n": "namespace"},
		ExpressionAttributeValues: map[string]types.AttributeValue{":n": &types.AttributeValueMemberS{Value: "app:big_segments_user"}}, Select: what, Limit: limit,
	}
}

// contexts returns what the table holds of each context: the refs that include it, a bar, and those that exclude it.
func contexts(t *testing.T, table *dynamodb.Client) map[string]string {
	t.Helper()
	all := map[string]string{}
	in := membersQuery(types.SelectAllAttributes, nil)
	refs := func(v types.AttributeValue) string {
		set, _ := v.(*types.AttributeValueMemberSS)
		if set == nil {
			return ""
		}
		return strings.Join(set.Value, ",")
	}
	for {
		out, err := table.Query(context.Background(), in)
		if err != nil {
			return nil // there is no table yet
		}
		for _, item := range out.Items {
			all[item["key"].(*types.AttributeValueMemberS).Value] = refs(item["included"]) + "|" + refs(item["excluded"])
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			return all
		}
	}
}
