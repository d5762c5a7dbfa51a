// Package web holds the user interface as it is embedded into the binary.
//
// dist is what the browser gets under /ui/. Until the interface is built it holds one page that
// says what works and how to push.
package web

import (
	"embed"
	"io/fs"
)

//go:embed dist
var embedded embed.FS

// Dist returns the files of the user interface; index.html is at its root.
func Dist() fs.FS {
	dist, err := fs.Sub(embedded, "dist")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return dist
}
