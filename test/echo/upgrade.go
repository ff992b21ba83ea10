package echo

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

const (
	maxPieces   = 100
	pieceEvery  = 100 * time.Millisecond
	maxMessage  = 1 << 20
	messageWait = 2 * time.Minute
)

// newGRPC returns a server of grpc.health.v1.Health, which answers SERVING for the empty name.
func newGRPC() *grpc.Server {
	s := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(s, health.NewServer())
	return s
}

// special serves what is no plain request: gRPC, a WebSocket, an answer in pieces. It returns false when the request is plain.
func (h *HTTP) special(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc"):
		h.grpc.ServeHTTP(w, r)
	case websocket.IsWebSocketUpgrade(r):
		h.webSocket(w, r)
	case r.URL.Query().Has("pieces"):
		h.pieces(w, r)
	default:
		return false
	}
	return true
}

// webSocket sends every message back with "echo: " in front.
func (h *HTTP) webSocket(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{HandshakeTimeout: 10 * time.Second, CheckOrigin: func(*http.Request) bool { return true }}
	conn, err := upgrader.Upgrade(w, r, http.Header{"X-Backend": {h.name}})
	if err != nil {
		return // the upgrader has answered
	}
	defer conn.Close()
	conn.SetReadLimit(maxMessage)
	for {
		deadline := time.Now().Add(messageWait)
		if conn.SetReadDeadline(deadline) != nil || conn.SetWriteDeadline(deadline) != nil {
			return
		}
		kind, message, err := conn.ReadMessage()
		if err != nil || conn.WriteMessage(kind, append([]byte("echo: "), message...)) != nil {
			return
		}
	}
}

// pieces answers in as many lines as the query parameter pieces says, with a rest before each but the first.
func (h *HTTP) pieces(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.URL.Query().Get("pieces"))
	if err != nil || n < 1 || n > maxPieces {
		http.Error(w, "pieces is a number from 1 to 100", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	flush := http.NewResponseController(w)
	for i := range n {
		if i > 0 {
			select {
			case <-time.After(pieceEvery):
			case <-r.Context().Done():
				return
			}
		}
		if _, err := w.Write([]byte("piece " + strconv.Itoa(i) + "\n")); err != nil || flush.Flush() != nil {
			return
		}
	}
}
