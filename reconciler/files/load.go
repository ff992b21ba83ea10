package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Stdin is the path that means Config.Stdin.
const Stdin = "-"

// largestFile bounds what is read of one file or of the stream.
const largestFile = 32 << 20

// Config says what to load. Paths and Scheme are required.
type Config struct {
	Paths  []string  // files, folders (with all that is in them, but for hidden names), or Stdin
	Stdin  io.Reader // nil means an empty one
	Scheme *runtime.Scheme
	// Namespace is for objects that name none; empty means "default".
	Namespace string
}

// Origin is a place in a file.
type Origin struct {
	File string
	Line int // from 1; 0 for the file as a whole
}

// String returns file:line.
func (o Origin) String() string {
	if o.Line == 0 {
		return o.File
	}
	return fmt.Sprintf("%s:%d", o.File, o.Line)
}

// Problem is something that was not taken, or not as it stands.
type Problem struct {
	Origin Origin
	Text   string
	// Warning tells that what was left out may well be meant for somebody else, such as an object of an unknown kind.
	Warning bool
}

// String returns one line.
func (p Problem) String() string {
	if p.Warning {
		return p.Origin.String() + ": warning: " + p.Text
	}
	return p.Origin.String() + ": " + p.Text
}

// Object is a loaded object and where it stands.
type Object struct {
	client.Object
	Origin Origin
	// Implied tells that no file defines the object: a namespace that another object, the one at Origin, is in.
	Implied bool
}

// Set is what was loaded, in the order of the paths, and within a folder of its file names.
type Set struct {
	Objects  []Object
	Problems []Problem
}

// Err returns the problems that are not warnings as one error, one line each, or nil.
func (s Set) Err() error {
	var lines []string
	for _, p := range s.Problems {
		if !p.Warning {
			lines = append(lines, p.String())
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return errors.New(strings.Join(lines, "\n"))
}

// Warnings returns the warnings, one line each.
func (s Set) Warnings() []string {
	var lines []string
	for _, p := range s.Problems {
		if p.Warning {
			lines = append(lines, p.String())
		}
	}
	return lines
}

// Load reads all that c names. Of two objects with one identity the first is taken. Namespaces that objects are in and that no file
// defines are added.
func Load(c Config) Set {
	l := &loader{cfg: c, seen: make(map[identity]Origin), read: make(map[string]bool), kinds: kindsOf(c.Scheme)}
	if l.cfg.Namespace == "" {
		l.cfg.Namespace = "default"
	}
	for _, path := range c.Paths {
		l.path(path)
	}
	l.impliedNamespaces()
	return l.set
}

// impliedNamespaces adds the namespaces that objects are in and nobody defines: whoever applies the files to a cluster has made them.
func (l *loader) impliedNamespaces() {
	for _, o := range slices.Clone(l.set.Objects) {
		name := types.NamespacedName{Name: o.GetNamespace()}
		id := identity{schema.GroupKind{Kind: "Namespace"}, name}
		if _, defined := l.seen[id]; defined || name.Name == "" {
			continue
		}
		gvk, known := l.kinds[id.kind]
		if !known {
			return
		}
		l.seen[id] = o.Origin
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name.Name}}
		ns.SetGroupVersionKind(gvk)
		Default(ns)
		l.set.Objects = append(l.set.Objects, Object{Object: ns, Origin: o.Origin, Implied: true})
	}
}

type loader struct {
	cfg   Config
	kinds map[schema.GroupKind]schema.GroupVersionKind
	seen  map[identity]Origin
	read  map[string]bool // files
	set   Set
}

type identity struct {
	kind schema.GroupKind
	name types.NamespacedName
}

func (l *loader) fail(at Origin, format string, args ...any) {
	l.set.Problems = append(l.set.Problems, Problem{Origin: at, Text: fmt.Sprintf(format, args...)})
}

func (l *loader) warn(at Origin, format string, args ...any) {
	l.set.Problems = append(l.set.Problems, Problem{Origin: at, Text: fmt.Sprintf(format, args...), Warning: true})
}

func (l *loader) path(path string) {
	if path == Stdin {
		if l.cfg.Stdin != nil {
			l.stream("stdin", l.cfg.Stdin)
		}
		return
	}
	info, err := os.Stat(path)
	if err != nil {
		l.fail(Origin{File: path}, "%s", reason(err))
		return
	}
	if !info.IsDir() {
		l.file(path)
		return
	}
	names, err := Names(path)
	if err != nil {
		l.fail(Origin{File: path}, "%s", reason(err))
		return
	}
	if len(names) == 0 {
		l.warn(Origin{File: path}, "no .yaml, .yml or .json file in this folder")
	}
	for _, name := range names {
		// Nobody names a pipe in a folder on purpose, and opening one waits for ever.
		if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
			l.warn(Origin{File: name}, "left out: not a regular file")
			continue
		}
		l.file(name)
	}
}

// Names returns the files that Load reads from a folder, in order: those that end in .yaml, .yml or .json, in it and in its folders,
// but for names that begin with a dot.
func Names(dir string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path != dir && strings.HasPrefix(entry.Name(), ".") {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !entry.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path)) {
			names = append(names, path)
		}
		return nil
	})
	slices.Sort(names)
	return names, err
}

// file reads a file once, however often it is named.
func (l *loader) file(path string) {
	key := path
	if abs, err := filepath.Abs(path); err == nil {
		key = abs
	}
	if l.read[key] {
		return
	}
	l.read[key] = true
	f, err := os.Open(path)
	if err != nil {
		l.fail(Origin{File: path}, "%s", reason(err))
		return
	}
	defer func() { _ = f.Close() }() // it was only read
	l.stream(path, f)
}

// reason is the error without the path, which stands before it anyway.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

func (l *loader) stream(name string, r io.Reader) {
	raw, err := io.ReadAll(io.LimitReader(r, largestFile+1))
	switch {
	case err != nil:
		l.fail(Origin{File: name}, "%s", reason(err))
	case len(raw) > largestFile:
		l.fail(Origin{File: name}, "larger than %d MiB", largestFile>>20)
	default:
		for _, d := range split(raw) {
			l.document(Origin{File: name, Line: d.line}, d.text)
		}
	}
}
