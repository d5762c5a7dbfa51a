package api

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"muster/internal/catalog"
	"muster/internal/history"
	"muster/internal/segment"
)

type exportJSON struct {
	ID         string        `json:"id"`
	SegmentKey string        `json:"segmentKey"`
	CreatedAt  int64         `json:"creationTime" doc:"Unix milliseconds"`
	Status     string        `json:"status" enum:"pending,complete,stopped"`
	SizeBytes  int64         `json:"sizeBytes"`
	Size       string        `json:"size" doc:"For people, like 1.8 kB"`
	Initiator  initiatorJSON `json:"initiator"`
	Format     string        `json:"format" enum:"csv,ndjson"`
	Revision   uint64        `json:"revision"`
	Rows       int64         `json:"rows"`
	Unknown    int64         `json:"unknown,omitzero" doc:"Members whose key is not known; they are left out"` // members whose key muster doesn't know; they are left out
	Error      string        `json:"error,omitzero"`
	ExpiresAt  int64         `json:"expiresAt" doc:"Unix milliseconds"`
	Links      links         `json:"_links"`
}

type initiatorJSON struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

var exportTypes = map[history.ExportFormat]string{
	history.ExportCSV: "text/csv", history.ExportNDJSON: "application/x-ndjson",
}

func exportHref(at segmentPath, id history.ExportID) string {
	return at.links()["self"].Href + "/exports/" + string(id)
}

func exportOf(at segmentPath, x history.Export) exportJSON {
	self := exportHref(at, x.ID)
	j := exportJSON{
		ID: string(x.ID), SegmentKey: string(x.Segment), CreatedAt: unixMilli(x.Created), Status: string(x.Status),
		SizeBytes: x.Size, Size: sizeText(x.Size), Initiator: initiatorJSON{x.Initiator.Name, x.Initiator.Email},
		Format: string(x.Format), Revision: uint64(x.Revision), Rows: x.Rows, Unknown: x.Unknown, Error: x.Error,
		ExpiresAt: unixMilli(x.Expires()),
		Links:     links{"self": {Href: self, Type: "application/json"}, "segment": at.links()["self"]},
	}
	if x.Status == history.ExportComplete {
		j.Links["download"] = link{Href: self + "/file", Type: exportTypes[x.Format]}
	}
	return j
}

// sizeText writes a number of bytes for people, like "1.8 kB".
func sizeText(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	size := float64(n)
	for _, unit := range []string{"kB", "MB", "GB"} {
		if size /= 1000; size < 999.95 {
			return fmt.Sprintf("%.1f %s", size, unit)
		}
	}
	return fmt.Sprintf("%.1f TB", size/1000)
}

// startExport begins an export. LaunchDarkly's clients find it by the Location alone.
func (s *server) startExport(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	format := history.ExportFormat(r.URL.Query().Get("format"))
	if format == "" {
		format = history.ExportCSV
	}
	x, err := s.history.StartExport(r.Context(), who, historyTarget(r), format, segment.ContextKind(r.URL.Query().Get("contextKind")))
	if err != nil {
		return err
	}
	w.Header().Set("Location", exportHref(segmentPathOf(r), x.ID))
	w.WriteHeader(http.StatusOK)
	return nil
}

func exportID(r *http.Request) history.ExportID { return history.ExportID(r.PathValue("exportId")) }

func (s *server) getExport(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	x, err := s.history.Export(r.Context(), who, historyTarget(r), exportID(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, exportOf(segmentPathOf(r), x))
}

func (s *server) listExports(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	p, err := pageOf(r.URL.Query(), defaultRunLimit)
	if err != nil {
		return err
	}
	all, err := s.history.Exports(r.Context(), who, historyTarget(r))
	if err != nil {
		return err
	}
	at := segmentPathOf(r)
	return writeJSON(w, http.StatusOK, paged(r, p, all, func(x history.Export) exportJSON { return exportOf(at, x) }))
}

// getExportFile sends the file of an export, in parts if the client asks for parts, else compressed
// if it takes that.
func (s *server) getExportFile(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	x, doc, err := s.history.ExportFile(r.Context(), who, historyTarget(r), exportID(r))
	if err != nil {
		return err
	}
	defer func() { _ = doc.Close() }() // it was only read
	name := string(x.Segment) + "-" + strconv.FormatUint(uint64(x.Revision), 10) + "." + string(x.Format)
	header := w.Header()
	header.Set("Content-Type", exportTypes[x.Format]+"; charset=utf-8")
	header.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Vary", "Accept-Encoding")
	body, paced := io.NewSectionReader(doc, 0, doc.Size()), newPacedReply(w)
	if r.Header.Get("Range") != "" || !acceptsGzip(r) {
		header.Set("ETag", `"`+string(x.ID)+`"`)
		http.ServeContent(paced, r, "", x.Created, body)
		return nil
	}
	header.Set("Content-Encoding", "gzip")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	z, _ := gzip.NewWriterLevel(paced, gzip.BestSpeed) // there is such a level
	if _, err := io.Copy(z, body); err == nil {
		_ = z.Close() // the client is gone if this fails
	}
	return nil
}

// pacedReply gives the client a deadline for each piece of a large answer.
type pacedReply struct {
	http.ResponseWriter
	control *http.ResponseController
}

func newPacedReply(w http.ResponseWriter) pacedReply {
	return pacedReply{w, http.NewResponseController(w)}
}

const idleDownload = time.Minute

func (p pacedReply) Write(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(idleDownload)) // without one the answer is only less guarded
	return p.ResponseWriter.Write(b)
}

// acceptsGzip reports whether a client asks for gzip and does not refuse it with a weight of 0.
func acceptsGzip(r *http.Request) bool {
	for _, header := range r.Header.Values("Accept-Encoding") {
		for part := range strings.SplitSeq(header, ",") {
			coding, weight, _ := strings.Cut(part, ";")
			if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
				weight = strings.ReplaceAll(weight, " ", "")
				return strings.Trim(strings.TrimPrefix(weight, "q="), "0.") != "" || weight == ""
			}
		}
	}
	return false
}
