package migrate

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
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxAnswerBytes = 256 << 20
	maxTries       = 5                // of a read that is not answered
	maxWaits       = 100              // of one request for a server that has no time
	longestWait    = 15 * time.Minute // that a server may ask for
	answerTimeout  = 5 * time.Minute  // for one answer, all of it
)

// client asks one server. Its credential goes to that server and nowhere else: redirects are not
// followed, links to other servers are refused, and no error shows it.
type client struct {
	name       string // of the server in sentences
	advice     string // what to check when the server does not know the credential
	base       *url.URL
	credential string
	agent      string
	say        func(string) // tells people why nothing happens
	answered   bool         // whether it ever did: a wrong address is told at once
	http       *http.Client
}

func newClient(name, address, credential, advice, agent string, say func(string)) (*client, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	base, err := url.Parse(strings.TrimSuffix(address, "/"))
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("%q is no address of %s; one looks like https://host", address, name)
	}
	return &client{
		name: name, advice: advice, base: base, credential: credential, agent: agent, say: say,
		http: &http.Client{
			Timeout:       answerTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// refusal is what a server says when it does not do what it was asked.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

// refused returns the status with which a server refused a request, 0 if it was something else.
func refused(err error) int {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.status
	}
	return 0
}

// get decodes the answer to a GET; false if there is no such thing.
func (c *client) get(ctx context.Context, path string, into any) (bool, error) {
	text, err := c.call(ctx, http.MethodGet, path, nil)
	if refused(err) == http.StatusNotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, c.decode(text, path, into)
}

func (c *client) decode(text []byte, path string, into any) error {
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("what %s at %s answers to GET %s is not what an API answers, so check its address: %w", c.name, c.base.Host, path, err)
	}
	return nil
}

// replace gives members of an object new values, all or none. Null takes a value away.
func (c *client) replace(ctx context.Context, path string, members object) error {
	type operation struct {
		Op    string          `json:"op"`
		Path  string          `json:"path"`
		Value json.RawMessage `json:"value"`
	}
	var patch []operation
	for _, member := range slices.Sorted(maps.Keys(members)) {
		patch = append(patch, operation{"replace", "/" + member, members[member]})
	}
	_, err := c.call(ctx, http.MethodPatch, path, patch)
	return err
}

// call makes a request until it is answered. A server that has no time is asked again when it says
// so; one that does not answer at all is asked again only what changes nothing.
func (c *client) call(ctx context.Context, method, path string, body any) ([]byte, error) {
	at, err := c.resolve(path)
	if err != nil {
		return nil, err
	}
	var sent []byte
	if body != nil {
		if sent, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("write the body of %s %s: %w", method, at.Path, err)
		}
	}
	tries, pause := 1, time.Second
	for waits := 0; ; {
		text, wait, err := c.once(ctx, method, at, sent)
		switch {
		case err == nil:
			return text, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case wait > longestWait || waits == maxWaits:
			return nil, fmt.Errorf("%w; it asks to wait %v, so run the same command again later", err, wait.Round(time.Second))
		case wait > 0:
			waits++
			if wait >= time.Second {
				c.say(fmt.Sprintf("%s asks to wait %v", c.name, wait.Round(time.Second)))
			}
		case method != http.MethodGet || tries == maxTries || !c.answered || refused(err) != 0 && refused(err) < http.StatusInternalServerError:
			return nil, err
		default:
			c.say(fmt.Sprintf("%v; trying again", err))
			tries, wait, pause = tries+1, pause, 2*pause
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// resolve returns the address of a path, or of a link that the server gave.
func (c *client) resolve(link string) (*url.URL, error) {
	to, err := url.Parse(link)
	if err != nil {
		return nil, fmt.Errorf("%s gave a link that is none: %w", c.name, err)
	}
	if to.IsAbs() || to.Host != "" {
		at := c.base.ResolveReference(to)
		if at.Scheme != c.base.Scheme || at.Host != c.base.Host {
			return nil, fmt.Errorf("%s gave a link to %s://%s; its credential is not sent there", c.name, at.Scheme, at.Host)
		}
		return at, nil
	}
	at := *c.base
	at.Path, at.RawPath, at.RawQuery = c.base.Path+to.Path, c.base.EscapedPath()+to.EscapedPath(), to.RawQuery
	return &at, nil
}

// once makes one attempt. If the server has no time now, wait is how long to leave it alone.
func (c *client) once(ctx context.Context, method string, at *url.URL, sent []byte) (text []byte, wait time.Duration, err error) {
	r, err := http.NewRequestWithContext(ctx, method, at.String(), bytes.NewReader(sent))
	if err != nil {
		return nil, 0, err
	}
	r.Header.Set("Authorization", c.credential)
	r.Header.Set("Content-Type", "application/json") // LaunchDarkly wants it where there is no body too
	r.Header.Set("LD-API-Version", "20240415")
	r.Header.Set("User-Agent", c.agent)
	res, err := c.http.Do(r)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err // says the address once more
		}
		return nil, 0, fmt.Errorf("can't reach %s at %s: %w", c.name, c.base.Host, err)
	}
	defer func() { _ = res.Body.Close() }() // it was only read
	c.answered = true
	text, err = io.ReadAll(io.LimitReader(res.Body, maxAnswerBytes+1))
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("read what %s answers to %s %s: %w", c.name, method, at.Path, err)
	case len(text) > maxAnswerBytes:
		return nil, 0, &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("%s answers %s %s with more than %d MiB", c.name, method, at.Path, maxAnswerBytes>>20)}
	case res.StatusCode == http.StatusTooManyRequests:
		wait = restOf(res.Header, time.Now())
	case res.StatusCode < http.StatusMultipleChoices:
		return text, 0, nil
	}
	return nil, wait, &refusal{res.StatusCode, c.sentence(method, at, res, text)}
}

