package access

import (
	"encoding/base64"
	"strings"

	"muster/internal/catalog"
)

// Credential reads the Authorization header of a REST or ingest call: the bare token, "Bearer" and
// the token, or "Basic" with the token as user name or password, because some tools can do nothing
// else. It returns nothing when the header holds no credential.
func Credential(header string) string {
	header = strings.TrimSpace(header)
	scheme, rest, _ := strings.Cut(header, " ")
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		return strings.TrimSpace(rest)
	case strings.EqualFold(scheme, "Basic"):
		return basicCredential(strings.TrimSpace(rest))
	}
	return header
}

func basicCredential(encoded string) string {
	decoded, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(encoded, "="))
	if err != nil {
		return ""
	}
	user, password, _ := strings.Cut(string(decoded), ":")
	user, password = strings.TrimSpace(user), strings.TrimSpace(password)
	if password == "" || strings.HasPrefix(user, catalog.AccessTokenPrefix) {
		return user
	}
	return password
}

// SDKCredential reads the Authorization header of an SDK: the bare key, or "api_key" and the key.
// Any other value with a blank in it holds no credential.
func SDKCredential(header string) string {
	header = strings.TrimSpace(header)
	key, prefixed := strings.CutPrefix(header, "api_key ")
	if prefixed {
		key = strings.TrimSpace(key)
	}
	if strings.ContainsAny(key, " \t") {
		return ""
	}
	return key
}
