package world

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
)

// Certificate returns one certificate, with its key.
func (w *World) Certificate(id string) (Certificate, error) {
	return get[Certificate](w, KindCertificate, id)
}

// CreateCertificate keeps a certificate whose key belongs to it.
func (w *World) CreateCertificate(n Naming, spec CertificateSpec) (Certificate, error) {
	pair, err := tls.X509KeyPair([]byte(spec.ChainPEM), []byte(spec.KeyPEM))
	if err != nil {
		return Certificate{}, failf(InvalidArgument, "chainPEM and keyPEM are not a certificate with its key: %v", err)
	}
	sum := sha256.Sum256(pair.Leaf.Raw)
	var made Certificate
	err = w.change(func() error {
		if err := w.nameFree(KindCertificate, "", n.Name, ""); err != nil {
			return err
		}
		if err := room(len(w.state.tables[KindCertificate].rows), w.quotas.Certificates, "certificates"); err != nil {
			return err
		}
		made = Certificate{
			Meta: w.newMeta(KindCertificate, n), CertificateSpec: spec,
			Fingerprint: "sha256:" + hex.EncodeToString(sum[:]), NotAfter: pair.Leaf.NotAfter.UTC(), DNSNames: pair.Leaf.DNSNames,
		}
		w.put(&made)
		return nil
	})
	return made, err
}

// UpdateCertificate changes the labels of a certificate: nothing else of it can be changed.
func (w *World) UpdateCertificate(id string, revision uint64, n Naming) (Certificate, error) {
	var next Certificate
	err := w.change(func() error {
		old, err := need[Certificate](w.state, KindCertificate, id)
		if err != nil {
			return err
		}
		if err := editable(KindCertificate, &old.Meta, revision); err != nil {
			return err
		}
		if n.Name != old.Name {
			return failf(InvalidArgument, "nothing but the labels of a certificate can be changed: make another certificate")
		}
		next = *old
		next.Naming = n
		w.touch(KindCertificate, &next.Meta)
		w.put(&next)
		return nil
	})
	return next, err
}

// DeleteCertificate begins to delete a certificate that no listener and no pool names, and returns it as it then is.
func (w *World) DeleteCertificate(id string, revision uint64) (Certificate, error) {
	return drop[Certificate](w, KindCertificate, id, revision)
}
