// Package proxy is the data path: an immutable configuration, swapped whole, and the engine that serves it. It speaks HTTP/1.1,
// HTTP/2, gRPC, WebSocket, TLS, TCP and UDP, and treats all input as hostile.
//
// It knows addresses, routes and endpoints. It knows nothing of Kubernetes, of clouds, or of where its configuration comes from.
package proxy
