package catalog

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/seal"
)

// MaxWebhooks is how many webhooks an account can have.
const MaxWebhooks = 100

// MaxURLLength is how many bytes the URL of a webhook can have.
const MaxURLLength = 2048

// Webhook is a URL that is told of what is written into the audit log.
type Webhook struct {
	ID   ID
	URL  string
	Name string
	On   bool
	// Secret signs what is sent, nothing for no signature.
	Secret seal.Sealed
	// Statements select the entries that are told; none select all.
	Statements []policy.Statement
	Tags       []string
	// Account says that entries are told too that concern no project: an administrator made the webhook.
	Account bool
	// Since is the end of the audit log when the webhook was turned on last. What lies before is not told.
	Since      AuditPosition
	CreatedAt  time.Time
	ModifiedAt time.Time
}

// Clone returns a copy that shares nothing changeable with w.
func (w *Webhook) Clone() *Webhook {
	c := *w
	c.Secret = slices.Clone(w.Secret)
	c.Statements = cloneEach(w.Statements, policy.Statement.Clone)
	c.Tags = slices.Clone(w.Tags)
	return &c
}

// SecretPlace is where the secret is sealed for.
func (w *Webhook) SecretPlace() string { return "webhook/" + string(w.ID) + "/secret" }

// CheckWebhookSecret says what is wrong with a secret that is to sign what is sent.
func CheckWebhookSecret(secret string) error { return checkText("secret", secret, maxSecretLength) }

// Normalize brings the webhook into the form that is kept.
func (w *Webhook) Normalize() { w.Tags = sortedTags(w.Tags) }

// Validate returns a sentence about the first field that can't be as it is.
func (w *Webhook) Validate() error {
	if err := checkWebhookURL(w.URL); err != nil {
		return err
	}
	if err := checkText("name", w.Name, MaxNameLength); err != nil {
		return err
	}
	if err := checkTags(w.Tags); err != nil {
		return err
	}
	return policy.Validate(w.Statements)
}

// Selects reports whether the webhook is to be told of an entry.
func (w *Webhook) Selects(e AuditEntry) bool {
	if e.Project == "" && !w.Account {
		return false
	}
	return len(w.Statements) == 0 || e.Passes(w.Statements)
}

// Resource returns the resource of the webhook; one that is about to be made has no id.
func (w *Webhook) Resource() policy.Resource {
	return policy.Resource{{Kind: "webhook", Name: string(w.ID), Tags: w.Tags}}
}

// checkWebhookURL never repeats what stands in the URL before its host, which may be a password.
func checkWebhookURL(text string) error {
	switch {
	case text == "":
		return fault.Invalidf("url is missing; give an absolute one such as https://example.com/hook")
	case len(text) > MaxURLLength:
		return fault.Invalidf("url has %d bytes; at most %d are allowed", len(text), MaxURLLength)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return fault.Invalidf("url must be valid UTF-8 without blanks and control characters")
	}
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || u.Hostname() == "" {
		return fault.Invalidf("url must be an absolute one with a host, such as https://example.com/hook")
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return fault.Invalidf("url begins with %q; it must begin with http:// or https://", clip(u.Scheme+":"))
	}
	if u.User != nil {
		return fault.Invalidf("url must not hold a user or a password, which everybody could read who may view the webhook; set a secret and check the signature")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fault.Invalidf("port %s of the url must be 1 to 65535", clip(port))
		}
	}
	if address, err := netip.ParseAddr(u.Hostname()); err == nil {
		if why := NeverCalled(address); why != "" {
			return fault.Invalidf("url leads to %s, which muster never calls: %s", address, why)
		}
	}
	return nil
}

// metadata are addresses outside the link-local ranges at which clouds hand out credentials.
var metadata = []netip.Addr{
	netip.MustParseAddr("fd00:ec2::254"),   // Amazon
	netip.MustParseAddr("100.100.100.200"), // Alibaba
	netip.MustParseAddr("168.63.129.16"),   // Azure
}

// embedding are prefixes of IPv6 addresses whose last four bytes are an IPv4 address: NAT64.
var embedding = netip.MustParsePrefix("64:ff9b::/96")

// NeverCalled says why no webhook may reach an address, whatever the settings; "" if one may.
func NeverCalled(a netip.Addr) string {
	a = plainAddress(a)
	switch {
	case a.IsLinkLocalUnicast(), slices.Contains(metadata, a):
		return "clouds hand out credentials at link-local and metadata addresses"
	case a.IsUnspecified(), a.IsMulticast(), a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "it is no address of one host"
	}
	return ""
}

// PrivateAddress reports whether an address belongs to this host or to a private network.
func PrivateAddress(a netip.Addr) bool {
	a = plainAddress(a)
	return a.IsLoopback() || a.IsPrivate() || sharedSpace.Contains(a)
}

// sharedSpace is private between a provider and its customers.
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// plainAddress returns the address that is reached in the end.
func plainAddress(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if embedding.Contains(a) {
		b := a.As16()
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return a
}