// sentence says why a server did not do what it was asked.
func (c *client) sentence(method string, at *url.URL, res *http.Response, text []byte) string {
	var said struct {
		Message string `json:"message"`
	}
	what := fmt.Sprintf("%s answers %s %s with %d", c.name, method, at.Path, res.StatusCode)
	switch {
	case res.StatusCode < http.StatusBadRequest:
		to, err := res.Location()
		if err != nil {
			return what
		}
		return fmt.Sprintf("%s: it has moved to %s://%s; give that address", what, to.Scheme, to.Host)
	case json.Unmarshal(text, &said) == nil && said.Message != "":
		what = fmt.Sprintf("%s (%d)", strings.ReplaceAll(said.Message, c.credential, "…"), res.StatusCode)
	}
	if res.StatusCode == http.StatusUnauthorized {
		what += "; " + c.advice
	}
	return what
}

// restOf returns how long a server that answers 429 wants to be left alone. LaunchDarkly says when
// its limit is over in X-Ratelimit-Reset (Unix milliseconds), or in Retry-After (seconds) if the
// limit is that of an address.
func restOf(h http.Header, now time.Time) time.Duration {
	rest := time.Duration(0)
	if ms, err := strconv.ParseInt(h.Get("X-Ratelimit-Reset"), 10, 64); err == nil {
		rest = time.UnixMilli(ms).Sub(now)
	}
	if s, err := strconv.Atoi(h.Get("Retry-After")); err == nil {
		rest = max(rest, time.Duration(s)*time.Second)
	} else if at, err := http.ParseTime(h.Get("Retry-After")); err == nil {
		rest = max(rest, at.Sub(now))
	}
	if rest <= 0 { // nothing is said, or the clocks differ
		return time.Second
	}
	return rest + 10*time.Millisecond
}

// page is a list as both servers page it.
type page struct {
	Items []object `json:"items"`
	Links struct {
		Next struct {
			Href string `json:"href"`
		} `json:"next"`
	} `json:"_links"`
}

// each calls do with every item of a list, page by page.
func (c *client) each(ctx context.Context, path string, do func(object) error) error {
	for path != "" {
		text, err := c.call(ctx, http.MethodGet, path, nil)
		if err != nil {
			return err
		}
		var p page
		if err := c.decode(text, path, &p); err != nil {
			return err
		}
		for _, item := range p.Items {
			if err := do(item); err != nil {
				return err
			}
		}
		if p.Links.Next.Href == path {
			return fmt.Errorf("%s gives a page of GET %s as the next one after itself", c.name, path)
		}
		path = p.Links.Next.Href
	}
	return nil
}
