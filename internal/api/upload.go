package api

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"muster/internal/fault"
	"muster/internal/ingest"
)

const (
	// paceWindow is how long muster waits for paceBytes of an upload, so that nobody who trickles keeps
	// others from importing.
	paceWindow = time.Minute
	paceBytes  = 64 << 10
)

// upload is a body of any size: its pieces have deadlines, and all of them a limit.
type upload struct {
	r       io.Reader
	control *http.ResponseController
	left    int64
	limit   int64
	// wait is how long the next due bytes may keep muster waiting.
	wait time.Duration
	due  int64
}

func newUpload(w http.ResponseWriter, r io.Reader, limit int64) *upload {
	return &upload{r: r, control: http.NewResponseController(w), left: limit, limit: limit}
}

func (u *upload) Read(b []byte) (int, error) {
	if u.due <= 0 {
		u.wait, u.due = paceWindow, paceBytes
	}
	asked := time.Now()
	_ = u.control.SetReadDeadline(asked.Add(u.wait)) // without one the upload is only less guarded
	n, err := u.r.Read(b)
	u.wait -= time.Since(asked)
	u.due -= int64(n)
	if err != nil {
		u.done()
	}
	if u.left -= int64(n); u.left < 0 {
		return n, fault.TooLargef("the upload is larger than %d bytes, the most that is taken (--max-import)", u.limit)
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, fault.Unavailablef("the upload stopped, or came with less than %d KiB a minute; send it again", paceBytes>>10).Because(err)
	case err != nil && !errors.Is(err, io.EOF):
		return n, fault.Invalidf("the upload ends early; send the whole list again").Because(err)
	}
	return n, err
}

// done ends the deadline: whatever comes next on the connection has its own.
func (u *upload) done() { _ = u.control.SetReadDeadline(time.Time{}) }

// allowed is a list that ends well only if its sender may still import it: an upload can take hours.
type allowed struct {
	r     io.Reader
	still func() error
}

func (a allowed) Read(b []byte) (int, error) {
	n, err := a.r.Read(b)
	if errors.Is(err, io.EOF) {
		if refused := a.still(); refused != nil {
			return n, refused
		}
	}
	return n, err
}

const (
	// maxFieldBytes bounds a form field beside the file.
	maxFieldBytes = 4 << 10
	// maxAside is how large a file may be for the fields of its form to come after it.
	maxAside = 4 << 20
)

// form reads the parts of a form: fields of an import, and one file with the list.
type form struct {
	parts *multipart.Reader
	im    *ingest.Import
	mode  bool // is known
}

// readForm reads a form up to its file and returns the list, which is read from the form as it comes.
// Fields may stand behind a file of up to maxAside bytes; behind a larger one they may only say what
// is known, because by then the list is sorted by what they say.
func readForm(parts *multipart.Reader, im *ingest.Import, mode bool) (io.Reader, error) {
	f := &form{parts: parts, im: im, mode: mode}
	part, err := f.fields(f.set)
	if err != nil {
		return nil, err
	}
	if part == nil {
		return nil, fault.Invalidf("the form has no part named file")
	}
	if err := f.describe(part); err != nil {
		return nil, err
	}
	head, err := io.ReadAll(io.LimitReader(part, maxAside+1))
	if err != nil {
		return nil, formFault(err)
	}
	if len(head) > maxAside {
		return &formFile{form: f, r: io.MultiReader(bytes.NewReader(head), part)}, nil
	}
	return bytes.NewReader(head), f.rest(f.set)
}

// fields hands fields to set until the file or the end of the form comes.
func (f *form) fields(set func(name, value string) error) (file *multipart.Part, err error) {
	for {
		part, err := f.parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return nil, formFault(err)
		}
		name := part.FormName()
		if name == "file" {
			return part, nil
		}
		if name != "mode" && name != "waitOnApprovals" {
			continue
		}
		value, err := io.ReadAll(io.LimitReader(part, maxFieldBytes))
		if err != nil {
			return nil, formFault(err)
		}
		if err := set(name, strings.TrimSpace(string(value))); err != nil {
			return nil, err
		}
	}
}

// rest reads the fields behind the file.
func (f *form) rest(set func(name, value string) error) error {
	another, err := f.fields(set)
	if err == nil && another != nil {
		return fault.Invalidf("the form has more than one file; import them one after the other")
	}
	return err
}

func (f *form) set(name, value string) error {
	if name == "mode" {
		mode := ingest.ImportMode(value)
		if f.mode && mode != f.im.Mode {
			return fault.Invalidf("mode is both %s and %s", clip(string(f.im.Mode)), clip(value))
		}
		f.im.Mode, f.mode = mode, true
		return nil
	}
	wait, err := strconv.ParseBool(value)
	if err != nil {
		return fault.Invalidf("waitOnApprovals must be true or false, not %q", clip(value))
	}
	f.im.Wait = f.im.Wait || wait
	return nil
}

// agree takes a field that comes too late to change anything.
func (f *form) agree(name, value string) error {
	before := *f.im
	f.mode = true
	if err := f.set(name, value); err != nil || f.im.Wait != before.Wait {
		return fault.Invalidf("the field %s comes after a file of more than %d MiB; send it before the file or in the address", name, maxAside>>20).Because(err)
	}
	return nil
}

// describe reads what the part itself and the name of the file say of the list.
func (f *form) describe(part *multipart.Part) (err error) {
	f.im.Filename = clip(part.FileName())
	if f.im.Encoding, err = listEncoding(part.Header.Values("Content-Encoding")); err != nil {
		return err
	}
	name := strings.ToLower(part.FileName())
	for suffix, encoding := range map[string]string{".gz": "gzip", ".zst": "zstd"} {
		if plain, ok := strings.CutSuffix(name, suffix); ok {
			name, f.im.Encoding = plain, encoding
		}
	}
	switch {
	case strings.HasSuffix(name, ".ndjson"), strings.HasSuffix(name, ".jsonl"):
		f.im.Format = ingest.NDJSON
	case strings.HasSuffix(name, ".json"):
		f.im.Format = ingest.JSON
	default:
		f.im.Format = ingest.CSV
	}
	return nil
}

// formFile is the file of a form. It ends only when the whole form was read and agrees with it.
type formFile struct {
	form *form
	r    io.Reader
}

func (f *formFile) Read(b []byte) (int, error) {
	n, err := f.r.Read(b)
	if errors.Is(err, io.EOF) {
		if late := f.form.rest(f.form.agree); late != nil {
			return n, late
		}
		return n, err
	}
	if err != nil {
		err = formFault(err)
	}
	return n, err
}

// formFault returns what a form that can't be read to its end did wrong.
func formFault(err error) error {
	if known, ok := errors.AsType[*fault.Error](err); ok {
		return known
	}
	return fault.Invalidf("the form can't be read to its end").Because(err)
}
