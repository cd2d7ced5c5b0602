package edges

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Check reads the tree below fsys, the top folder of the module, and returns what breaks the design's rules: lines of the form "file:line: what",
// sorted. Folders named testdata or beginning with a dot are not looked at.
func Check(fsys fs.FS) ([]string, error) { return design().check(fsys) }

// checker collects the violations of one walk.
type checker struct {
	rules
	files      *token.FileSet
	found      []string
	documented map[string]bool // by folder: has one of its files a package comment?
}

func (r rules) check(fsys fs.FS) ([]string, error) {
	c := &checker{rules: r, files: token.NewFileSet(), documented: make(map[string]bool)}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || name == ".":
			return err
		case strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata":
			return skip(d)
		case !strings.Contains(name, "/") && !slices.Contains(c.top, name):
			c.add(name, "the top level does not hold this: put it into a folder of the design")
			return skip(d)
		case d.Type().IsRegular() && path.Ext(name) == ".go":
			return c.file(fsys, name)
		}
		return nil
	})
	for folder, ok := range c.documented {
		if !ok {
			c.add(folder, "no package comment: write doc.go")
		}
	}
	slices.Sort(c.found)
	return c.found, err
}

func skip(d fs.DirEntry) error {
	if d.IsDir() {
		return fs.SkipDir
	}
	return nil
}

func (c *checker) add(where, format string, args ...any) {
	c.found = append(c.found, where+": "+fmt.Sprintf(format, args...))
}

// at names a place in a source.
func (c *checker) at(pos token.Pos) string {
	p := c.files.Position(pos)
	return p.Filename + ":" + strconv.Itoa(p.Line)
}

func (c *checker) file(fsys fs.FS, name string) error {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return err
	}
	f, err := parser.ParseFile(c.files, name, text, parser.ParseComments)
	if err != nil {
		c.add(name, "%v", err)
		return nil
	}
	folder, test := path.Dir(name), strings.HasSuffix(name, "_test.go")
	if _, known := c.folders[folder]; !known {
		c.add(name, "folder %s is not in the list of edges", folder)
	}
	c.documented[folder] = c.documented[folder] || f.Doc != nil
	for _, spec := range f.Imports {
		c.edge(folder, spec, test)
	}
	if !test {
		c.mountCalls(folder, f)
	}
	c.lengths(f, strings.Count(string(text), "\n"), test)
	return nil
}

// edge checks one import of a file in folder.
func (c *checker) edge(folder string, spec *ast.ImportSpec, test bool) {
	to, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return // the parser has refused it
	}
	if ours, ok := strings.CutPrefix(to, module); ok {
		if !c.ours(folder, ours, test) {
			c.add(c.at(spec.Pos()), "%s must not import %s", folder, ours)
		}
		return
	}
	if to != "C" && !strings.Contains(strings.Split(to, "/")[0], ".") {
		return // the standard library
	}
	if owner(c.testOnly, to) != "" {
		if !test {
			c.add(c.at(spec.Pos()), "only tests may import %s", to)
		}
		return
	}
	users, known := c.foreign[owner(slices.Collect(maps.Keys(c.foreign)), to)]
	if !known {
		c.add(c.at(spec.Pos()), "%s is no module that we depend on", to)
	} else if users != nil && !test && !slices.Contains(users, folder) {
		c.add(c.at(spec.Pos()), "%s must not import %s: only %s may", folder, to, strings.Join(users, " and "))
	}
}

// ours tells whether code, or tests, of one of our folders may import another.
func (c *checker) ours(from, to string, test bool) bool {
	allowed := c.folders[from]
	if test {
		allowed = append(append([]string{from}, allowed...), c.testHelp...)
	}
	for _, each := range allowed {
		below, all := strings.CutSuffix(each, "/...")
		if to == below || all && strings.HasPrefix(to, below+"/") {
			return true
		}
	}
	return false
}

// mountCalls checks that f names no guarded function of package unix or syscall, under whatever name it imports them.
func (c *checker) mountCalls(folder string, f *ast.File) {
	kernel := make(map[string]bool)
	for _, spec := range f.Imports {
		to, _ := strconv.Unquote(spec.Path.Value)
		if to != "golang.org/x/sys/unix" && to != "syscall" {
			continue
		}
		name := path.Base(to)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		if name == "." {
			c.add(c.at(spec.Pos()), "import of %s without its name hides mount calls", to)
		}
		kernel[name] = true
	}
	ast.Inspect(f, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && kernel[x.Name] {
			if users, guarded := c.calls[sel.Sel.Name]; guarded && !slices.Contains(users, folder) {
				c.add(c.at(sel.Pos()), "%s must not call %s: only %s may", folder, sel.Sel.Name, strings.Join(users, " and "))
			}
		}
		return true
	})
}

// lengths checks the lines of f and of its functions. A comment "long: why" excuses a file where it stands before the first declaration, a function
// where it stands in it or in its comment. Functions of tests may be long: their tables are.
func (c *checker) lengths(f *ast.File, lines int, test bool) {
	first := f.FileEnd
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		from := d.Pos()
		if ok && fn.Doc != nil {
			from = fn.Doc.Pos()
		}
		first = min(first, from)
		if !ok || test || fn.Body == nil {
			continue
		}
		body := c.files.Position(fn.Body.Rbrace).Line - c.files.Position(fn.Body.Lbrace).Line - 1
		if body > functionLines && !excused(f, from, fn.End()) {
			c.add(c.at(fn.Pos()), "%s has %d lines, more than %d", fn.Name.Name, body, functionLines)
		}
	}
	if lines > fileLines && !excused(f, f.FileStart, first) {
		c.add(c.at(f.FileStart), "the file has %d lines, more than %d", lines, fileLines)
	}
}

// excused tells whether a comment line between two places gives a reason for length.
func excused(f *ast.File, from, to token.Pos) bool {
	for _, group := range f.Comments {
		for _, comment := range group.List {
			reason, ok := strings.CutPrefix(comment.Text, "// long: ")
			if ok && strings.TrimSpace(reason) != "" && from <= comment.Pos() && comment.Pos() < to {
				return true
			}
		}
	}
	return false
}

// owner returns which of modules the import path to belongs to, or "".
func owner(modules []string, to string) string {
	for _, m := range modules {
		if to == m || strings.HasPrefix(to, m+"/") {
			return m
		}
	}
	return ""
}
