// Package echo has backends that say what reached them: over HTTP/1.1 and h2c (and both over TLS), TCP, UDP and DNS. Examples,
// the demo and the end-to-end tests put them behind load balancers. It knows nothing of Cloudgate.
package echo
