package ofrep_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"muster/internal/access"
	"muster/internal/catalog"
	"muster/internal/ofrep"
	"muster/internal/store"
)

func TestAPanicIsAnErrorOfTheProtocol(t *testing.T) {
	w := newWorld(t)
	broken := httptest.NewServer(ofrep.New(nil, access.New(w.store, time.Now), slog.New(slog.DiscardHandler))) // it has nothing to evaluate with
	defer broken.Close()
	for _, path := range []string{"/ofrep/v1/evaluate/flags", "/ofrep/v1/evaluate/flags/checkout"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, broken.URL+path, strings.NewReader(`{"context":{"targetingKey":"ann"}}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+sdkKey)
		res, err := broken.Client().Do(r)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		var got struct{ ErrorCode, ErrorDetails string }
		if err := json.NewDecoder(res.Body).Decode(&got); err != nil || res.StatusCode != http.StatusInternalServerError || got.ErrorCode != "GENERAL" || got.ErrorDetails == "" {
			t.Errorf("%s: %s with %+v, %v", path, res.Status, got, err)
		}
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestARevokedKeyIsRefusedAtOnce(t *testing.T) {
	w := newWorld(t)
	ask := func(key string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/ofrep/v1/evaluate/flags", strings.NewReader(`{"context":{"targetingKey":"ann"}}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-API-Key", key)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }() // its status is all that counts
		return res.StatusCode
	}
	rotate := func(expiring ...catalog.ExpiringKey) {
		e, _ := w.store.Environment(envID)
		e = e.Clone()
		e.SDKKey, e.MobileKey, e.ExpiringSDKKeys = "sdk-new", "mob-new", expiring
		e.Version++
		w.update(store.Account, func(tx store.Tx) { tx.PutEnvironment(e) })
	}
	want := func(statuses map[string]int) {
		t.Helper()
		for key, status := range statuses {
			if got := ask(key); got != status {
				t.Errorf("%s is answered %d, want %d", key, got, status)
			}
		}
	}
	want(map[string]int{sdkKey: 200, mobKey: 200, string(envID): 200})
	rotate(catalog.ExpiringKey{Key: sdkKey, Expiry: time.Now().Add(time.Hour)})
	want(map[string]int{sdkKey: 200, "sdk-new": 200, mobKey: 401, "mob-new": 200})
	rotate()
	want(map[string]int{sdkKey: 401, "sdk-new": 200})
	http.DefaultClient.CloseIdleConnections()
}
