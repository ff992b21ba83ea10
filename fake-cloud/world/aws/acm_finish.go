package aws

import "time"

// finishCertificate ends what a certificate is waiting for. The lock is held.
func (r *Region) finishCertificate(x *tx, was *Certificate) {
	r.certificates.edit(x, was.Key, func(c *Certificate) { c.Due = time.Time{} })
}
