package h1

import "strings"

// Parse parses a whole head, up to and with its empty line, into r, which was Reset. It keeps parts of head. method is that of the
// request, which decides whether there is a body.
func (r *Response) Parse(head []byte, method string, limits Limits) error {
	first, rest, ok := line(view(head))
	if !ok {
		return ErrLineEnd
	}
	// "HTTP/1.1 200 OK"; the reason may be missing, and by many even the space before it is.
	if len(first) < 12 || first[:7] != "HTTP/1." || first[8] != ' ' || len(first) > 12 && first[12] != ' ' || len(first) > limits.MaxLine {
		return ErrStatusLine
	}
	switch first[7] {
	case '0':
		r.Minor = 0
	case '1':
		r.Minor = 1
	default:
		return ErrVersion
	}
	for i := 9; i < 12; i++ {
		if !isDigit(first[i]) {
			return ErrStatusLine
		}
		r.Status = r.Status*10 + int(first[i]-'0')
	}
	if r.Status < 100 || r.Status > 599 {
		return ErrStatusLine
	}
	if len(first) > 13 {
		r.Reason = first[13:]
		if strings.IndexByte(r.Reason, '\r') >= 0 || !ValidField("reason", r.Reason) {
			return ErrStatusLine
		}
	}
	var err error
	if r.Fields, err = parseFields(r.Fields, rest, limits); err != nil {
		return err
	}
	f, err := frame(r.Fields)
	if err != nil {
		return err
	}
	return r.frame(f, method)
}

// frame sets what the fields say of the body and of the connection. Length is what Content-Length says even where there is no body (HEAD).
func (r *Response) frame(f framing, method string) error {
	r.Close = f.close || r.Minor == 0 && !f.keepAlive
	switch {
	case f.chunked && r.Minor == 0:
		return ErrFraming
	case r.Status < 200 || r.Status == 204:
		r.Length = 0
	case f.chunked:
		r.Length = -1
	case f.length >= 0:
		r.Length = f.length
	case Bodyless(method, r.Status):
		r.Length = -1
	default:
		// Its end is that of the connection.
		r.Length = -1
		r.Close = true
	}
	r.Chunked = f.chunked
	return nil
}
