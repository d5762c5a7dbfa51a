package relayfeed

import (
	"strconv"
	"strings"

	"muster/internal/segment"
)

// version is where a relay is, the text of which it keeps as its cursor: a cursor of the log, and how
// many times everybody had been asked to take everything once more when the relay began.
type version struct {
	cursor segment.Cursor
	resync int
}

// String returns the text, URL-safe and at most [segment.MaxCursorBytes] long for the keys that
// segments may have. The zero value has none.
func (v version) String() string {
	text := v.cursor.String()
	if v.resync == 0 || text == "" {
		return text
	}
	return text + "." + strconv.Itoa(v.resync)
}

// parseVersion reads what String has written; false if it is anything else.
func parseVersion(s string) (version, bool) {
	if len(s) > segment.MaxCursorBytes {
		return version{}, false
	}
	text, count, counted := strings.Cut(s, ".")
	var v version
	var ok bool
	if v.cursor, ok = segment.ParseCursor(text); !ok {
		return version{}, false
	}
	if counted {
		n, err := strconv.Atoi(count)
		if err != nil || n <= 0 {
			return version{}, false
		}
		v.resync = n
	}
	if v.String() != s { // there is one text for each version
		return version{}, false
	}
	return v, true
}
