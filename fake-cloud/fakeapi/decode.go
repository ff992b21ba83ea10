package fakeapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"
)

// body reads the whole body of a request.
func body(r *http.Request) ([]byte, error) {
	raw, err := io.ReadAll(r.Body)
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		return nil, &invalid{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is longer than %d bytes", maxBody)}
	}
	if err != nil {
		return nil, badRequest("the body cannot be read")
	}
	if !utf8.Valid(raw) {
		return nil, badRequest("the body is not UTF-8")
	}
	return raw, nil
}

// decode reads exactly one JSON value without unknown fields into v.
func decode(raw []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return badRequest("body: " + explain(err))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return badRequest("body: there is more after the JSON value")
	}
	return nil
}

// explain says what is wrong with JSON without the words of Go.
func explain(err error) string {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF):
		return "it is empty"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "it ends too early"
	case errors.As(err, &syntax):
		return fmt.Sprintf("it is not JSON at byte %d: %s", syntax.Offset, strings.TrimPrefix(syntax.Error(), "json: "))
	case errors.As(err, &kind) && kind.Field == "":
		return "it has to be a JSON object"
	case errors.As(err, &kind):
		return fmt.Sprintf("%s: %s is not possible here", kind.Field, kind.Value)
	default:
		return strings.TrimPrefix(err.Error(), "json: ")
	}
}

// mergePatch applies a JSON merge patch (RFC 7396) to a value that encodes as an object.
func mergePatch(target any, patch []byte) ([]byte, error) {
	doc, err := json.Marshal(target)
	if err != nil {
		return nil, err
	}
	var old, change map[string]any
	if err := decodeNumbers(doc, &old); err != nil {
		return nil, err
	}
	if err := decodeNumbers(patch, &change); err != nil {
		return nil, err
	}
	if change == nil {
		return nil, badRequest("body: it has to be a JSON object")
	}
	return json.Marshal(merge(old, change))
}

func decodeNumbers(raw []byte, into *map[string]any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(into); err != nil {
		return badRequest("body: " + explain(err))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return badRequest("body: there is more after the JSON value")
	}
	return nil
}

func merge(target, patch map[string]any) map[string]any {
	if target == nil {
		target = map[string]any{}
	}
	for k, v := range patch {
		switch v := v.(type) {
		case nil:
			delete(target, k)
		case map[string]any:
			under, _ := target[k].(map[string]any)
			target[k] = merge(under, v)
		default:
			target[k] = v
		}
	}
	return target
}
