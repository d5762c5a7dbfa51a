package api_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"muster/internal/seal"
)

const (
	redisSinks  = sinks + "/default/production/redis"
	dynamoSinks = sinks + "/default/production/dynamodb"
	password    = "sup3r-s3cret-w0rd-123"
	maskedWord  = "sup********123"
)

// sink calls an endpoint of persistent store integrations.
func (a *account) sink(t testing.TB, status int, method, path, body string) reply {
	t.Helper()
	representation := ""
	if status < 300 && status != 204 {
		representation = "Sink"
	}
	return a.must(t, status, representation, method, path, body, "LD-API-Version", "beta")
}

func (a *account) redisSink(t testing.TB, config string) string {
	t.Helper()
	return redisSinks + "/" + a.sink(t, 201, "POST", redisSinks, `{"name":"Redis","config":`+config+`}`).str("_id")
}

func TestSinks(t *testing.T) {
	a := newAccount(t)
	a.must(t, 200, "Sinks", "GET", sinks, "", "LD-API-Version", "beta").want(t, "items", `[]`)
	made := a.sink(t, 201, "POST", redisSinks, `{"name":"Members","tags":["b","a"],
		"config":{"host":"redis.internal.example.com","port":6380,"username":"muster","password":"`+password+`","tlsEnabled":true,"db":"2"}}`)
	path := redisSinks + "/" + made.str("_id")
	const status = `{"available":false,"errors":[],"lastSync":0,"message":"The integration is off: nothing is written to the store, and SDKs that read it will call it stale.","potentiallyStale":true}`
	made.want(t, "integrationKey", `"redis"`, "projectKey", `"default"`, "environmentKey", `"production"`, "on", `false`, "tags", `["a","b"]`, "version", `1`,
		"_links.self.href", `"/api/v2`+path+`"`, "_status", status,
		"config", `{"host":"redis.internal.example.com","port":"6380","username":"muster","password":"`+maskedWord+`","tlsEnabled":true,"db":"2","prefix":"`+clientSideID+`"}`)
	a.sink(t, 200, "GET", path, "").want(t, "config.password", `"`+maskedWord+`"`, "_status", status)
	a.must(t, 200, "Sinks", "GET", sinks, "", "LD-API-Version", "beta").want(t, "items.0._id", `"`+made.str("_id")+`"`, "items.0.config", `{}`, "totalCount", `1`)

	dynamo := a.sink(t, 201, "POST", dynamoSinks, `{"config":{"tableName":"big-segments","region":"eu-central-1",
		"roleArn":"arn:aws:iam::123456789012:role/muster","externalId":"6f1a2b3c-0000-4000-8000-000000000000","prefix":"p"}}`)
	dynamo.want(t, "on", `false`, "name", `""`, "tags", `[]`, "config", `{"tableName":"big-segments","region":"eu-central-1",
		"roleArn":"arn:aws:iam::123456789012:role/muster","externalId":"6f1a2b3c-0000-4000-8000-000000000000","prefix":"p"}`)
	dynamoPath := dynamoSinks + "/" + dynamo.str("_id")
	a.sink(t, 200, "PATCH", dynamoPath, `[{"op":"replace","path":"/config","value":{"tableName":"others","region":"local","endpoint":"http://127.0.0.1:8000"}}]`).
		want(t, "version", `2`, "config", `{"tableName":"others","region":"local","endpoint":"http://127.0.0.1:8000","prefix":"`+clientSideID+`"}`)

	// What is elsewhere is not here.
	for _, elsewhere := range []string{
		dynamoSinks + "/" + made.str("_id"), sinks + "/default/test/redis/" + made.str("_id"), sinks + "/nope/production/redis/" + made.str("_id"),
		sinks + "/default/production/mysql/" + made.str("_id"), redisSinks + "/000000000000000000000000",
	} {
		for _, method := range []string{"GET", "DELETE"} {
			a.sink(t, 404, method, elsewhere, "")
		}
		a.sink(t, 404, "PATCH", elsewhere, `[{"op":"replace","path":"/on","value":true}]`)
	}
	a.sink(t, 204, "DELETE", dynamoPath, "")
	a.sink(t, 404, "GET", dynamoPath, "")

	// A sink ends with its environment.
	a.must(t, 204, "", "DELETE", "/projects/default/environments/production", "")
	a.must(t, 200, "Sinks", "GET", sinks, "", "LD-API-Version", "beta").want(t, "items", `[]`)
}

