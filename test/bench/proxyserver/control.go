package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/pprof"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
)

// controlHandler is what proxybench asks while it measures: /mallocs, /changes, and /debug/pprof/profile for whoever wants to know
// where the time goes.
func controlHandler(engine *proxy.Engine, s *site) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /mallocs", func(w http.ResponseWriter, _ *http.Request) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Fprint(w, m.Mallocs)
	})
	var one sync.Mutex
	mux.HandleFunc("POST /changes", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.FormValue("count"))
		rate, rateErr := strconv.Atoi(r.FormValue("rate"))
		if err != nil || rateErr != nil || n < 1 || n > 1_000_000 || rate < 1 {
			http.Error(w, "want count and rate", http.StatusBadRequest)
			return
		}
		one.Lock()
		defer one.Unlock()
		made, err := change(engine, s, n, rate)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(made) //nolint:errcheck // the client has gone then
	})
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	return mux
}

// changes is what came of a request for them.
type changes struct {
	Count   int
	Elapsed time.Duration
	Slowest time.Duration // Engine.Apply alone
	Busy    time.Duration // in making and applying all of them
}

// change applies n changes, rate a second; when it is late it makes up for it.
func change(engine *proxy.Engine, s *site, n, rate int) (changes, error) {
	var made changes
	start := time.Now()
	for made.Count < n {
		due := int(time.Since(start).Seconds() * float64(rate))
		for ; made.Count < min(due, n); made.Count++ {
			began := time.Now()
			config, err := s.next()
			if err != nil {
				return made, err
			}
			applying := time.Now()
			if err := engine.Apply(config); err != nil {
				return made, err
			}
			made.Slowest = max(made.Slowest, time.Since(applying))
			made.Busy += time.Since(began)
		}
		time.Sleep(time.Second / time.Duration(rate))
	}
	made.Elapsed = time.Since(start)
	return made, nil
}
