// Package h1 is HTTP/1.1 as RFC 9112 writes it: it parses heads and chunked bodies strictly and without allocating, and writes them.
//
// What is ambiguous is refused, because two programs that read the same bytes differently are how requests are smuggled. There is no
// lenient mode. Its Request and Response are also what HTTP/2 is translated into, so that everything above has one model.
//
// It knows bytes. It knows nothing of connections, time, routes or configuration.
package h1