func TestSinksNeedTheBetaHeader(t *testing.T) {
	a := newAccount(t)
	path := a.redisSink(t, `{"host":"redis"}`)
	for _, call := range []struct{ method, path, body string }{
		{"GET", sinks, ""},
		{"POST", redisSinks, `{"config":{"host":"other"}}`},
		{"GET", path, ""},
		{"PATCH", path, `[]`},
		{"DELETE", path, ""},
	} {
		a.must(t, 403, "", call.method, call.path, call.body).want(t, "code", `"forbidden"`)
		a.must(t, 403, "", call.method, call.path, call.body, "LD-API-Version", "20240415")
	}
	a.sink(t, 200, "GET", path, "")
}

func TestSinksOfOneStoreAndPrefixAreDuplicates(t *testing.T) {
	a := newAccount(t)
	first := a.redisSink(t, `{"host":"redis","password":"`+password+`"}`)
	a.sink(t, 409, "POST", redisSinks, `{"config":{"host":"REDIS","port":"6379"}}`).want(t, "code", `"conflict"`)
	a.sink(t, 409, "POST", sinks+"/default/test/redis", `{"config":{"host":"redis","prefix":"`+clientSideID+`"}}`)
	second := a.redisSink(t, `{"host":"redis","prefix":"other"}`)
	a.redisSink(t, `{"host":"redis","db":3}`)
	a.sink(t, 201, "POST", sinks+"/default/test/redis", `{"config":{"host":"redis"}}`)
	a.sink(t, 409, "PATCH", second, `[{"op":"remove","path":"/config/prefix"}]`)
	a.sink(t, 200, "PATCH", second, `[{"op":"replace","path":"/config/prefix","value":"third"}]`)
	a.sink(t, 204, "DELETE", first, "")
	a.sink(t, 200, "PATCH", second, `[{"op":"remove","path":"/config/prefix"}]`).want(t, "config.prefix", `"`+clientSideID+`"`)
	for i := range 8 {
		a.redisSink(t, fmt.Sprintf(`{"host":"redis","db":%d}`, 10+i))
	}
	a.sink(t, 413, "POST", redisSinks, `{"config":{"host":"one-more"}}`)
}

