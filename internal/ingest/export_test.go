package ingest

import "context"

// Drop ends lists that came too late.
func (i *Ingest) Drop(ctx context.Context) { i.drop(ctx) }

// MoveLong carries on the moves of long lists and reports whether there is more to do.
func (i *Ingest) MoveLong() (more bool) {
	for _, project := range i.store.Projects() {
		for _, env := range i.store.Environments(project.Key) {
			more = i.moveLong(project, env) || more
		}
	}
	return more
}
