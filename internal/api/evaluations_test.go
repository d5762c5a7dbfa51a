package api_test

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"muster/internal/segment"
	"muster/internal/usage"
)

// reportEvaluations reports, as an SDK would, that the flag f of production was served n times with
// its first variation, once with its second and once with none. It waits until that is counted.
func (a *account) reportEvaluations(t *testing.T, n int) {
	t.Helper()
	env, ok := a.store.Environment(segment.EnvID(clientSideID))
	if !ok {
		t.Fatal("no environment")
	}
	before, _ := a.usage.Totals(env.ID)
	b := a.usage.NewBody(env.ID)
	_, _ = io.WriteString(b, fmt.Sprintf(`[{"kind":"summary","features":{"f":{"default":"fallback","counters":[
		{"variation":0,"count":%d},{"variation":1,"count":1},{"unknown":true,"count":1}]}}}]`, n))
	a.usage.Take(usage.Report{Environment: env, SDK: usage.SDK{Name: "GoClient", Version: "7.14.6"}, Instance: fmt.Sprint(n)}, b)
	for began := time.Now(); ; runtime.Gosched() {
		if now, _ := a.usage.Totals(env.ID); now > before {
			return
		}
		if time.Since(began) > 30*time.Second {
			t.Fatal("the report was never counted")
		}
	}
}

