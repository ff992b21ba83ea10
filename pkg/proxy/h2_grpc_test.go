package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// rawCodec makes gRPC carry bytes, so that no generated code is needed.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }

func (rawCodec) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}

var everyWay = &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}

// grpcBackend starts a gRPC server all of whose methods are served by handle.
func grpcBackend(t testing.TB, handle func(method string, stream grpc.ServerStream) error, options ...grpc.ServerOption) (string, *grpc.Server) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	options = append(options, grpc.ForceServerCodec(rawCodec{}), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(stream)
		return handle(method, stream)
	}))
	s := grpc.NewServer(options...)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String(), s
}

func grpcClient(t testing.TB, address string, creds credentials.TransportCredentials) *grpc.ClientConn {
	t.Helper()
	c, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(creds), grpc.WithDefaultCallOptions(grpc.ForceCodec(rawCodec{})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// call makes a unary call.
func call(ctx context.Context, c *grpc.ClientConn, method, message string, options ...grpc.CallOption) (string, error) {
	in, out := []byte(message), []byte(nil)
	err := c.Invoke(ctx, method, &in, &out, options...)
	return string(out), err
}

// grpcEcho sends back what it gets, and says in its metadata what it was called with.
func grpcEcho(method string, stream grpc.ServerStream) error {
	in, _ := metadata.FromIncomingContext(stream.Context())
	if strings.HasSuffix(method, "/Fail") {
		stream.SetTrailer(metadata.Pairs("detail", "of the failure", "detail-bin", "\x00\xff"))
		return status.Error(codes.ResourceExhausted, "too much: 100% \u00e4")
	}
	if err := stream.SendHeader(metadata.Pairs("saw-key", strings.Join(in["key"], "|"))); err != nil {
		return err
	}
	stream.SetTrailer(metadata.Pairs("ended", "yes"))
	for {
		var b []byte
		if err := stream.RecvMsg(&b); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if err := stream.SendMsg(&b); err != nil {
			return err
		}
	}
}

// grpcWorlds runs test through plain connections and through TLS on both sides.
func grpcWorlds(t *testing.T, o Options, handle func(string, grpc.ServerStream) error, test func(*testing.T, *grpc.ClientConn)) {
	ca := newAuthority(t)
	t.Run("plain", func(t *testing.T) {
		e := newEngine(t, o)
		back, _ := grpcBackend(t, handle)
		address := apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolSpeaking(PoolHTTP2, back)}))
		test(t, grpcClient(t, address, insecure.NewCredentials()))
	})
	t.Run("TLS", func(t *testing.T) {
		e := newEngine(t, o)
		pair := ca.pair(t, "backend.example")
		back, _ := grpcBackend(t, handle, grpc.Creds(credentials.NewServerTLSFromCert(&pair)))
		p := poolSpeaking(PoolHTTP2, back)
		p.TLS = &BackendTLS{ServerName: "backend.example", CAs: ca.pem()}
		c := site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": p})
		c.Listeners["http"].Protocol = HTTPS
		c.Listeners["http"].Servers[0].Certificates = []*Certificate{ca.issue(t, "front.example")}
		test(t, grpcClient(t, apply(t, e, c), credentials.NewClientTLSFromCert(ca.pool, "front.example")))
	})
}

func TestGRPCCalls(t *testing.T) {
	leaksNothing(t)
	grpcWorlds(t, Options{}, grpcEcho, func(t *testing.T, c *grpc.ClientConn) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		ctx = metadata.AppendToOutgoingContext(ctx, "key", "one", "key", "two")
		var header, trailer metadata.MD
		got, err := call(ctx, c, "/s.S/Echo", "hello", grpc.Header(&header), grpc.Trailer(&trailer))
		if err != nil || got != "hello" {
			t.Fatalf("want hello, got %q, %v", got, err)
		}
		if fmt.Sprint(header["saw-key"], trailer["ended"]) != "[one|two] [yes]" {
			t.Errorf("header %v, trailer %v", header, trailer)
		}
		if got, err := call(ctx, c, "/s.S/Echo", strings.Repeat("x", 3<<20)); err != nil || len(got) != 3<<20 {
			t.Errorf("large message: got %d bytes, %v", len(got), err)
		}
		_, err = call(ctx, c, "/s.S/Fail", "x", grpc.Trailer(&trailer))
		if s := status.Convert(err); s.Code() != codes.ResourceExhausted || s.Message() != "too much: 100% \u00e4" {
			t.Errorf("status: got %v", err)
		}
		if fmt.Sprintf("%q %q", trailer["detail"], trailer["detail-bin"]) != `["of the failure"] ["\x00\xff"]` {
			t.Errorf("trailer of a failure: %q", trailer)
		}
	})
}

