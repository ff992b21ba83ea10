package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// maxLines is where a file is split by what it knows.
const maxLines = 500

// finding is a place in a file and what is wrong with it.
type finding struct {
	pos  token.Position
	what string
}

// pure are the folders where nothing happens by itself or by the time of day.
func pure(folder string) bool { return under(folder, "pkg") && !under(folder, "pkg/proxy") }

// inspect returns what a file does that its folder may not do.
func inspect(fset *token.FileSet, file *ast.File, folder, name string) []finding {
	var found []finding
	report := func(n ast.Node, what string) {
		found = append(found, finding{fset.Position(n.Pos()), what})
	}
	test := strings.HasSuffix(name, "_test.go")
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			if pure(folder) && !test {
				report(n, "pkg starts no goroutine")
			}
		case *ast.SelectorExpr:
			if pure(folder) && !test && isClock(n) {
				report(n, "pkg has no clock")
			}
		case *ast.CallExpr:
			readsSDKErrors := under(folder, "providers") && name == "errors.go"
			if comparesErrorText(n) && !readsSDKErrors {
				report(n, "an error's text decides nothing: use errors.Is, errors.As or cloud.KindOf")
			}
		}
		return true
	})
	return found
}

// isClock tells whether the selector is a function of package time that reads or waits for the clock.
func isClock(s *ast.SelectorExpr) bool {
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == "time" && x.Obj == nil &&
		slices.Contains([]string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}, s.Sel.Name)
}

// comparesErrorText tells whether the call is strings.Contains(err.Error(), ...) or one like it.
func comparesErrorText(call *ast.CallExpr) bool {
	fun, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) == 0 {
		return false
	}
	x, ok := fun.X.(*ast.Ident)
	if !ok || x.Name != "strings" || !slices.Contains([]string{"Contains", "HasPrefix", "HasSuffix", "EqualFold"}, fun.Sel.Name) {
		return false
	}
	inner, ok := call.Args[0].(*ast.CallExpr)
	if !ok {
		return false
	}
	method, ok := inner.Fun.(*ast.SelectorExpr)
	return ok && method.Sel.Name == "Error" && len(inner.Args) == 0
}

// eachGoFile calls visit for every Go file of the repository that a person wrote.
func eachGoFile(t *testing.T, visit func(path, folder, name string, src []byte)) {
	t.Helper()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") && name != "..") || name == "testdata" || name == "bin" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasPrefix(name, "zz_generated") {
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		local, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		visit(local, filepath.ToSlash(filepath.Dir(local)), name, src)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSyntax(t *testing.T) {
	eachGoFile(t, func(path, folder, name string, src []byte) {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, src, parser.SkipObjectResolution)
		if err != nil {
			t.Error(err)
			return
		}
		// Error texts are what some tests are about.
		for _, f := range inspect(fset, file, folder, name) {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			t.Errorf("%s: %s", f.pos, f.what)
		}
	})
}

func TestFileLength(t *testing.T) {
	eachGoFile(t, func(path, _, _ string, src []byte) {
		if lines := strings.Count(string(src), "\n"); lines > maxLines+maxLines/10 {
			t.Errorf("%s has %d lines: split it by what it knows", path, lines)
		}
	})
}

// TestPackageComments: a package says what it knows and what it refuses to know.
func TestPackageComments(t *testing.T) {
	documented, folders := map[string]bool{}, map[string]bool{}
	eachGoFile(t, func(path, folder, name string, src []byte) {
		if strings.HasSuffix(name, "_test.go") {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, src, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Error(err)
			return
		}
		folders[folder] = true
		documented[folder] = documented[folder] || file.Doc != nil
	})
	for folder := range folders {
		if !documented[folder] {
			t.Errorf("%s has no package comment", folder)
		}
	}
}

func TestSyntaxCanFail(t *testing.T) {
	tests := []struct {
		name, folder, file, body string
		want                     []string
	}{
		{"goroutine in pkg", "pkg/translate", "a.go", "go func() {}()", []string{"pkg starts no goroutine"}},
		{"goroutine in the proxy", "pkg/proxy", "a.go", "go func() {}()", nil},
		{"clock in pkg", "pkg/plan", "a.go", "_ = time.Now()", []string{"pkg has no clock"}},
		{"durations in pkg", "pkg/plan", "a.go", "_ = time.Second", nil},
		{"error text", "reconciler", "a.go", `_ = strings.Contains(err.Error(), "x")`,
			[]string{"an error's text decides nothing: use errors.Is, errors.As or cloud.KindOf"}},
		{"error text where an SDK is read", "providers/aws", "errors.go", `_ = strings.Contains(err.Error(), "x")`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fset := token.NewFileSet()
			file, err := parser.ParseFile(fset, tt.file, "package p\nfunc f() {\n"+tt.body+"\n}\n", parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range inspect(fset, file, tt.folder, tt.file) {
				got = append(got, f.what)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("found %q, want %q", got, tt.want)
			}
		})
	}
}
