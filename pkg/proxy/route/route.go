// Package route finds the route for a request. A Table holds any number of routes; what it finds is, by definition, the matching
// route with the lowest Rank. How long that takes does not depend on how many routes there are: only routes whose host and path match
// are looked at one by one, in order of rank, and the regular expressions for the request's host.
//
// It knows how requests compare with matches. It knows nothing of what a route leads to, nor of who ranks it.
package route

import "net/netip"

// Route is one match and its value.
type Route[V any] struct {
	ID    string // unique in the table
	Rank  string // lowest wins, byte by byte; unique in the table
	Match Match
	Value V
}

// Match is a condition on a request. The zero Match matches every request.
type Match struct {
	Host    string // "" any, exact, or "*.example.com" for one or more labels before; lower case, no port
	Path    Path
	Method  string
	Headers []Field // names in lower case
	Query   []Field
	// All are conditions beyond those above, and all of them have to hold. They are looked at one by one for each request whose host and
	// path match, so that whoever has one hostname or one path does better to say it above.
	All []Condition
}

// Condition holds where one of its alternatives does: one of its Values for a request that has Subject, or one of its Sources. One without
// alternatives never holds.
type Condition struct {
	Subject Subject
	Name    string // of the field, in lower case; of SubjectHeader alone
	Values  []Pattern
	Sources []netip.Prefix // of SubjectSource alone
}

// Subject is what a Condition is about.
type Subject uint8

const (
	SubjectHost   Subject = iota + 1
	SubjectPath           // normalised, no query
	SubjectMethod         //
	SubjectHeader         // each field of the name by itself: one that matches is enough
	SubjectQuery          // each parameter by itself, its percent-encodings decoded
	SubjectSource         // the address that the client connects from
)

// Pattern is what a value, or a parameter of the query, compares with. A whole value has to match.
type Pattern struct {
	Kind  PatternKind
	Fold  bool // letters without their case; for an expression (?i) says so
	Value string
	// Key is what the parameter's name has to match, in the same way; nil for any. Of SubjectQuery alone.
	Key *string
}

// PatternKind is how a Pattern compares.
type PatternKind uint8

const (
	PatternGlob  PatternKind = iota // * for any characters, ? for exactly one, and a backslash before what stands for itself
	PatternRegex                    // RE2
)

// Path is a condition on the path.
type Path struct {
	Kind  PathKind
	Value string
}

// PathKind is how a Path compares.
type PathKind uint8

const (
	PathAny PathKind = iota
	PathExact
	PathPrefix // by whole segments
	PathRegex  // RE2, the whole path
)

// Field is a condition on a header or a query parameter.
type Field struct {
	Name  string
	Kind  FieldKind
	Value string
}

// FieldKind is how a Field compares.
type FieldKind uint8

const (
	FieldExact FieldKind = iota
	FieldRegex
)

// Request is what a Match looks at. Strings may point into buffers that live as long as the lookup.
type Request interface {
	Host() string   // lower case, no port, no trailing dot
	Path() string   // as received, no query
	Method() string // case kept
	// Header returns the values of the named field (lower case) joined by commas, and whether it is there.
	Header(name string) (string, bool)
	// Query returns the first value of the named parameter, decoded, and whether it is there.
	Query(name string) (string, bool)
}
