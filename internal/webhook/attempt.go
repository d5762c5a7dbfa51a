package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"muster/internal/catalog"
)

const (
	// attemptTimeout is how long an attempt may take, from the name of the host to the end of the answer.
	attemptTimeout = 10 * time.Second
	// firstWait, doubled after each failure up to longestWait, is the pause before the next attempt; half
	// of it is left to chance, so that receivers that were away are not met by all at once.
	firstWait   = time.Second
	longestWait = 10 * time.Minute
	// giveUpAfter is how long an entry is tried.
	giveUpAfter = time.Hour
	// refusedAttempts is how often an entry is sent to a receiver that says that it is wrong:
	// LaunchDarkly retries once.
	refusedAttempts = 2

	maxAnswerBytes  = 64 << 10 // read, so that the connection can be used again
	maxExcerptRunes = 120
)

// SignatureHeader carries the lower-case hexadecimal HMAC-SHA256 of the body under the secret.
const SignatureHeader = "X-LD-Signature"

// answer is what came of an attempt.
type answer struct {
	delivery   catalog.Delivery
	retryAfter time.Duration // that the receiver asked for
	held       bool          // nothing was sent, through no fault of the receiver's
}

// attempts returns how often an entry may be sent that was answered like this; any number if the
// receiver, or the way to it, may be well again later.
func (a *answer) attempts() int {
	switch status := a.delivery.Status; {
	case status == 0, status >= 500, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		return 1 << 30
	}
	return refusedAttempts
}

// send sends a body to a webhook once.
func (s *Sender) send(ctx context.Context, w *catalog.Webhook, body []byte) answer {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	began := time.Now()
	secret, err := s.keys.Open(w.Secret, w.SecretPlace())
	if err != nil {
		return answer{delivery: catalog.Delivery{At: began, Error: reason(fmt.Errorf("nothing was sent: %w", err))}, held: true}
	}
	status, retryAfter, err := s.post(ctx, w.URL, secret, body)
	a := answer{delivery: catalog.Delivery{At: began, Status: status, Took: time.Since(began)}, retryAfter: retryAfter}
	if err != nil {
		a.delivery.Error = reason(err)
	}
	return a
}

func (s *Sender) post(ctx context.Context, to, secret string, body []byte) (status int, retryAfter time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return 0, 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", s.agent)
	if secret != "" {
		req.Header.Set(SignatureHeader, sign(secret, body))
	}
	res, err := s.client.Do(req)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswerBytes))
	if res.StatusCode/100 == 2 {
		return res.StatusCode, 0, nil // whatever else it says
	}
	said := "answered " + strconv.Itoa(res.StatusCode)
	switch {
	case err != nil:
	case res.StatusCode/100 == 3:
		said += "; redirects are not followed"
	default:
		if excerpt := clip(string(text[:min(len(text), 4*maxExcerptRunes)]), maxExcerptRunes); excerpt != "" {
			said += ": " + excerpt
		}
	}
	if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && seconds > 0 {
		retryAfter = min(time.Duration(min(seconds, int(longestWait/time.Second)))*time.Second, longestWait)
	}
	return res.StatusCode, retryAfter, errors.New(said)
}

// sign returns the signature of a body.
func sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// reason says in one line why an attempt failed. It names no URL, which may hold a secret.
func reason(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %s", attemptTimeout)
	}
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err
	}
	if refused, ok := errors.AsType[*refusedError](err); ok {
		return refused.Error()
	}
	return clip(err.Error(), 2*maxExcerptRunes)
}

// clip returns the beginning of a text as one line of printable characters.
func clip(text string, most int) string {
	text = strings.ToValidUTF8(text, "")
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most]) + "…"
}

// backOff returns the pause after so many failures.
func backOff(failures int) time.Duration {
	wait := longestWait
	if n := failures - 1; n < 20 {
		wait = min(longestWait, firstWait<<n)
	}
	return wait/2 + rand.N(wait/2+1)
}
