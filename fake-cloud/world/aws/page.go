package aws

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// token returns what a client gives back to go on after the position pos.
func token(pos uint64) *string {
	t := base64.RawURLEncoding.EncodeToString([]byte("after:" + strconv.FormatUint(pos, 36)))
	return &t
}

// position reads a token.
func position(token string) (uint64, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return 0, false
	}
	digits, ok := strings.CutPrefix(string(raw), "after:")
	if !ok {
		return 0, false
	}
	pos, err := strconv.ParseUint(digits, 36, 64)
	return pos, err == nil
}

// page returns the items after marker, limit at most, and the token of the page that follows, nil after the last. Items are in order
// of pos, which is never zero; what came or went between two pages shifts nothing. ok is false where the marker is none of ours.
func page[T any](items []T, pos func(T) uint64, marker *string, limit int) (some []T, next *string, ok bool) {
	from := uint64(0)
	if marker != nil && *marker != "" {
		if from, ok = position(*marker); !ok {
			return nil, nil, false
		}
	}
	for _, item := range items {
		if pos(item) <= from {
			continue
		}
		if len(some) == limit {
			return some, token(pos(some[limit-1])), true
		}
		some = append(some, item)
	}
	return some, nil, true
}

// seqOf is the position of rows that are listed oldest first.
func seqOf[P row](r P) uint64 { return r.meta().Seq }