func TestMaskedPasswords(t *testing.T) {
	a := newAccount(t)
	path := a.redisSink(t, `{"host":"redis","username":"u","password":"`+password+`","tlsEnabled":true}`)
	config := func(changes map[string]any) string {
		c := map[string]any{"host": "redis", "port": "6379", "username": "u", "password": maskedWord, "tlsEnabled": true}
		maps.Copy(c, changes)
		maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
		text, err := json.Marshal([]any{map[string]any{"op": "replace", "path": "/config", "value": c}}, json.Deterministic(true))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	kept := func() string {
		t.Helper()
		s := a.store.Sinks()[0]
		plain, err := a.keys.Open(s.Redis.Password, "integration/"+string(s.ID)+"/password")
		if err != nil {
			t.Fatal(err)
		}
		return plain
	}
	a.sink(t, 200, "PATCH", path, config(map[string]any{"prefix": "p"})).want(t, "config.password", `"`+maskedWord+`"`, "version", `2`)
	a.sink(t, 200, "PATCH", path, config(map[string]any{"prefix": "p", "password": password})).want(t, "version", `2`) // nothing new
	a.sink(t, 200, "PATCH", path, `[{"op":"replace","path":"/config/username","value":"w"}]`).want(t, "version", `3`)
	if got := kept(); got != password {
		t.Errorf("the password is %q", got)
	}
	// Whoever does not know the password can't have it sent somewhere else.
	for name, change := range map[string]map[string]any{"host": {"host": "elsewhere"}, "port": {"port": "7000"}, "TLS": {"tlsEnabled": false}} {
		if got := a.sink(t, 400, "PATCH", path, config(change)).str("message"); !strings.Contains(got, "sent anew") {
			t.Errorf("%s: %s", name, got)
		}
	}
	for name, masked := range map[string]string{"another's mask": "abc********xyz", "a mask of nothing": "********"} {
		if got := a.sink(t, 400, "PATCH", path, config(map[string]any{"password": masked})).str("message"); !strings.Contains(got, "masked text") {
			t.Errorf("%s: %s", name, got)
		}
	}
	a.sink(t, 400, "POST", redisSinks, `{"config":{"host":"other","password":"`+maskedWord+`"}}`)
	a.sink(t, 200, "PATCH", path, config(map[string]any{"host": "elsewhere", "password": password})).want(t, "config.host", `"elsewhere"`)
	a.sink(t, 200, "PATCH", path, config(map[string]any{"host": "elsewhere", "password": "short"})).want(t, "config.password", `"********"`)
	if got := kept(); got != "short" {
		t.Errorf("the password is %q", got)
	}
	a.sink(t, 400, "PATCH", path, config(map[string]any{"host": "elsewhere", "password": nil})) // a user without a password
	a.sink(t, 200, "PATCH", path, config(map[string]any{"host": "elsewhere", "username": nil, "password": nil})).want(t, "config.password", `null`)
}

// What somebody is about to change can be tried first, with the password that is kept.
func TestSettingsAreTriedBeforeTheyAreKept(t *testing.T) {
	a := newAccount(t)
	path := a.redisSink(t, `{"host":"redis","username":"u","password":"`+password+`"}`)
	try := func(status int, body string) reply { return a.must(t, status, "", "POST", path+"/test", body) }
	try(200, "").want(t, "works", `false`)
	try(200, `{"config":{"host":"redis","username":"u","password":"`+maskedWord+`","prefix":"p"}}`).want(t, "works", `false`)
	try(200, `{"config":{"host":"elsewhere","password":"`+password+`"}}`).want(t, "works", `false`)
	for says, config := range map[string]string{
		"sent anew": `{"host":"elsewhere","username":"u","password":"` + maskedWord + `"}`, "config/host": `{"host":"redis:6379"}`, "config: /tls": `{"host":"redis","tls":true}`,
	} {
		if got := try(400, `{"config":`+config+`}`).str("message"); !strings.Contains(got, says) {
			t.Errorf("%s says nothing of %q", got, says)
		}
	}
	a.redisSink(t, `{"host":"redis","prefix":"taken"}`)
	try(409, `{"config":{"host":"redis","prefix":"taken","username":"u","password":"`+maskedWord+`"}}`)
	a.sink(t, 200, "GET", path, "").want(t, "version", `1`, "config.host", `"redis"`, "config.prefix", `"`+clientSideID+`"`)
}

func TestSinksAreFollowers(t *testing.T) {
	a := newAccount(t)
	for _, key := range []string{"a", "b", "c"} {
		a.must(t, 201, "", "POST", "/segments/default/production", `{"key":"`+key+`","name":"S","unbounded":true}`)
	}
	f := a.watch(t)
	path := a.redisSink(t, `{"host":"redis","tlsEnabled":true}`)
	id := path[strings.LastIndex(path, "/")+1:]
	f.await("follower", "integrationId", `"`+id+`"`, "state", `"off"`)
	a.must(t, 200, "", "GET", environment+"/followers", "").want(t, "totalCount", `1`, "items.0._id", `"sink-`+id+`"`, "items.0.kind", `"sink"`,
		"items.0.name", `"Redis"`, "items.0.version", `"redis"`, "items.0.address", `"redis:6379, TLS"`, "items.0.state", `"off"`)
	a.sink(t, 200, "PATCH", path, `[{"op":"replace","path":"/on","value":true}]`)
	f.await("follower", "integrationId", `"`+id+`"`, "state", `"failed"`)
	a.must(t, 200, "", "POST", path+"/pause", "").want(t, "state", `"paused"`)
	f.await("follower", "integrationId", `"`+id+`"`, "state", `"paused"`)
	a.must(t, 202, "", "POST", environment+"/resync", "").want(t, "sinks", `0`, "sinksWaiting", `1`)
	a.must(t, 200, "", "POST", path+"/resume", "")
	a.must(t, 202, "", "POST", environment+"/resync", "").want(t, "sinks", `1`, "sinksWaiting", `0`)

	a.must(t, 200, "", "GET", path+"/status?limit=2&offset=1", "").want(t, "totalSegments", `3`, "segments.0.key", `"b"`, "segments.1.key", `"c"`, "segments.2", `null`)
	a.must(t, 400, "Error", "GET", path+"/status?limit=x", "")
	a.sink(t, 204, "DELETE", path, "")
	f.await("follower", "integrationId", `"`+id+`"`, "gone", `true`)
}

// The secret of DynamoDB stays where it is, goes nowhere else, and is told to nobody.
func TestTheAccessKeyOfATable(t *testing.T) {
	a := newAccount(t)
	made := a.sink(t, 201, "POST", dynamoSinks, `{"config":{"tableName":"members","region":"eu-central-1","accessKeyId":"AKIAIOSFODNN7EXAMPLE",
		"secretAccessKey":"`+password+`","createTable":true}}`)
	shown := `{"tableName":"members","region":"eu-central-1","prefix":"` + clientSideID + `","accessKeyId":"AKIAIOSFODNN7EXAMPLE","secretAccessKey":"` + maskedWord + `","createTable":true}`
	made.want(t, "config", shown)
	path := dynamoSinks + "/" + made.str("_id")
	a.sink(t, 200, "PATCH", path, `[{"op":"replace","path":"/config/createTable","value":false}]`).want(t, "version", `2`, "config.createTable", `null`)
	s := a.store.Sinks()[0]
	if plain, err := a.keys.Open(s.DynamoDB.SecretAccessKey, "integration/"+string(s.ID)+"/secretAccessKey"); err != nil || plain != password {
		t.Errorf("the secret is %q: %v", plain, err)
	}
	for _, change := range []string{`"/config/region","value":"eu-west-1"`, `"/config/endpoint","value":"https://elsewhere"`} {
		if got := a.sink(t, 400, "PATCH", path, `[{"op":"add","path":`+change+`}]`).str("message"); !strings.Contains(got, "sent anew") {
			t.Errorf("%s: %s", change, got)
		}
	}
	a.sink(t, 200, "PATCH", path, `[{"op":"remove","path":"/config/accessKeyId"},{"op":"remove","path":"/config/secretAccessKey"}]`).want(t, "config.secretAccessKey", `null`)
}

func TestSinkConfigsAreChecked(t *testing.T) {
	a := newAccount(t)
	long := strings.Repeat("x", 16<<10+1)
	for name, tt := range map[string]struct{ kind, config, says string }{
		"no host":                           {"redis", `{}`, "config/host"},
		"a URL":                             {"redis", `{"host":"redis://x"}`, "config/host"},
		"a host with a port":                {"redis", `{"host":"x:6379"}`, "config/host"},
		"a host with a credential":          {"redis", `{"host":"u:p@x"}`, "config/host"},
		"a long host":                       {"redis", `{"host":"` + long + `"}`, "config/host"},
		"port 0 is the default, but not -1": {"redis", `{"host":"x","port":-1}`, "config/port"},
		"a port too large":                  {"redis", `{"host":"x","port":"65536"}`, "config/port"},
		"a port that is none":               {"redis", `{"host":"x","port":"redis"}`, "config: /port"},
		"a port with a fraction":            {"redis", `{"host":"x","port":6379.5}`, "config: /port"},
		"TLS as a text":                     {"redis", `{"host":"x","tlsEnabled":"yes"}`, "config: /tlsEnabled"},
		"the old name of TLS":               {"redis", `{"host":"x","tls":true}`, "config: /tls"},
		"a user without password":           {"redis", `{"host":"x","username":"u"}`, "config/username"},
		"a user with a line end":            {"redis", `{"host":"x","username":"u\r\n","password":"p"}`, "config/username"},
		"a long password":                   {"redis", `{"host":"x","password":"` + long + `"}`, "config/password"},
		"a password that is none":           {"redis", `{"host":"x","password":{"a":1}}`, "config: /password"},
		"a database below 0":                {"redis", `{"host":"x","db":-1}`, "config/db"},
		"a database of a cluster":           {"redis", `{"host":"x","db":1,"cluster":true}`, "config/db"},
		"a prefix with a line end":          {"redis", `{"host":"x","prefix":"a\nb"}`, "config/prefix"},
		"a long prefix":                     {"redis", `{"host":"x","prefix":"` + long + `"}`, "config/prefix"},
		"a table in Redis":                  {"redis", `{"host":"x","tableName":"t"}`, "config: /tableName"},
		"no config":                         {"redis", `null`, "config must be an object"},
		"a list":                            {"redis", `[]`, "config must be an object"},
		"another store":                     {"mysql", `{"host":"x"}`, `"mysql"`},
		"no table":                          {"dynamodb", `{"region":"eu-central-1"}`, "config/tableName"},
		"no region":                         {"dynamodb", `{"tableName":"abc"}`, "config/region"},
		"a region that is none":             {"dynamodb", `{"tableName":"abc","region":"eu central"}`, "config/region"},
		"a role that is none":               {"dynamodb", `{"tableName":"abc","region":"local","roleArn":"muster"}`, "config/roleArn"},
		"an id that is none":                {"dynamodb", `{"tableName":"abc","region":"local","roleArn":"arn:aws:iam::123456789012:role/m","externalId":"x"}`, "config/externalId"},
		"an id without a role":              {"dynamodb", `{"tableName":"abc","region":"local","externalId":"6f1a2b3c-0000-4000-8000-000000000000"}`, "config/externalId"},
		"an endpoint with a user":           {"dynamodb", `{"tableName":"abc","region":"local","endpoint":"http://u:p@x"}`, "config/endpoint"},
		"an endpoint that is none":          {"dynamodb", `{"tableName":"abc","region":"local","endpoint":"localhost:8000"}`, "config/endpoint"},
		"a key without its secret":          {"dynamodb", `{"tableName":"abc","region":"local","accessKeyId":"AKIAIOSFODNN7EXAMPLE"}`, "config/accessKeyId"},
		"a secret without its key":          {"dynamodb", `{"tableName":"abc","region":"local","secretAccessKey":"s"}`, "config/accessKeyId"},
		"a key that is none":                {"dynamodb", `{"tableName":"abc","region":"local","accessKeyId":"a/b","secretAccessKey":"s"}`, "config/accessKeyId must be"},
		"a password in DynamoDB":            {"dynamodb", `{"tableName":"abc","region":"local","password":"p"}`, "config: /password"},
	} {
		t.Run(name, func(t *testing.T) {
			got := a.sink(t, 400, "POST", sinks+"/default/production/"+tt.kind, `{"config":`+tt.config+`}`)
			if !strings.Contains(got.str("message"), tt.says) || len(got.text) > 1000 {
				t.Errorf("%s says nothing of %q", got.text, tt.says)
			}
		})
	}
	path := a.redisSink(t, `{"host":"::1"}`)
	for name, tt := range map[string]struct{ patch, says string }{
		"its kind":         {`[{"op":"replace","path":"/integrationKey","value":"dynamodb"}]`, "read-only"},
		"its environment":  {`[{"op":"replace","path":"/environmentKey","value":"test"}]`, "read-only"},
		"its version":      {`[{"op":"replace","path":"/version","value":7}]`, "read-only"},
		"its status":       {`[{"op":"replace","path":"/_status/available","value":true}]`, "read-only"},
		"on to a text":     {`[{"op":"replace","path":"/on","value":"yes"}]`, "on"},
		"tags to a number": {`[{"op":"replace","path":"/tags","value":[1]}]`, "tags"},
		"a bad tag":        {`[{"op":"replace","path":"/tags","value":["a b"]}]`, "tag"},
		"config to a list": {`[{"op":"replace","path":"/config","value":[]}]`, "config"},
		"config away":      {`[{"op":"remove","path":"/config"}]`, "config"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := a.sink(t, 400, "PATCH", path, tt.patch); !strings.Contains(got.str("message"), tt.says) {
				t.Errorf("%s says nothing of %q", got.text, tt.says)
			}
		})
	}
	a.sink(t, 409, "PATCH", path, `[{"op":"test","path":"/version","value":9},{"op":"replace","path":"/on","value":true}]`)
	a.sink(t, 200, "GET", path, "").want(t, "on", `false`, "version", `1`, "config.host", `"::1"`, "config.port", `"6379"`)
}

