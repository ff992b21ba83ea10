package ir

import (
	"fmt"
	"io"
)

// SecretBytes hold a private key. However they are printed or encoded, they come out as a fixed word, so that a key never reaches
// a log, an error, an event or a golden file by accident. Convert to []byte to use them.
type SecretBytes []byte

const redacted = "[redacted]"

// Format implements fmt.Formatter for every verb.
func (SecretBytes) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText implements encoding.TextMarshaler.
func (SecretBytes) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON implements json.Marshaler.
func (SecretBytes) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }
