package dev

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudgate-dev/cloudgate/reconciler/files"
)

// folder is the manifests of some files and folders, read again when they change. A file that cannot be read keeps what it had.
type folder struct {
	roots  []string
	scheme *runtime.Scheme
	files  map[string]*file
}

// file is what was last read of a file.
type file struct {
	size     int64
	modified time.Time
	objects  []files.Object  // of the content as it is, and of earlier content where that cannot be read any more
	problems []files.Problem // of the content as it is
}

func newFolder(scheme *runtime.Scheme, roots ...string) *folder {
	return &folder{roots: roots, scheme: scheme, files: map[string]*file{}}
}

// scan reads what changed since the last scan. Files in touched are read even when their size and time are as they were.
func (f *folder) scan(touched map[string]bool) error {
	found := map[string]bool{}
	for _, root := range f.roots {
		paths, err := manifestPaths(root)
		if err != nil {
			return err
		}
		for _, path := range paths {
			found[path] = true
			f.read(path, touched[path])
		}
	}
	for path := range f.files {
		if !found[path] {
			delete(f.files, path)
		}
	}
	return nil
}

// manifestPaths returns the files of a root, which is a folder or a file.
func manifestPaths(root string) ([]string, error) {
	info, err := os.Stat(root)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{root}, nil
	}
	return files.Names(root)
}

func (f *folder) read(path string, touched bool) {
	was := f.files[path]
	if was == nil {
		was = &file{}
		f.files[path] = was
	}
	if info, err := os.Stat(path); err == nil {
		if !touched && info.Size() == was.size && info.ModTime().Equal(was.modified) {
			return
		}
		was.size, was.modified = info.Size(), info.ModTime()
	}
	set := files.Load(files.Config{Paths: []string{path}, Scheme: f.scheme})
	if set.Err() != nil {
		set.Objects = append(set.Objects, missing(set.Objects, was.objects)...)
	}
	was.objects, was.problems = set.Objects, set.Problems
}

// missing returns the objects of was that are not in now.
func missing(now, was []files.Object) []files.Object {
	here := map[objectKey]bool{}
	for _, o := range now {
		here[keyOf(o)] = true
	}
	var gone []files.Object
	for _, o := range was {
		if !here[keyOf(o)] {
			gone = append(gone, o)
		}
	}
	return gone
}

// objects returns everything that the files hold, each object once, and what is wrong with the files.
func (f *folder) objects() (map[objectKey]files.Object, []files.Problem) {
	paths := make([]string, 0, len(f.files))
	for path := range f.files {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	var problems []files.Problem
	all := map[objectKey]files.Object{}
	for _, path := range paths {
		problems = append(problems, f.files[path].problems...)
		for _, o := range f.files[path].objects {
			key := keyOf(o)
			first, twice := all[key]
			switch {
			case twice && o.Implied:
				continue
			case twice && !first.Implied:
				text := fmt.Sprintf("%s is defined twice: the first is at %s", key, first.Origin)
				problems = append(problems, files.Problem{Origin: o.Origin, Text: text})
				continue
			}
			all[key] = o
		}
	}
	return all, problems
}

// objectKey names an object among all.
type objectKey struct{ kind, namespace, name string }

func keyOf(o client.Object) objectKey {
	return objectKey{o.GetObjectKind().GroupVersionKind().GroupKind().String(), o.GetNamespace(), o.GetName()}
}

// String returns "Kind namespace/name".
func (k objectKey) String() string {
	kind, _, _ := strings.Cut(k.kind, ".")
	if k.namespace == "" {
		return kind + " " + k.name
	}
	return kind + " " + k.namespace + "/" + k.name
}

func (k objectKey) compare(o objectKey) int {
	return cmp.Or(cmp.Compare(k.kind, o.kind), cmp.Compare(k.namespace, o.namespace), cmp.Compare(k.name, o.name))
}

// cleaned returns the paths as the watcher tells them.
func cleaned(paths []string) []string {
	out := make([]string, len(paths))
	for i, p := range paths {
		out[i] = filepath.Clean(p)
	}
	return out
}