// TestSinksWithoutTheirKey: with another key, and without one, everything is served, the integration
// says what is wrong, and nothing that is kept is lost.
func TestSinksWithoutTheirKey(t *testing.T) {
	db, keys := newDatabase(t), newKeys(t)
	a := openAccount(t, db, db, keys, time.Now)
	path := a.redisSink(t, `{"host":"redis","password":"`+password+`"}`)
	reopen := func(keys *seal.Keys) {
		t.Helper()
		if err := a.close(); err != nil {
			t.Fatal(err)
		}
		a = openAccount(t, db, db, keys, time.Now)
	}
	for name, tt := range map[string]struct {
		keys   *seal.Keys
		says   string
		sealed int // the answer to a new password
	}{
		"another key": {newKeys(t), "which this server was not given", 201},
		"no key":      {seal.Without("there is no key"), "there is no key", 409},
	} {
		reopen(tt.keys)
		got := a.sink(t, 200, "GET", path, "")
		got.want(t, "config.password", `"********"`, "config.host", `"redis"`, "_status.available", `false`)
		if problem := got.str("_status.errors.0.message"); !strings.Contains(problem, tt.says) {
			t.Errorf("%s: %s", name, got.text)
		}
		a.sink(t, 200, "PATCH", path, fmt.Sprintf(`[{"op":"replace","path":"/name","value":%q}]`, name))
		for i, masked := range []string{"********", maskedWord} {
			a.sink(t, 200, "PATCH", path, fmt.Sprintf(`[{"op":"replace","path":"/config","value":{"host":"redis","password":%q,"prefix":"%s%d"}}]`, masked, name, i))
		}
		made := a.sink(t, tt.sealed, "POST", redisSinks, `{"config":{"host":"new","password":"`+password+`"}}`)
		if tt.sealed == 201 {
			a.sink(t, 204, "DELETE", redisSinks+"/"+made.str("_id"), "")
		}
		a.sink(t, 201, "POST", redisSinks, fmt.Sprintf(`{"config":{"host":"plain","prefix":%q}}`, name))
	}
	reopen(keys)
	a.sink(t, 200, "GET", path, "").want(t, "config.password", `"`+maskedWord+`"`, "_status.errors", `[]`)
}