func TestEvaluations(t *testing.T) {
	now := time.Date(2026, 3, 28, 23, 20, 0, 0, time.UTC)
	a := newAccountAt(t, func() time.Time { return now })
	a.must(t, 201, "", "POST", "/flags/default", `{"key":"f","name":"F","variations":[{"value":"a","name":"A"},{"value":"b"}]}`)
	beta := []string{"LD-API-Version", "beta"}
	const path = "/usage/evaluations/default/production/f"
	a.must(t, 200, "Series", "GET", path, "", beta...).want(t, "series", `[]`, "metadata.0.key", `"0"`, "metadata.0.variation", `0`,
		"metadata.0.name", `"A"`, "metadata.0.value", `"a"`, "metadata.1.value", `"b"`, "metadata.2", `null`, "_links.self.href", `"/api/v2`+path+`"`)

	a.reportEvaluations(t, 10)
	now = now.Add(50 * time.Minute) // a new hour, a new day in London and none in Berlin, where clocks were put forward
	a.reportEvaluations(t, 20)
	a.reportEvaluations(t, 30)
	ms := func(month time.Month, day, hour int, zone *time.Location) int64 {
		return time.Date(2026, month, day, hour, 0, 0, 0, zone).UnixMilli()
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	point := func(at, first, second, none int64) string {
		return fmt.Sprintf(`{"time":%d,"0":%d,"1":%d,"2":%d}`, at, first, second, none)
	}
	hours := point(ms(3, 28, 23, time.UTC), 10, 1, 1) + "," + point(ms(3, 29, 0, time.UTC), 50, 2, 2)
	days := point(ms(3, 28, 0, time.UTC), 10, 1, 1) + "," + point(ms(3, 29, 0, time.UTC), 50, 2, 2)
	for query, want := range map[string]string{
		"":                  days,
		"?tz=Europe/Berlin": point(ms(3, 29, 0, berlin), 60, 3, 3),
		fmt.Sprintf("?from=%d", now.Add(-47*time.Hour).UnixMilli()):                                        hours,
		fmt.Sprintf("?from=%d", now.Add(-5*time.Minute).UnixMilli()):                                       point(ms(3, 29, 0, time.UTC), 50, 2, 2),
		fmt.Sprintf("?from=%d&to=%d", now.Add(-47*time.Hour).UnixMilli(), now.Add(-time.Hour).UnixMilli()): point(ms(3, 28, 23, time.UTC), 10, 1, 1),
		fmt.Sprintf("?from=%d", now.Add(time.Hour).UnixMilli()):                                            "",
	} {
		a.must(t, 200, "Series", "GET", path+query, "", beta...).want(t, "series", "["+want+"]")
	}
	a.must(t, 200, "Series", "GET", path, "", beta...).want(t, "metadata.2.key", `"2"`, "metadata.2.variation", `null`)

	for name, query := range map[string]string{"from": "?from=yesterday", "to": "?to=-1", "tz": "?tz=../../etc/passwd"} {
		if got := a.must(t, 400, "", "GET", path+query, "", beta...); !strings.Contains(got.str("message"), name) {
			t.Errorf("%s: %s", query, got.text)
		}
	}
	a.must(t, 400, "", "GET", path+"?tz=Local", "", beta...)
	a.must(t, 403, "", "GET", path, "")
	a.must(t, 404, "", "GET", "/usage/evaluations/default/production/nope", "", beta...)
	a.must(t, 404, "", "GET", "/usage/evaluations/default/nope/f", "", beta...)
	a.must(t, 404, "", "GET", "/usage/evaluations/nope/production/f", "", beta...)

	first, last := time.Date(2026, 3, 28, 23, 20, 0, 0, time.UTC).UnixMilli(), now.UnixMilli()
	a.must(t, 200, "", "GET", "/projects/default/environments/production/sdks", "").want(t, "totalCount", `1`,
		"items", fmt.Sprintf(`[{"name":"GoClient","version":"7.14.6","firstSeen":%d,"lastSeen":%d,"instances":3}]`, first, last))
	a.must(t, 200, "", "GET", "/projects/default/environments/test/sdks", "").want(t, "items", `[]`)
}

func TestFlagsWithTheirPulse(t *testing.T) {
	now := time.Date(2026, 3, 28, 23, 20, 0, 0, time.UTC)
	a := newAccountAt(t, func() time.Time { return now })
	a.must(t, 201, "", "POST", "/flags/default", `{"key":"f","name":"F","variations":[{"value":"a"},{"value":"b"}]}`)
	a.must(t, 201, "", "POST", "/flags/default", `{"key":"g","name":"G"}`)
	const list = "/flags/default?sort=key&env=production&expand=pulse"
	a.reportEvaluations(t, 10) // 12 with the other variation and none
	now = now.Add(23 * time.Hour)
	a.reportEvaluations(t, 20)
	const of = "items.0.environments.production._muster."
	hourly := func(first, last int) string {
		return "[" + fmt.Sprint(first) + strings.Repeat(",0", 22) + "," + fmt.Sprint(last) + "]"
	}
	a.must(t, 200, "Flags", "GET", list, "").want(t, of+"evaluations24h", `34`, "items.1.environments.production._muster.evaluations24h", `0`,
		of+"evaluationsHourly", hourly(12, 22), "items.1.environments.production._muster.evaluationsHourly", hourly(0, 0))
	now = now.Add(40 * time.Minute) // the next hour
	a.must(t, 200, "Flags", "GET", list, "").want(t, of+"evaluations24h", `22`, "items.0.environments.test", `null`)
	a.must(t, 200, "Flags", "GET", "/flags/default?sort=key&env=production", "").want(t, "items.0.environments.production._muster", `null`)
	a.must(t, 200, "Flags", "GET", "/flags/default?sort=key&expand=pulse", "").want(t, "items.0.environments", `null`)

	robot := a.as(a.newToken(t, `{"name":"robot","role":"writer"}`))
	a.must(t, 200, "Flags", "GET", list, "").want(t, of+"modifiedBy.kind", `"token"`)
	robot.must(t, 200, "", "PATCH", "/flags/default/f", `{"environmentKey":"production","instructions":[{"kind":"turnFlagOn"}]}`, "Content-Type", semantic)
	a.must(t, 200, "Flags", "GET", list+"&env=test", "").want(t, of+"modifiedBy.name", `"robot"`,
		"items.0.environments.production.lastModified", fmt.Sprint(now.UnixMilli()))
	if by := a.must(t, 200, "", "GET", list+"&env=test", "").str("items.0.environments.test._muster.modifiedBy.name"); by == "" || by == "robot" {
		t.Errorf("the change in production makes %q the one who changed the flag in test", by)
	}
	a.must(t, 200, "", "PATCH", "/flags/default/f", `[{"op":"replace","path":"/name","value":"Other"}]`)
	a.must(t, 200, "", "GET", list, "").want(t, of+"modifiedBy.name", `"robot"`)
	a.must(t, 400, "", "GET", list+"&limit=101", "")

	a.must(t, 200, "", "GET", list, "").want(t, of+"mayTurn", `true`, "items.1.environments.production._muster.mayTurn", `true`)
	a.must(t, 200, "", "PATCH", "/flags/default/f", `[{"op":"add","path":"/tags/-","value":"crm"}]`)
	a.holder(t, []string{"view* *", "updateOn proj/*:env/production:flag/*;crm"}).must(t, 200, "", "GET", list+"&env=test", "").want(t,
		of+"mayTurn", `true`, "items.0.environments.test._muster.mayTurn", `false`, "items.1.environments.production._muster.mayTurn", `false`)
}
