package web

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

const (
	// applicationPolicy lets nothing run that is not a file of ours. Mantine writes style elements,
	// which carry the nonce of the page, and style attributes.
	applicationPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-CSP-NONCE'; style-src-attr 'unsafe-inline'; " +
		"connect-src 'self'; img-src 'self' data:; font-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
	referencePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
		"frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
	// noncePlace is what stands in index.html where the nonce goes.
	noncePlace = "CSP-NONCE"
	// hashed is the folder of the files whose names change with their content.
	hashed = "assets/"
)

// Handler serves the user interface below /ui/ and the reference of the API below /ui/api/. A path
// below /ui/ that is no file is a page of the application's own and answered with index.html.
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/ui/", newPages(application()))
	mux.Handle("/ui/api/", reference())
	return mux
}

func reference() http.Handler {
	files := http.StripPrefix("/ui/api/", http.FileServerFS(folder("reference")))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w, referencePolicy)
		files.ServeHTTP(w, r)
	})
}

// pages serves an application of one page.
type pages struct {
	files fs.FS
	index []byte

	mu     sync.Mutex
	zipped map[string][]byte // files as they are sent to who takes gzip, each compressed once
}

func newPages(files fs.FS) *pages {
	index, err := fs.ReadFile(files, "index.html")
	if err != nil {
		panic(err) // both applications have one
	}
	return &pages{files: files, index: index, zipped: make(map[string][]byte)}
}

func (p *pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "pages can only be read", http.StatusMethodNotAllowed)
		return
	}
	nonce := rand.Text()
	secure(w, strings.Replace(applicationPolicy, noncePlace, nonce, 1))
	name := strings.TrimPrefix(r.URL.Path, "/ui/")
	if name == "index.html" || !fs.ValidPath(name) {
		name = ""
	}
	info, err := fs.Stat(p.files, name)
	switch {
	case name != "" && err == nil && !info.IsDir():
		p.file(w, r, name)
	case strings.HasPrefix(name, hashed):
		// A page of an older build asks for what this one no longer has; index.html is no script.
		http.NotFound(w, r)
	default:
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(bytes.ReplaceAll(p.index, []byte(noncePlace), []byte(nonce))))
	}
}

func (p *pages) file(w http.ResponseWriter, r *http.Request, name string) {
	w.Header().Set("Cache-Control", "no-cache")
	if strings.HasPrefix(name, hashed) {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	kind := mime.TypeByExtension(path.Ext(name))
	if !compresses(kind) || !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		http.ServeFileFS(w, r, p.files, name)
		return
	}
	body, err := p.compressed(name)
	if err != nil {
		http.Error(w, "the page can't be read", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Vary", "Accept-Encoding")
	w.Header().Set("Content-Encoding", "gzip")
	w.Header().Set("Content-Type", kind)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// compresses reports whether files of a type get smaller; fonts and pictures are compressed already.
func compresses(kind string) bool {
	return strings.HasPrefix(kind, "text/") || strings.HasPrefix(kind, "application/json") || strings.HasPrefix(kind, "image/svg")
}

func (p *pages) compressed(name string) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if body, ok := p.zipped[name]; ok {
		return body, nil
	}
	plain, err := fs.ReadFile(p.files, name)
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	z := gzip.NewWriter(&body)
	if _, err := z.Write(plain); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	p.zipped[name] = body.Bytes()
	return body.Bytes(), nil
}

// secure sets the headers of a page.
func secure(w http.ResponseWriter, policy string) {
	w.Header().Set("Content-Security-Policy", policy)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("X-Frame-Options", "DENY")
	w.Header().Set("Referrer-Policy", "same-origin")
}
