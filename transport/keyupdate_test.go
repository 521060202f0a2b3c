package transport

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"strings"
)

// byHand writes TLS 1.3 records as the server, with keys of its own: crypto/tls
// has no way to ask for a KeyUpdate.
type byHand struct {
	l      *link
	hash   func() hash.Hash
	keyLen int
	secret []byte
	seq    uint64
}

// handshakeByHand does the handshake with crypto/tls, which goes on to read, and
// returns what writes from here on.
func (l *link) handshakeByHand() *byHand {
	l.t.Helper()
	var log bytes.Buffer
	cfg := testCert().server()
	cfg.KeyLogWriter = &log
	cfg.SessionTicketsDisabled = true // nothing is written before us
	l.handshake(cfg)
	l.lines = bufio.NewReader(l.tls)
	h := &byHand{l: l, hash: sha256.New, keyLen: 16}
	switch suite := l.tls.ConnectionState().CipherSuite; suite {
	case tls.TLS_AES_128_GCM_SHA256:
	case tls.TLS_AES_256_GCM_SHA384:
		h.hash, h.keyLen = sha512.New384, 32
	default:
		l.t.Skipf("records of suite %s are not written by hand", tls.CipherSuiteName(suite))
	}
	for line := range strings.Lines(log.String()) {
		if f := strings.Fields(line); f[0] == "SERVER_TRAFFIC_SECRET_0" {
			h.secret, _ = hex.DecodeString(f[2])
		}
	}
	if h.secret == nil {
		l.t.Fatal("no secret in the key log")
	}
	return h
}

// label is HKDF-Expand-Label without a context (RFC 8446 7.1).
func (h *byHand) label(name string, length int) []byte {
	info := binary.BigEndian.AppendUint16(nil, uint16(length))
	info = append(info, byte(len("tls13 ")+len(name)))
	info = append(append(info, "tls13 "+name...), 0)
	out, err := hkdf.Expand(h.hash, h.secret, string(info), length)
	if err != nil {
		h.l.t.Fatal(err)
	}
	return out
}

// record writes one record (RFC 8446 5.2).
func (h *byHand) record(kind byte, content []byte) {
	block, err := aes.NewCipher(h.label("key", h.keyLen))
	if err != nil {
		h.l.t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		h.l.t.Fatal(err)
	}
	nonce := h.label("iv", 12)
	for i, b := range binary.BigEndian.AppendUint64(nil, h.seq) {
		nonce[4+i] ^= b
	}
	h.seq++
	inner := append(bytes.Clone(content), kind)
	header := binary.BigEndian.AppendUint16([]byte{23, 3, 3}, uint16(len(inner)+aead.Overhead()))
	if _, err := h.l.batch.Write(aead.Seal(header, nonce, inner, header)); err != nil {
		h.l.t.Errorf("record: %v", err)
	}
}

func (h *byHand) say(octets string) { h.record(23, []byte(octets)) }

// keyUpdate changes our keys and asks for new ones of the other side (RFC 8446
// 4.6.3).
func (h *byHand) keyUpdate() {
	h.record(22, []byte{24, 0, 0, 1, 1})
	h.secret = h.label("traffic upd", h.hash().Size())
	h.seq = 0
}
