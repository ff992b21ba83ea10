//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// wrk returns a scenario's load from wrk: requests as fast as they are answered, on 64 connections.
func wrk(scheme, path string, extra ...string) func(context.Context, *bench, string, time.Duration) (load, error) {
	return func(ctx context.Context, _ *bench, address string, length time.Duration) (load, error) {
		args := []string{"-t1", fmt.Sprintf("-c%d", connections), fmt.Sprintf("-d%ds", int(length.Seconds())), "--latency", "--timeout", "10s"}
		for _, header := range requestHeaders {
			args = append(args, "-H", header)
		}
		args = append(append(args, extra...), scheme+"://"+address+path)
		out, err := output(ctx, length, "wrk", args...)
		if err != nil {
			return load{}, err
		}
		return parseWrk(out)
	}
}

// output runs a program that should be done after about length.
func output(ctx context.Context, length time.Duration, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, length+20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return string(out), nil
}

var (
	wrkTotal  = regexp.MustCompile(`(?m)^\s*(\d+) requests in ([\d.]+)(us|ms|s|m),`)
	wrkP99    = regexp.MustCompile(`(?m)^\s*99%\s+([\d.]+)(us|ms|s|m)$`)
	wrkErrors = regexp.MustCompile(`(?m)^\s*Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)`)
	wrkStatus = regexp.MustCompile(`(?m)^\s*Non-2xx or 3xx responses: (\d+)`)
)

func parseWrk(out string) (load, error) {
	var l load
	total, p99 := wrkTotal.FindStringSubmatch(out), wrkP99.FindStringSubmatch(out)
	if total == nil || p99 == nil {
		return l, fmt.Errorf("wrk: no totals in %q", out)
	}
	count, countErr := strconv.Atoi(total[1])
	length, lengthErr := wrkDuration(total[2], total[3])
	late, lateErr := wrkDuration(p99[1], p99[2])
	if err := errors.Join(countErr, lengthErr, lateErr); err != nil {
		return l, fmt.Errorf("wrk: %w in %q", err, out)
	}
	l = load{count: float64(count), length: length, p99: late}
	for _, pattern := range []*regexp.Regexp{wrkErrors, wrkStatus} {
		if found := pattern.FindStringSubmatch(out); found != nil {
			for _, text := range found[1:] {
				n, err := strconv.Atoi(text)
				if err != nil {
					return l, fmt.Errorf("wrk: %w in %q", err, out)
				}
				l.failed += n
			}
		}
	}
	return l, nil
}

// wrkDuration reads a number and a unit of wrk's; "m" is a minute for both of us.
func wrkDuration(number, unit string) (time.Duration, error) {
	return time.ParseDuration(number + unit)
}

// h2loadFixed puts the same load on every proxy, whatever it could take: then the p99 says something about the proxy too.
func h2loadFixed(ctx context.Context, b *bench, address string, length time.Duration) (load, error) {
	return h2load(ctx, b, length, "--h1", "-c", strconv.Itoa(fixedClients), "--rps", strconv.Itoa(fixedRate/fixedClients), "http://"+address+"/")
}

func h2loadH2(ctx context.Context, b *bench, address string, length time.Duration) (load, error) {
	return h2load(ctx, b, length, "-c", strconv.Itoa(h2Connections), "-m", strconv.Itoa(h2Streams), "https://"+address+"/")
}

func h2load(ctx context.Context, b *bench, length time.Duration, args ...string) (load, error) {
	log := filepath.Join(b.folder, "h2load.log")
	defer os.Remove(log)
	all := []string{"-t1", "-D", strconv.Itoa(int(length.Seconds())), "--log-file", log}
	for _, header := range requestHeaders {
		all = append(all, "-H", header)
	}
	out, err := output(ctx, length, "h2load", append(all, args...)...)
	if err != nil {
		return load{}, err
	}
	l, err := parseH2load(out)
	if err != nil {
		return l, err
	}
	if l.p99, err = h2loadP99(log); err != nil {
		return l, err
	}
	return l, nil
}

var (
	h2loadFinished = regexp.MustCompile(`(?m)^finished in ([\d.]+(?:us|ms|s|m)),`)
	h2loadRequests = regexp.MustCompile(`(?m)^requests: \d+ total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout`)
)

func parseH2load(out string) (load, error) {
	finished, requests := h2loadFinished.FindStringSubmatch(out), h2loadRequests.FindStringSubmatch(out)
	if finished == nil || requests == nil {
		return load{}, fmt.Errorf("h2load: no totals in %q", out)
	}
	length, err := time.ParseDuration(finished[1])
	if err != nil {
		return load{}, fmt.Errorf("h2load: %w in %q", err, out)
	}
	var numbers [5]int // done, succeeded, failed, errored, timeout
	for i := range numbers {
		if numbers[i], err = strconv.Atoi(requests[i+1]); err != nil {
			return load{}, fmt.Errorf("h2load: %w in %q", err, out)
		}
	}
	// What failed was errored, timed out, or had another status.
	return load{count: float64(numbers[1]), length: length, failed: max(numbers[2], numbers[0]-numbers[1])}, nil
}

// h2loadP99 reads h2load's log: a line for each request, with the microseconds that it took in its third column.
func h2loadP99(name string) (time.Duration, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	var took []int
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		columns := strings.Split(lines.Text(), "\t")
		if len(columns) < 3 {
			return 0, fmt.Errorf("h2load's log has the line %q", lines.Text())
		}
		n, err := strconv.Atoi(columns[2])
		if err != nil {
			return 0, fmt.Errorf("h2load's log: %w", err)
		}
		took = append(took, n)
	}
	if len(took) == 0 {
		return 0, errors.New("h2load's log is empty")
	}
	slices.Sort(took)
	return time.Duration(took[len(took)*99/100]) * time.Microsecond, nil
}
