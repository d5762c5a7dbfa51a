package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// remote is how a command reaches a muster that is running.
type remote struct {
	URL   string `name:"url" help:"Address of the muster." default:"http://127.0.0.1:8080"`
	Token string `help:"Access token, api-…." required:""`
}

// remoteEnvironment is how a command reaches an environment of a muster that is running.
type remoteEnvironment struct {
	remote      `embed:""`
	Project     string `help:"Project key." default:"default"`
	Environment string `help:"Environment key." default:"production"`
}

// remoteSegment is how a command reaches a segment of a muster that is running.
type remoteSegment struct {
	remoteEnvironment `embed:""`
	Segment           string `help:"Segment key." required:""`
}

// address returns that of a path of the muster.
func (r *remote) address(path string) string {
	base := strings.TrimSuffix(r.URL, "/")
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	return base + path
}

// at returns the address of something below the segment.
func (r *remoteSegment) at(below string) string {
	return r.address("/api/v2/segments/" + url.PathEscape(r.Project) + "/" + url.PathEscape(r.Environment) + "/" + url.PathEscape(r.Segment) + below)
}

// command returns how to say another command about the segment. The token is left to who says it.
func (r *remoteSegment) command(name string, args ...string) string {
	words := []string{"muster", name, "--segment", r.Segment}
	for _, flag := range []struct{ name, value, standard string }{
		{"--project", r.Project, "default"}, {"--environment", r.Environment, "production"}, {"--url", r.URL, "http://127.0.0.1:8080"},
	} {
		if flag.value != flag.standard {
			words = append(words, flag.name, flag.value)
		}
	}
	return strings.Join(append(words, args...), " ")
}

// refusal is what the muster says when it does not do what it was asked.
type refusal struct {
	status  int
	message string
}

func (r *refusal) Error() string {
	text := fmt.Sprintf("%s (%d)", r.message, r.status)
	if r.status == http.StatusUnauthorized {
		text += "; check --token or MUSTER_TOKEN"
	}
	return text
}

// ask sends a request and returns the answer, or the sentence with which it was refused.
func (r *remote) ask(ctx context.Context, method, address string, body io.Reader, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, err
	}
	if m, ok := body.(*meter); ok && m.total > 0 {
		req.ContentLength = m.total
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Authorization", r.Token)
	req.Header.Set("User-Agent", "muster/"+version())
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err // says the address once more
		}
		return nil, fmt.Errorf("can't reach muster at %s: %w", r.URL, err)
	}
	page := strings.HasPrefix(res.Header.Get("Content-Type"), "text/html")
	if res.StatusCode < http.StatusBadRequest && !page {
		return res, nil
	}
	defer func() { _ = res.Body.Close() }() // it was only read
	text, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	message, ok := sentence(text)
	if page || !ok {
		message = "what answers at " + r.URL + " is not the API of a muster; check --url"
	}
	return nil, &refusal{res.StatusCode, message}
}

// sentence returns the message of an answer that is an error; false if it has none.
func sentence(body []byte) (string, bool) {
	var said struct {
		Message string `json:"message"`
	}
	err := json.Unmarshal(body, &said)
	return said.Message, err == nil && said.Message != ""
}

// read decodes the answer to a GET.
func (r *remote) read(ctx context.Context, address string, v any) error {
	res, err := r.ask(ctx, http.MethodGet, address, nil, nil)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // it was only read
	return r.decode(res.Body, v)
}

func (r *remote) decode(body io.Reader, v any) error {
	if err := json.NewDecoder(body).Decode(v); err != nil {
		return fmt.Errorf("read the answer of muster at %s: %w", r.URL, err)
	}
	return nil
}

// post sends a comment and decodes the answer.
func (r *remote) post(ctx context.Context, address, comment string, v any) error {
	body, err := json.Marshal(map[string]string{"comment": comment})
	if err != nil {
		return err
	}
	return r.send(ctx, http.MethodPost, address, body, v)
}

// send sends JSON, or nothing if that is nil, and decodes the answer, unless v is nil.
func (r *remote) send(ctx context.Context, method, address string, body []byte, v any) error {
	header := http.Header{"LD-API-Version": {"beta"}} // some of what is asked is in beta
	var content io.Reader
	if body != nil {
		header.Set("Content-Type", "application/json")
		content = bytes.NewReader(body)
	}
	res, err := r.ask(ctx, method, address, content, header)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // it was only read
	if v == nil {
		return nil
	}
	return r.decode(res.Body, v)
}

// away is how long a muster may be gone, restarting, while a command waits for it.
const away = time.Minute

// poll reads something again and again until it is decided, over a restart of the muster too.
func (r *remote) poll(ctx context.Context, address string, v any, decided func() bool) error {
	pause, answered := 20*time.Millisecond, time.Now()
	for {
		err := r.read(ctx, address, v)
		said, refused := errors.AsType[*refusal](err)
		switch {
		case err == nil && decided():
			return nil
		case err == nil:
			answered = time.Now()
		case refused && said.status != http.StatusTooManyRequests, time.Since(answered) > away:
			return err
		}
		select {
		case <-time.After(pause):
			pause = min(2*pause, 500*time.Millisecond)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// The codes that commands end with beside 0 and 1. Scripts rely on them.
const (
	heldCode        = 3   // the guard keeps what was sent; nothing of it is visible
	damagedCode     = 4   // something that is stored is not as it should be
	incompleteCode  = 5   // a migration left something out
	interruptedCode = 130 // by a signal
)

// ended is an error with which a command ends in a code of its own.
type ended struct {
	code int
	text string
}

func (e *ended) Error() string { return e.text }
