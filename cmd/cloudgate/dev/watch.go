package dev

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settleFiles is how long no file has to change before files are read: editors write a file in several steps.
const settleFiles = 20 * time.Millisecond

// longestSettle bounds the wait where files change all the time.
const longestSettle = 250 * time.Millisecond

// watcher tells which files changed.
type watcher struct {
	notify *fsnotify.Watcher
	roots  []string
}

// newWatcher watches roots, which are folders or files. It has to be closed.
func newWatcher(roots []string) (*watcher, error) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch files: %w", err)
	}
	w := &watcher{notify: notify, roots: roots}
	if err := w.addFolders(); err != nil {
		notify.Close()
		return nil, err
	}
	return w, nil
}

// addFolders watches every folder there is. A file is watched through its folder, because editors replace files.
func (w *watcher) addFolders() error {
	for _, root := range w.roots {
		info, err := os.Stat(root)
		if err != nil {
			return err
		}
		if !info.IsDir() {
			root = filepath.Dir(root)
			if err := w.notify.Add(root); err != nil {
				return fmt.Errorf("watch %s: %w", root, err)
			}
			continue
		}
		err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return nil //nolint:nilerr // what cannot be listed is reported when it is read
			}
			if err := w.notify.Add(path); err != nil {
				return fmt.Errorf("watch %s: %w", path, err)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// next waits for changes, and for them to be over, and returns the files that changed. It returns nil when ctx is done, and what there
// is when otherwise, which may be nil, comes first.
func (w *watcher) next(ctx context.Context, otherwise <-chan time.Time) (map[string]bool, error) {
	changed := map[string]bool{}
	var quiet, enough <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil, nil
		case <-otherwise:
			return changed, w.addFolders()
		case <-quiet:
			return changed, w.addFolders()
		case <-enough:
			return changed, w.addFolders()
		case err, ok := <-w.notify.Errors:
			if !ok {
				return nil, fs.ErrClosed
			}
			return nil, fmt.Errorf("watch files: %w", err)
		case event, ok := <-w.notify.Events:
			if !ok {
				return nil, fs.ErrClosed
			}
			if event.Op == fsnotify.Chmod {
				continue
			}
			changed[filepath.Clean(event.Name)] = true
			quiet = time.After(settleFiles)
			if enough == nil {
				enough = time.After(longestSettle)
			}
		}
	}
}

func (w *watcher) close() error { return w.notify.Close() }
