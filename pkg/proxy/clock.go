package proxy

import (
	"net/http"
	"sync/atomic"
	"time"
)

// processStart is what all times here are measured from, so that they are monotonic.
var processStart = time.Now()

// precise is the time in nanoseconds. It costs some 40 ns.
func precise() int64 { return int64(time.Since(processStart)) }

// wallClock is for what people read.
func wallClock() time.Time { return time.Now() }

var coarseNow atomic.Int64

// coarse is the time of the sweeper's last tick on the clock of precise. It costs a load.
func coarse() int64 { return coarseNow.Load() }

// tick is how coarse the coarse time is.
const tick = 100 * time.Millisecond

// dateNow is the value of a Date field. It may be a second behind.
func dateNow() string { return *dateValue.Load() }

var dateValue atomic.Pointer[string]

// makeDate sets what dateNow returns.
func makeDate() {
	date := wallClock().UTC().Format(http.TimeFormat)
	if old := dateValue.Load(); old == nil || *old != date {
		dateValue.Store(&date)
	}
}