// TestPasswordsOfSinksAreToldToNobody looks for a password in every answer, the log and the audit log.
func TestPasswordsOfSinksAreToldToNobody(t *testing.T) {
	a := newAccount(t)
	const other = "an0ther-s3cret-w0rd-456"
	var answers [][]byte
	ask := func(method, path, body string) reply {
		got := a.call(t, method, path, body, "LD-API-Version", "beta")
		answers = append(answers, got.text)
		return got
	}
	path := redisSinks + "/" + ask("POST", redisSinks, `{"config":{"host":"redis","password":"`+password+`"}}`).str("_id")
	ask("GET", path, "")
	ask("GET", sinks, "")
	ask("PATCH", path, `{"comment":"c","patch":[{"op":"replace","path":"/config/password","value":"`+other+`"}]}`)
	ask("PATCH", path, `{"comment":"c","merge":{"config":{"password":"`+password+`"}}}`)
	ask("PATCH", path, `[{"op":"test","path":"/config/password","value":"`+password+`"}]`)
	ask("PATCH", path, `[{"op":"replace","path":"/config/password","value":["`+password+`"]}]`)
	ask("POST", redisSinks, `{"config":{"host":"redis","password":"`+password+`"}}`)
	ask("POST", redisSinks, `{"config":{"host":"rediss://u:`+password+`@redis:6379"}}`)
	ask("POST", redisSinks, `{"config":{"host":"redis","password":"`+other+`","x":"`+other+`"}}`)
	for _, e := range slices.Backward(ask("GET", "/auditlog?spec=integration/*", "").body.(map[string]any)["items"].([]any)) {
		ask("GET", "/auditlog/"+e.(map[string]any)["_id"].(string), "").want(t, "kind", `"integration"`, "delta", `null`, "merge", `null`)
	}
	ask("DELETE", path, "")
	ask("GET", "/auditlog", "")
	if len(answers) < 13 {
		t.Errorf("%d answers; the audit log lacks entries", len(answers))
	}
	for i, text := range append(answers, a.log.Bytes()) {
		for _, secret := range []string{password, other} {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("answer %d holds a password: %s", i, text)
			}
		}
	}
}

// Who may not change the configuration learns nothing of a password by sending guesses.
func TestPasswordsOfSinksCannotBeGuessed(t *testing.T) {
	a := newAccount(t)
	path := a.redisSink(t, `{"host":"redis","username":"u","password":"`+password+`","tlsEnabled":true}`)
	renamer := a.holder(t, []string{"viewProject proj/*", "updateName integration/*"})
	renamer.sink(t, 200, "PATCH", path, `[{"op":"replace","path":"/name","value":"Other"},{"op":"replace","path":"/config/password","value":"`+maskedWord+`"}]`).
		want(t, "name", `"Other"`)
	for _, guess := range []string{"wrong", password, maskedWord[:3] + "********xyz"} {
		renamer.sink(t, 403, "PATCH", path, `[{"op":"replace","path":"/config/password","value":"`+guess+`"}]`)
	}
}
