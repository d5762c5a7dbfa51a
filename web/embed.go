// Package web holds the user interface as it is embedded into the binary.
//
// dist is what the browser gets under /ui/. Until the interface is built it holds one page that
// says what works and how to push. reference is the page under /ui/api/, which is written by hand and
// makes the reference of the management API from the document that this serves.
package web

import (
	"embed"
	"io/fs"
)

//go:embed dist reference
var embedded embed.FS

// Dist returns the files of the user interface; index.html is at its root.
func Dist() fs.FS { return folder("dist") }

// Reference returns the files of the reference of the API; index.html is at its root. They need
// nothing from elsewhere, no inline script and no inline style.
func Reference() fs.FS { return folder("reference") }

func folder(name string) fs.FS {
	files, err := fs.Sub(embedded, name)
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return files
}
