package main

import (
	"fmt"
	"log/slog"
	"os"
	"sync"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
)

// logFlags say how the process logs.
type logFlags struct {
	format string
	level  string
}

func (f *logFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.format, "log-format", "json", "json or console")
	flags.StringVar(&f.level, "log-level", "info", "debug, info, warn or error")
}

// install makes everything in the process log to standard error as the flags say.
func (f *logFlags) install() error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.level)); err != nil {
		return exitError{code: 2, err: fmt.Errorf("--log-level %s: want debug, info, warn or error", f.level)}
	}
	o := &slog.HandlerOptions{Level: level}
	var h slog.Handler
	switch f.format {
	case "json":
		h = slog.NewJSONHandler(os.Stderr, o)
	case "console":
		h = slog.NewTextHandler(os.Stderr, o)
	default:
		return exitError{code: 2, err: fmt.Errorf("--log-format %s: want json or console", f.format)}
	}
	logger := logr.FromSlogHandler(h)
	// Both are for the whole process and may not be set while anything logs.
	setLoggers.Do(func() {
		ctrl.SetLogger(logger)
		klog.SetLogger(logger)
	})
	return nil
}

var setLoggers sync.Once
