package h1

import (
	"net/http"
	"strconv"
)

// AppendRequest appends the head of r as it is sent to an endpoint: in origin form, with Host from Authority, framed by Length.
func (r *Request) AppendRequest(b []byte) []byte {
	b = append(b, r.Verb...)
	b = append(b, ' ')
	b = append(b, r.RawPath...)
	if r.HasQuery {
		b = append(b, '?')
		b = append(b, r.RawQuery...)
	}
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, r.Authority...)
	b = append(b, '\r', '\n')
	b = appendFields(b, r.Fields)
	switch {
	case r.Length > 0 || r.Length == 0 && expectsLength(r.Verb):
		b = appendLength(b, r.Length)
	case r.Length < 0:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	switch {
	case r.Upgrade != "":
		b = append(b, "Connection: Upgrade\r\nUpgrade: "...)
		b = append(b, r.Upgrade...)
		b = append(b, '\r', '\n')
	case r.Trailers:
		b = append(b, "TE: trailers\r\nConnection: TE\r\n"...)
	}
	return append(b, '\r', '\n')
}

// expectsLength reports whether a request with this method and no body says so.
func expectsLength(method string) bool {
	switch method {
	case "POST", "PUT", "PATCH":
		return true
	}
	return false
}

// Framing is how a response is delimited on a client's connection.
type Framing uint8

const (
	Unframed  Framing = iota // no body, and nothing said of one: 1xx, 204, or a length that is not known
	Sized                    // Content-Length
	InChunks                 // Transfer-Encoding: chunked
	UntilDone                // the end of the connection
)

// AppendResponse appends the head of r as it is sent to a client. last says that the connection ends after the response; keep, that a client of HTTP/1.0 is
// told that it does not.
func (r *Response) AppendResponse(b []byte, f Framing, last, keep bool) []byte {
	b = appendStatus(b, r.Status, r.Reason)
	b = appendFields(b, r.Fields)
	switch f {
	case Sized:
		b = appendLength(b, r.Length)
	case InChunks:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	case Unframed, UntilDone:
	}
	switch {
	case last:
		b = append(b, "Connection: close\r\n"...)
	case keep:
		b = append(b, "Connection: keep-alive\r\n"...)
	}
	return append(b, '\r', '\n')
}

// AppendSwitch appends the head of a response with status 101 for protocol.
func (r *Response) AppendSwitch(b []byte, protocol string) []byte {
	b = appendStatus(b, r.Status, r.Reason)
	b = appendFields(b, r.Fields)
	b = append(b, "Connection: Upgrade\r\nUpgrade: "...)
	b = append(b, protocol...)
	return append(b, "\r\n\r\n"...)
}

func appendStatus(b []byte, status int, reason string) []byte {
	if status == 200 && (reason == "" || reason == "OK") {
		return append(b, "HTTP/1.1 200 OK\r\n"...)
	}
	if reason == "" {
		reason = http.StatusText(status)
	}
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ')
	b = append(b, reason...)
	return append(b, '\r', '\n')
}

// appendFields appends the fields that are passed on as they are.
func appendFields(b []byte, fields []Field) []byte {
	for i := range fields {
		f := &fields[i]
		if f.Gone || f.ID != Other && !f.ID.passed() {
			continue
		}
		b = append(b, f.Name...)
		b = append(b, ':', ' ')
		b = append(b, f.Value...)
		b = append(b, '\r', '\n')
	}
	return b
}

// passed reports whether a field with the ID is sent on as it is: not hop by hop, and not one that is written anew.
func (id FieldID) passed() bool {
	return !id.HopByHop() && id != Host && id != ContentLength && id != Expect
}

func appendLength(b []byte, n int64) []byte {
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, n, 10)
	return append(b, '\r', '\n')
}

// AppendChunk appends a chunk of a body. p is not empty.
func AppendChunk(b, p []byte) []byte {
	b = AppendChunkStart(b, len(p))
	b = append(b, p...)
	return append(b, '\r', '\n')
}

// AppendChunkStart appends what comes before n bytes of a chunk. CR LF comes after them.
func AppendChunkStart(b []byte, n int) []byte {
	b = strconv.AppendInt(b, int64(n), 16)
	return append(b, '\r', '\n')
}

// AppendChunkEnd appends the end of a chunked body, with trailers.
func AppendChunkEnd(b []byte, trailers []Field) []byte {
	b = append(b, '0', '\r', '\n')
	b = appendFields(b, trailers)
	return append(b, '\r', '\n')
}
