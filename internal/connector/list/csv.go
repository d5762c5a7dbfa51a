package list

import "bytes"

// maxColumn is the last column that may hold the key.
const maxColumn = 999

// csvParser takes the key from one column of each row. Quoted fields may hold commas, line ends and
// doubled quotes; nothing is trimmed.
type csvParser struct{ column int }

func (p *csvParser) parse(b *block, to Sink) {
	data := b.data
	var scratch []byte
	quotes := bytes.IndexByte(data, '"') >= 0
	for len(data) > 0 && b.err == nil {
		end := bytes.IndexByte(data, '\n') + 1
		if quotes {
			end = rowEnd(data)
		}
		if end == 0 {
			end = len(data)
		}
		row := data[:end]
		data = data[end:]
		row = bytes.TrimSuffix(row, []byte("\n"))
		row = bytes.TrimSuffix(row, []byte("\r"))
		if len(row) == 0 {
			continue
		}
		if len(row) > maxRow {
			b.rows++
			b.refuse("the row is longer than 1 MiB", nil)
			continue
		}
		field, ok := row, true
		for range p.column {
			if _, field, ok = cutField(field, nil); !ok {
				break
			}
		}
		if !ok {
			b.rows++
			b.refuse("the row has no such column", row)
			continue
		}
		key, _, _ := cutField(field, &scratch)
		b.take(key, to)
	}
}

// cutField returns the first field of a row and what follows it; more is false when it is the last.
// A quoted field is unquoted into scratch, unless that is nil.
func cutField(row []byte, scratch *[]byte) (field, rest []byte, more bool) {
	if len(row) == 0 || row[0] != '"' {
		return bytes.Cut(row, []byte(","))
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
	for ; i < len(row) && row[i] != ','; i++ { // what follows a closing quote belongs to the field
		if scratch != nil {
			out = append(out, row[i])
		}
	}
	if scratch != nil {
		*scratch = out
	}
	if i < len(row) {
		return out, row[i+1:], true
	}
	return out, nil, false
}

// fields returns all fields of a row.
func fields(row []byte) []string {
	row = bytes.TrimSuffix(bytes.TrimSuffix(row, []byte("\n")), []byte("\r"))
	var out []string
	more := len(row) > 0
	for more && len(out) <= maxColumn {
		var scratch, field []byte
		field, row, more = cutField(row, &scratch)
		out = append(out, string(field))
	}
	return out
}
