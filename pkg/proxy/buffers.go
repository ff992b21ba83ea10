package proxy

import "sync"

// buffer holds a message's head and what came with it. Connections have one only while they are used.
type buffer [16 << 10]byte

// bulk holds parts of a large body.
type bulk [64 << 10]byte

var (
	buffers = sync.Pool{New: func() any { return new(buffer) }}
	bulks   = sync.Pool{New: func() any { return new(bulk) }}
)

func getBuffer() *buffer {
	b, _ := buffers.Get().(*buffer)
	return b
}

func getBulk() *bulk {
	b, _ := bulks.Get().(*bulk)
	return b
}
