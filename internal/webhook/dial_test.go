package webhook

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestWhichAddressesAreCalled(t *testing.T) {
	for address, want := range map[string]struct{ any, public bool }{
		"203.0.113.7:443":             {true, true},
		"[2001:db8::1]:443":           {true, true},
		"127.0.0.1:80":                {true, false},
		"[::1]:80":                    {true, false},
		"10.1.2.3:80":                 {true, false},
		"192.168.0.1:80":              {true, false},
		"172.16.0.1:80":               {true, false},
		"100.64.0.1:80":               {true, false},
		"[fd12::1]:80":                {true, false},
		"[::ffff:10.0.0.1]:80":        {true, false},
		"[64:ff9b::a00:1]:80":         {true, false},
		"169.254.169.254:80":          {false, false},
		"169.254.1.1:80":              {false, false},
		"[::ffff:169.254.169.254]:80": {false, false},
		"[64:ff9b::a9fe:a9fe]:80":     {false, false},
		"[fe80::1%eth0]:80":           {false, false},
		"[fd00:ec2::254]:80":          {false, false},
		"100.100.100.200:80":          {false, false},
		"168.63.129.16:80":            {false, false},
		"0.0.0.0:80":                  {false, false},
		"[::]:80":                     {false, false},
		"224.0.0.1:80":                {false, false},
		"255.255.255.255:80":          {false, false},
		"no address":                  {false, false},
	} {
		if err := allowed(address, false); (err == nil) != want.any {
			t.Errorf("%s: %v", address, err)
		}
		if err := allowed(address, true); (err == nil) != want.public {
			t.Errorf("%s, public only: %v", address, err)
		}
	}
}

// TestTheAddressCountsNotTheName calls a real server by a name.
func TestTheAddressCountsNotTheName(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { _, _ = io.Copy(rw, r.Body) }))
	defer server.Close()
	named := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	for _, publicOnly := range []bool{false, true} {
		client := newClient(Options{PublicOnly: publicOnly})
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, named, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if err == nil {
			_ = res.Body.Close()
		}
		client.CloseIdleConnections()
		if (err != nil) != publicOnly {
			t.Errorf("public only %t: %v", publicOnly, err)
		}
		if err != nil && !strings.Contains(reason(err), "--webhooks-public-only") {
			t.Errorf("the reason is %q", reason(err))
		}
	}
}
