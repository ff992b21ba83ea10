package aws

import (
	"encoding/base64"
	"reflect"
	"strconv"
	"strings"
)

// token returns what a client gives back to go on in a list of a kind after the position pos.
func token(kind string, pos uint64) *string {
	t := base64.RawURLEncoding.EncodeToString([]byte(kind + ":" + strconv.FormatUint(pos, 36)))
	return &t
}

// position reads a token.
func position(kind, token string) (uint64, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return 0, false
	}
	digits, ok := strings.CutPrefix(string(raw), kind+":")
	if !ok {
		return 0, false
	}
	pos, err := strconv.ParseUint(digits, 36, 64)
	return pos, err == nil
}

// page returns the items after marker, limit at most, and the token of the page that follows, nil after the last. Items are in order
// of pos, which is never zero; what came or went between two pages shifts nothing. ok is false where the marker is none that was given
// out for items of this type.
func page[T any](items []T, pos func(T) uint64, marker *string, limit int) (some []T, next *string, ok bool) {
	kind := reflect.TypeFor[T]().String()
	from := uint64(0)
	if marker != nil && *marker != "" {
		if from, ok = position(kind, *marker); !ok {
			return nil, nil, false
		}
	}
	for _, item := range items {
		if pos(item) <= from {
			continue
		}
		if len(some) == limit {
			return some, token(kind, pos(some[limit-1])), true
		}
		some = append(some, item)
	}
	return some, nil, true
}

// seqOf is the position of rows that are listed oldest first.
func seqOf[P row](r P) uint64 { return r.meta().Seq }
