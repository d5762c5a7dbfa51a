package list

import "bytes"

// maxColumn is the last column that may hold the key.
const maxColumn = 999

// csvParser takes the key from one column of each row. Quoted fields may hold separators, line ends
// and doubled quotes; nothing is trimmed.
type csvParser struct {
	column    int
	separator byte
}

func (p *csvParser) parse(b *block, to Sink) {
	data := b.data
	var scratch []byte
	plain := bytes.IndexByte(data, '"') < 0 && bytes.IndexByte(data, '\r') < 0
	for len(data) > 0 && b.err == nil {
		b.lines++
		end := 0
		if plain {
			end = bytes.IndexByte(data, '\n') + 1
		} else if end, b.broken = p.rowEnd(data); b.broken != "" {
			return
		}
		if end == 0 {
			end = len(data)
		}
		if end > maxRow {
			b.broken = tooLong
			return
		}
		row := withoutEnd(data[:end])
		data = data[end:]
		if len(row) == 0 {
			continue
		}
		field, ok := row, true
		for range p.column {
			if _, field, ok = p.cutField(field, nil); !ok {
				break
			}
		}
		if !ok {
			b.skip("the row has no such column", row)
			continue
		}
		key, _, _ := p.cutField(field, &scratch)
		b.take(key, to)
	}
}

// withoutEnd returns a row without its line end.
func withoutEnd(row []byte) []byte {
	for n := len(row); n > 0 && (row[n-1] == '\n' || row[n-1] == '\r'); n-- {
		row = row[:n-1]
	}
	return row
}

// Why a list is refused from a row on.
const (
	tooLong  = "is longer than 1 MiB; a list has one key a row"
	unclosed = "begins a quoted field that is not closed; a quote inside quotes is written twice"
	unquoted = "has text behind the closing quote of a field; a quote inside quotes is written twice"
)

// rowEnd returns where the first row ends, 0 if its end isn't there. Rows end with LF, CRLF, or CR
// alone, as old spreadsheets write them. broken says why the row can't be read.
func (p *csvParser) rowEnd(data []byte) (end int, broken string) {
	begins, quoted, closed := true, false, false
	for i, c := range data {
		switch {
		case quoted:
			if c == '"' {
				quoted, closed = false, true
			}
		case c == '"' && (begins || closed): // closed: it was a doubled one
			begins, quoted, closed = false, true, false
		case c == '\n':
			return i + 1, ""
		case c == '\r':
			if i+1 == len(data) { // the other half may follow
				return 0, ""
			}
			if data[i+1] == '\n' {
				i++
			}
			return i + 1, ""
		case c == p.separator:
			begins, closed = true, false
		case closed:
			return 0, unquoted
		default:
			begins = false
		}
	}
	if quoted {
		return 0, unclosed
	}
	return 0, ""
}

// lastEnd returns where the last whole row ends, 0 if there is none; broken says why there can't be.
func (p *csvParser) lastEnd(data []byte) (end int, broken string) {
	if bytes.IndexByte(data, '"') < 0 {
		end = bytes.LastIndexByte(data, '\n') + 1
		if bytes.IndexByte(data, '\r') >= 0 {
			end = max(end, bytes.LastIndexByte(data[:len(data)-1], '\r')+1)
		}
		return end, ""
	}
	for end < len(data) {
		var n int
		if n, broken = p.rowEnd(data[end:]); n == 0 {
			break
		}
		end += n
	}
	return end, broken
}

// cutField returns the first field of a row and what follows it; more is false when it is the last.
// A quoted field is unquoted into scratch, unless that is nil.
func (p *csvParser) cutField(row []byte, scratch *[]byte) (field, rest []byte, more bool) {
	if len(row) == 0 || row[0] != '"' {
		return bytes.Cut(row, []byte{p.separator})
	}
	var out []byte
	if scratch != nil {
		out = (*scratch)[:0]
	}
	i := 1
	for i < len(row) {
		if row[i] == '"' {
			if i+1 < len(row) && row[i+1] == '"' {
				i++
			} else {
				i++
				break
			}
		}
		if scratch != nil {
			out = append(out, row[i])
		}
		i++
	}
	if scratch != nil {
		*scratch = out
	}
	if i < len(row) {
		return out, row[i+1:], true
	}
	return out, nil, false
}

// first returns the fields of the first row that is not empty, where it ends, and which row it is.
// There are none if it can't be read.
func (p *csvParser) first(data []byte) (fields []string, end int, lines int64) {
	for end < len(data) {
		n, broken := p.rowEnd(data[end:])
		if broken != "" {
			return nil, 0, 0
		}
		if n == 0 {
			n = len(data) - end
		}
		row := withoutEnd(data[end : end+n])
		end += n
		lines++
		if len(row) == 0 {
			continue
		}
		for more := true; more && len(fields) <= maxColumn; {
			var scratch, field []byte
			field, row, more = p.cutField(row, &scratch)
			fields = append(fields, string(field))
		}
		return fields, end, lines
	}
	return nil, 0, 0
}
