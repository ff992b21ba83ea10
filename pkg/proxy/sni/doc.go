// Package sni reads the first flight of a TLS client without consuming it: it finds the server name that a connection asks for, and
// keeps every byte so that whoever serves the connection sees it unchanged.
//
// It knows the TLS record layer and one message, ClientHello. It knows nothing of keys, certificates, routes or time: the caller
// bounds how long a client may take by a deadline on what it reads from. All input is hostile, so parsing is strict, its memory is
// bounded by the caller's limit, and a byte is looked at a fixed number of times however the client cuts its records.
package sni
