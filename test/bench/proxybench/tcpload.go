//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// onConnections runs use on n connections to address at once, each in its own goroutine, until it has come to its end or failed.
func onConnections(ctx context.Context, n int, address string, deadline time.Time, use func(i int, conn net.Conn) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for i := range n {
		group.Go(func() error {
			conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", address)
			if err != nil {
				return err
			}
			defer conn.Close()
			conn.SetDeadline(deadline)
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			defer stop()
			return use(i, conn)
		})
	}
	return group.Wait()
}

// tcpBulk reads as fast as it gets, on few connections.
func tcpBulk(ctx context.Context, _ *bench, address string, length time.Duration) (load, error) {
	var total atomic.Int64
	start := time.Now()
	err := onConnections(ctx, bulkStreams, address, start.Add(length), func(_ int, conn net.Conn) error {
		buffer := make([]byte, 256<<10)
		for {
			n, err := conn.Read(buffer)
			total.Add(int64(n))
			var timeout net.Error
			switch {
			case errors.As(err, &timeout) && timeout.Timeout():
				return nil
			case err != nil:
				return fmt.Errorf("the stream ended: %w", err)
			}
		}
	})
	return load{count: float64(total.Load()) / (1 << 20), length: time.Since(start)}, err
}

// tcpPingPong sends a small message and waits for it to come back, on each connection.
func tcpPingPong(ctx context.Context, _ *bench, address string, length time.Duration) (load, error) {
	took := make([][]time.Duration, pingPongers)
	start := time.Now()
	err := onConnections(ctx, pingPongers, address, start.Add(length+5*time.Second), func(i int, conn net.Conn) error {
		message := make([]byte, pingPongBytes)
		for {
			began := time.Now()
			if began.Sub(start) >= length {
				return nil
			}
			if _, err := conn.Write(message); err != nil {
				return err
			}
			if _, err := io.ReadFull(conn, message); err != nil {
				return err
			}
			took[i] = append(took[i], time.Since(began))
		}
	})
	if err != nil {
		return load{}, err
	}
	all := slices.Concat(took...)
	if len(all) == 0 {
		return load{}, errors.New("no message came back")
	}
	slices.Sort(all)
	return load{count: float64(len(all)), length: time.Since(start), p99: all[len(all)*99/100]}, nil
}
