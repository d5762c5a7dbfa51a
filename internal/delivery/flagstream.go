package delivery

import (
	"bytes"
	"context"

	"muster/internal/catalog"
	"muster/internal/segment"
)

// What SDKs of before there were segments stream: the first protocol with flags alone, each at the path
// "/<key>". Hardly any is left, so that nothing is encoded or kept for them: what they are sent is made out
// of what all others are, when one of them asks.

// SubscribeFlags opens a server-side stream like Subscribe of flags alone.
func (d *Delivery) SubscribeFlags(ctx context.Context, env segment.EnvID, filter catalog.FilterKey) (*Subscription, error) {
	f, s, at, err := d.standing(ctx, env, filter)
	if err != nil {
		return nil, err
	}
	return &Subscription{f: f, speaks: flagsOnly, at: at, opening: s.openingOfFlags()}, nil
}

// openingOfFlags returns the event that opens a stream of flags alone, in pieces.
func (s *Snapshot) openingOfFlags() [][]byte {
	pieces := append(make([][]byte, 0, len(s.Flags().JSON)+2), []byte("event: put\ndata: "))
	return append(append(pieces, s.Flags().JSON...), endOfEvent)
}

var (
	dataPath   = []byte("\ndata: {\"path\":\"")
	endOfEvent = []byte("\n\n")
)

// flags returns the events of the first protocol as a stream of flags alone has them.
func (n *news) flags() []byte {
	if n.anew != nil {
		return bytes.Join(n.anew.openingOfFlags(), nil)
	}
	var b []byte
	for event := range bytes.SplitAfterSeq(n.first, endOfEvent) { // which definitions don't have: they are on one line
		name, rest, _ := bytes.Cut(event, dataPath)
		if flag, ok := bytes.CutPrefix(rest, []byte("/flags/")); ok {
			b = append(append(append(append(b, name...), dataPath...), '/'), flag...)
		}
	}
	return b
}
