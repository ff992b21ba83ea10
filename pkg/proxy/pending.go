package proxy

func (l *listener) serveHTTP1(s *session, w wire) { s.reset() }
func newHTTP1Transport(ep *endpoint) transport    { return nil }
