// Package fakeapi is the native HTTP API of the fake cloud: it decodes a request strictly, checks every field of it, asks the
// world, and encodes the answer. API.md describes it in short, openapi.yaml in full.
//
// It also holds the admin API, by which a test makes the cloud hostile, moves its clock and reads what it was asked. It keeps
// no resource and makes no decision about one: that is the world's.
package fakeapi