// Each message arrives before the next one is sent: nothing waits in a buffer.
func TestGRPCBidirectionalStream(t *testing.T) {
	leaksNothing(t)
	grpcWorlds(t, Options{}, grpcEcho, func(t *testing.T, c *grpc.ClientConn) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		s, err := c.NewStream(ctx, everyWay, "/s.S/Chat")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Header(); err != nil { // Before any message.
			t.Fatal(err)
		}
		for n := range 100 {
			want := []byte(fmt.Sprintf("message %d", n))
			if err := s.SendMsg(&want); err != nil {
				t.Fatal(err)
			}
			var got []byte
			if err := s.RecvMsg(&got); err != nil || string(got) != string(want) {
				t.Fatalf("want %q, got %q, %v", want, got, err)
			}
		}
		if err := s.CloseSend(); err != nil {
			t.Fatal(err)
		}
		var none []byte
		if err := s.RecvMsg(&none); !errors.Is(err, io.EOF) {
			t.Errorf("want the end, got %v", err)
		}
	})
}

// The server may end a stream while its client could go on.
func TestGRPCServerEndsFirst(t *testing.T) {
	leaksNothing(t)
	grpcWorlds(t, Options{}, func(_ string, stream grpc.ServerStream) error {
		var b []byte
		if err := stream.RecvMsg(&b); err != nil {
			return err
		}
		if err := stream.SendMsg(&b); err != nil {
			return err
		}
		return status.Error(codes.OutOfRange, "enough")
	}, func(t *testing.T, c *grpc.ClientConn) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		for range 20 {
			s, err := c.NewStream(ctx, everyWay, "/s.S/Chat")
			if err != nil {
				t.Fatal(err)
			}
			message := []byte("x")
			if err := s.SendMsg(&message); err != nil {
				t.Fatal(err)
			}
			if err := s.RecvMsg(&message); err != nil {
				t.Fatal(err)
			}
			if err := s.RecvMsg(&message); status.Code(err) != codes.OutOfRange {
				t.Fatalf("want OutOfRange, got %v", err)
			}
		}
	})
}

