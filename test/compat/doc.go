// Package compat drives clients that nobody here wrote against the built binary: LaunchDarkly's
// Go and Node server-side SDKs with their Redis stores, its Node, browser and React client-side SDKs, and
// its generated API client. It knows muster only by its wire.
package compat
