// Package visit sends a demo's requests to Gateways as their users would, prints each with its answer, and fails when one is not what it
// should be. It is told addresses and certificates; where the Gateways run it does not know.
package visit