func TestGRPCDeadlinesAndCancellationReachTheServer(t *testing.T) {
	leaksNothing(t)
	ended := make(chan bool, 10)
	grpcWorlds(t, Options{}, func(_ string, stream grpc.ServerStream) error {
		_, limited := stream.Context().Deadline()
		<-stream.Context().Done()
		ended <- limited
		return stream.Context().Err()
	}, func(t *testing.T, c *grpc.ClientConn) {
		wait := func(want bool) {
			t.Helper()
			select {
			case limited := <-ended:
				if limited != want {
					t.Errorf("the server had a deadline: want %v, got %v", want, limited)
				}
			case <-time.After(10 * time.Second):
				t.Error("the server's call did not end")
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if _, err := call(ctx, c, "/s.S/Wait", "x"); status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("want DeadlineExceeded, got %v", err)
		}
		wait(true)
		ctx, cancel = context.WithCancel(t.Context())
		s, err := c.NewStream(ctx, everyWay, "/s.S/Wait")
		if err != nil {
			t.Fatal(err)
		}
		message := []byte("x")
		if err := s.SendMsg(&message); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(100*time.Millisecond, cancel)
		if err := s.RecvMsg(&message); status.Code(err) != codes.Canceled {
			t.Errorf("want Canceled, got %v", err)
		}
		wait(false)
	})
}

func TestGRPCErrorsOfTheProxy(t *testing.T) {
	e := newEngine(t, Options{ResponseTimeout: 300 * time.Millisecond})
	hangs, _ := grpcBackend(t, func(_ string, stream grpc.ServerStream) error {
		<-stream.Context().Done()
		return nil
	})
	notGRPC := namedBackend(t, "HTTP/1.1 only")
	address := apply(t, e, site(t, map[string]Action{
		"/none.S":    &Forward{Backends: []Backend{{Weight: 1, Status: 500}}},
		"/empty.S":   to("empty"),
		"/dead.S":    to("dead"),
		"/hangs.S":   to("hangs"),
		"/h1.S":      to("h1"),
		"/respond.S": &Respond{Status: 403},
	}, map[string]*Pool{
		"empty": poolSpeaking(PoolHTTP2), "dead": poolSpeaking(PoolHTTP2, deadAddress(t)), "hangs": poolSpeaking(PoolHTTP2, hangs), "h1": poolSpeaking(PoolHTTP2, notGRPC),
	}))
	c := grpcClient(t, address, insecure.NewCredentials())
	for method, want := range map[string]codes.Code{
		"/nowhere.S/M": codes.Unimplemented,
		"/none.S/M":    codes.Unknown,
		"/empty.S/M":   codes.Unavailable,
		"/dead.S/M":    codes.Unavailable,
		"/hangs.S/M":   codes.Unavailable,
		"/h1.S/M":      codes.Unavailable,
		"/respond.S/M": codes.PermissionDenied,
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		_, err := call(ctx, c, method, "x")
		cancel()
		s := status.Convert(err)
		if s.Code() != want || s.Message() == "" || strings.Contains(s.Message(), "HTTP status code") {
			t.Errorf("%s: want %v in a status of the proxy's own, got %v", method, want, err)
		}
	}
}

// Requests of one connection are balanced one by one, and an endpoint's limit of streams makes for more connections, not for waiting.
func TestGRPCBalancesRequests(t *testing.T) {
	leaksNothing(t)
	e := newEngine(t, Options{})
	var together sync.WaitGroup
	const each = 10
	together.Add(2 * each)
	var calls [2]atomic.Int64
	var pool Pool
	pool.Protocol = PoolHTTP2
	for n := range calls {
		address, _ := grpcBackend(t, func(_ string, stream grpc.ServerStream) error {
			calls[n].Add(1)
			together.Done()
			together.Wait() // All at once, or never.
			return grpcEcho("", stream)
		}, grpc.MaxConcurrentStreams(3))
		pool.Endpoints = append(pool.Endpoints, Endpoint{Address: mustAddrPort(address)})
	}
	c := grpcClient(t, apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": &pool})), insecure.NewCredentials())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var wait sync.WaitGroup
	for range 2 * each {
		wait.Go(func() {
			if got, err := call(ctx, c, "/s.S/M", "x"); err != nil || got != "x" {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	wait.Wait()
	if a, b := calls[0].Load(), calls[1].Load(); a != each || b != each {
		t.Errorf("want %d each, got %d and %d", each, a, b)
	}
}

// An endpoint that says goodbye (GOAWAY) costs no call.
func TestGRPCEndpointRestartsGracefully(t *testing.T) {
	leaksNothing(t)
	e := newEngine(t, Options{})
	steady, _ := grpcBackend(t, grpcEcho)
	leaving, server := grpcBackend(t, grpcEcho)
	c := site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolSpeaking(PoolHTTP2, steady, leaving)})
	client := grpcClient(t, apply(t, e, c), insecure.NewCredentials())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var calls atomic.Int64
	stop := make(chan struct{})
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if got, err := call(ctx, client, "/s.S/M", "x"); err != nil || got != "x" {
					t.Errorf("after %d calls: got %q, %v", calls.Load(), got, err)
					return
				}
				calls.Add(1)
			}
		})
	}
	enough := func(more int64) {
		from := calls.Load()
		eventually(t, "calls go on", func() bool { return calls.Load() > from+more || t.Failed() })
	}
	enough(100)
	apply(t, e, &Config{Listeners: c.Listeners, Pools: map[string]*Pool{"p": poolSpeaking(PoolHTTP2, steady)}})
	server.GracefulStop()
	enough(100)
	close(stop)
	wait.Wait()
}

// A listener that is removed lets calls end, and tells its clients to go elsewhere.
func TestGRPCListenerDrains(t *testing.T) {
	leaksNothing(t)
	e := newEngine(t, Options{})
	back, _ := grpcBackend(t, grpcEcho)
	c := site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": poolSpeaking(PoolHTTP2, back)})
	client := grpcClient(t, apply(t, e, c), insecure.NewCredentials())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	s, err := client.NewStream(ctx, everyWay, "/s.S/Chat")
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("x")
	exchange := func() {
		t.Helper()
		if err := s.SendMsg(&message); err != nil {
			t.Fatal(err)
		}
		if err := s.RecvMsg(&message); err != nil {
			t.Fatal(err)
		}
	}
	exchange()
	if err := e.Apply(&Config{Pools: c.Pools}); err != nil {
		t.Fatal(err)
	}
	exchange()
	// The client has seen GOAWAY when a call wants a new connection, which nobody takes.
	eventually(t, "new calls are not served", func() bool {
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_, err := call(short, client, "/s.S/M", "x")
		return status.Code(err) == codes.Unavailable
	})
	exchange()
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if err := s.RecvMsg(&message); !errors.Is(err, io.EOF) {
		t.Errorf("want the end, got %v", err)
	}
	eventually(t, "the connection ends", func() bool { s := e.Stats(); return s.Opened == s.Closed })
}
