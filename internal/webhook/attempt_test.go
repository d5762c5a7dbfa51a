package webhook

import (
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAReasonIsSafeToShow(t *testing.T) {
	s := &Sender{client: newClient(Options{}), log: slog.New(slog.DiscardHandler)}
	defer s.client.CloseIdleConnections()
	for text, want := range map[string]string{
		"a\r\n\t b\x1b[31m":            "a b [31m",
		"\xff\xfe":                     "",
		strings.Repeat("x", 200):       strings.Repeat("x", 120) + "…",
		strings.Repeat("ü", 1<<20):     strings.Repeat("ü", 120) + "…",
		"a" + strings.Repeat("€", 200): "a" + strings.Repeat("€", 119) + "…",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(500)
			_, _ = io.WriteString(rw, text)
		}))
		_, _, err := s.post(t.Context(), server.URL+"/secret-path", "", nil)
		server.Close()
		if got := reason(err); got != strings.TrimSuffix("answered 500: "+want, ": ") {
			t.Errorf("%.20q: %q", text, got)
		}
	}
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	_, _, err := s.post(t.Context(), server.URL+"/secret-path", "", nil)
	if got := reason(err); strings.Contains(got, "secret-path") || !strings.Contains(got, "certificate") {
		t.Errorf("the reason is %q", got)
	}
	_, _, err = s.post(t.Context(), "http://127.0.0.1:1/secret-path", "", nil)
	if got := reason(err); strings.Contains(got, "secret-path") || !strings.Contains(got, "refused") {
		t.Errorf("the reason is %q", got)
	}
}
