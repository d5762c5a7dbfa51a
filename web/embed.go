// Package web holds the user interface: the application as it is embedded, and how it is served.
//
// `make web` builds the application into dist/app. A binary built without it serves placeholder, one
// page that says how to build it, so that Go needs no Node. reference is the page under /ui/api/,
// written by hand, which makes the reference of the management API from the document that this serves.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist placeholder reference
var embedded embed.FS

// application returns the files of the user interface, index.html at their root: the built one, or
// the page that stands in for it.
func application() fs.FS {
	if _, err := fs.Stat(embedded, "dist/app/index.html"); err != nil {
		return folder("placeholder")
	}
	return folder("dist/app")
}

func folder(name string) fs.FS {
	files, err := fs.Sub(embedded, name)
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return files
}
