// Package sink keeps stores outside muster current: in each is written who is in the big segments of an
// environment, where server-side SDKs read it.
//
// A sink is one such store, a Redis or a table of DynamoDB. Each follows the log of its environment by
// itself, from a marker that lies in the store beside the data, so that the two can't come apart: whoever
// commits waits for no store, no sink for another one, and memory doesn't grow with what isn't written yet.
// What is guaranteed is this:
//
//   - A store converges to the members of the present from whatever it holds that came from this
//     environment, over crashes at any point, and a store that lost its data is filled again.
//   - The time of synchronization, by which SDKs know that they may trust what they read, is a moment up to
//     which the store has everything. It advances all the time, and stops while the store falls behind or is filled.
//   - A store that somebody else keeps is left alone, and the sink says so.
//
// The package knows no driver: a [Target] is what it writes to. Who may do what is decided by the caller.
package sink
