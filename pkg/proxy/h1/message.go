package h1

// Request is the head of a request, of HTTP/1 or HTTP/2. It is reused: Reset before each use. It implements route.Request.
//
// Whoever fills it by hand (HTTP/2) sets Verb, Scheme, Length, Upgrade and Fields, and calls SetAuthority and SetTarget, which validate.
type Request struct {
	Verb      string // the method
	Authority string // host and port as the client named them, as valid; what Host is to be set to
	Hostname  string // Authority without its port, lower case, without a trailing dot
	Port      string // of Authority; "" when it names none
	RawPath   string // normalised: what is matched and what is sent on
	RawQuery  string // as received, without the question mark
	HasQuery  bool   // there is a question mark
	Fields    []Field
	Length    int64  // of the body: 0 for none, -1 when only its end will tell
	Upgrade   string // the protocol that the client asks to switch to; "" for none
	Minor     uint8  // of HTTP/1: 0 or 1
	Close     bool   // the connection ends after this exchange
	Continue  bool   // the client waits for 100 before it sends the body
	Trailers  bool   // the client said TE: trailers

	arena []byte // for what cannot be a part of the bytes received: a lower case host, a decoded path
}

// Reset empties r and keeps its memory.
func (r *Request) Reset() {
	*r = Request{Fields: r.Fields[:0], arena: r.arena[:0], Minor: 1}
}

// Host, Path, Method, Header and Query make a Request a route.Request.

// Host returns the hostname asked for: lower case, no port, no trailing dot.
func (r *Request) Host() string { return r.Hostname }

// Path returns the path, normalised as NormalizePath says.
func (r *Request) Path() string { return r.RawPath }

// Method returns the method, case kept.
func (r *Request) Method() string { return r.Verb }

// Header returns the values of a field joined by commas, and whether it is there.
func (r *Request) Header(name string) (string, bool) { return Lookup(r.Fields, name) }

// Idempotent reports whether repeating the request does no harm (RFC 9110, 9.2.2).
func (r *Request) Idempotent() bool {
	switch r.Verb {
	case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE":
		return true
	}
	return false
}

// Response is the head of a response, of HTTP/1 or HTTP/2. It is reused: Reset before each use.
type Response struct {
	Status  int
	Reason  string // may be empty; HTTP/2 has none
	Fields  []Field
	Length  int64 // of the body: 0 for none, -1 when only its end will tell
	Minor   uint8
	Chunked bool // the body came in chunks
	Close   bool // the connection ends after this response
}

// Reset empties r and keeps its memory.
func (r *Response) Reset() { *r = Response{Fields: r.Fields[:0], Minor: 1} }

// Add appends a field.
func (r *Response) Add(name, value string) {
	r.Fields = append(r.Fields, Field{Name: name, Value: value, ID: Identify(name)})
}

// Bodyless reports whether a response with this status to this method never has a body, whatever its fields say.
func Bodyless(method string, status int) bool {
	return method == "HEAD" || status < 200 || status == 204 || status == 304
}
