package proxy

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
)

// token is what a client shows of its session. It is sealed (AES-256-GCM), so that it tells nobody the endpoint and cannot be made up.
type token struct {
	pool     poolMark
	endpoint netip.AddrPort
	began    int64 // Unix time in milliseconds
}

// poolMark stands for a pool's name.
type poolMark [8]byte

// A token in plain is: tokenVersion, the time (8 bytes, big endian), the pool's mark, and the endpoint as netip writes it.
const (
	tokenVersion = 1
	tokenHead    = 1 + 8 + len(poolMark{})
)

// maxToken is longer than any token as text: an IPv6 address with a zone is the longest that one holds.
const maxToken = 160

// sealer seals and opens the tokens of an engine.
type sealer struct {
	secret []byte // that it was made of; nil for one of this process alone
	aead   cipher.AEAD
}

// newSealer makes a sealer of a secret of any length, and of a random one where that is empty. Equal secrets open each other's tokens.
func newSealer(secret []byte) (*sealer, error) {
	s := &sealer{secret: bytes.Clone(secret)}
	if len(secret) == 0 {
		secret = make([]byte, 32)
		_, _ = rand.Read(secret) // It never fails.
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "cloudgate proxy session", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	if s.aead, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return nil, err
	}
	return s, nil
}

// setSessionKey has tokens sealed with secret from now on. Those sealed with another are worth nothing. e.mu is held.
func (e *Engine) setSessionKey(secret []byte) {
	if s := e.sealer.Load(); s != nil && bytes.Equal(s.secret, secret) {
		return
	}
	s, err := newSealer(secret)
	if err != nil {
		e.options.Logf("session key: %v; there are no sessions", err)
	}
	e.sealer.Store(s)
}

// seal appends a token of s as text to x.scratch, and reports whether there is a key.
func (x *exchange) seal(s *sticky, t *token) bool {
	sealer := x.engine.sealer.Load()
	if sealer == nil {
		return false
	}
	plain := append(make([]byte, 0, maxToken), tokenVersion)
	plain = binary.BigEndian.AppendUint64(plain, uint64(t.began))
	plain = append(plain, t.pool[:]...)
	plain, err := t.endpoint.AppendBinary(plain)
	if err != nil {
		return false
	}
	x.scratch = base64.RawURLEncoding.AppendEncode(x.scratch, sealer.aead.Seal(nil, nil, plain, s.bound))
	return true
}

// open returns the token that text is. It reports false for what was not sealed with this key for s.
func (x *exchange) open(s *sticky, text string) (t token, ok bool) {
	sealer := x.engine.sealer.Load()
	if sealer == nil || len(text) > maxToken {
		return t, false
	}
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return t, false
	}
	plain, err := sealer.aead.Open(nil, nil, sealed, s.bound)
	if err != nil || len(plain) < tokenHead || plain[0] != tokenVersion {
		return t, false
	}
	t.began = int64(binary.BigEndian.Uint64(plain[1:]))
	copy(t.pool[:], plain[9:])
	return t, t.endpoint.UnmarshalBinary(plain[tokenHead:]) == nil
}

// directory is how sessions find the endpoints of a pool.
type directory struct {
	mark    poolMark
	members map[netip.AddrPort]*member
}

// directory is made when the first session asks for it.
func (p *pool) directory() *directory {
	p.indexed.Do(func() {
		sum := sha256.Sum256([]byte(p.name))
		copy(p.index.mark[:], sum[:])
		p.index.members = make(map[netip.AddrPort]*member, len(p.members))
		for _, m := range p.members {
			if p.index.members[m.address()] == nil {
				p.index.members[m.address()] = m
			}
		}
	})
	return &p.index
}

// mark is what tokens call the pool.
func (p *pool) mark() poolMark { return p.directory().mark }

// memberAt returns the endpoint with an address, and nil when the pool has none.
func (p *pool) memberAt(address netip.AddrPort) *member { return p.directory().members[address] }
