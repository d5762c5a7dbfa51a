package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"strings"
	"testing"
)

// bound is a constant of a package, which is known by its last name, that says how much there may be.
type bound struct{ pkg, name string }

// bounding is how refusals say that something is beyond a limit.
var bounding = regexp.MustCompile(`at most|more than %|longer than %|larger than %|deeper than %|1 to %|0 to %`)

// TestLimitsThatRefusalsNameAreShown demands that each constant max… which a refusal names is in the
// answer of GET /api/v2/limits, that is in a function whose name ends in Limits.
func TestLimitsThatRefusalsNameAreShown(t *testing.T) {
	position := token.NewFileSet()
	trees := map[string][]*ast.File{}
	bounds := map[bound]bool{}
	for dir, files := range sources(t) {
		for _, file := range files {
			tree, err := parser.ParseFile(position, file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			pkg := path.Base(dir)
			trees[pkg] = append(trees[pkg], tree)
			for _, name := range constants(tree) {
				bounds[bound{pkg, name}] = strings.HasPrefix(strings.ToLower(name), "max")
			}
		}
	}
	shown, named := map[bound]bool{}, map[bound]token.Pos{}
	for pkg, files := range trees {
		for _, tree := range files {
			for _, d := range tree.Decls {
				f, ok := d.(*ast.FuncDecl)
				if !ok {
					continue
				}
				showing := strings.HasSuffix(strings.ToLower(f.Name.Name), "limits")
				ast.Inspect(f, func(n ast.Node) bool {
					call, ok := n.(*ast.CallExpr)
					if !showing && (!ok || !refuses(call)) {
						return true
					}
					for c, at := range mentioned(n, pkg, bounds) {
						if shown[c] = shown[c] || showing; !showing {
							named[c] = at
						}
					}
					return !showing
				})
			}
		}
	}
	if len(named) < 20 {
		t.Errorf("only %d limits were found in refusals", len(named))
	}
	for c, at := range named {
		if !shown[c] {
			t.Errorf("%s: a refusal names %s.%s, which GET /api/v2/limits doesn't show; add it to Limits of its package", position.Position(at), c.pkg, c.name)
		}
	}
}

// constants returns the names of the constants that a file declares for its package.
func constants(tree *ast.File) []string {
	var names []string
	for _, d := range tree.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, spec := range g.Specs {
			if v, ok := spec.(*ast.ValueSpec); ok {
				for _, name := range v.Names {
					names = append(names, name.Name)
				}
			}
		}
	}
	return names
}

// refuses reports whether a call makes an error for a client that says what the limit is.
func refuses(call *ast.CallExpr) bool {
	name := ""
	switch f := call.Fun.(type) {
	case *ast.Ident:
		name = f.Name
	case *ast.SelectorExpr:
		name = f.Sel.Name
	}
	switch name {
	case "Invalidf", "TooLargef", "Conflictf", "Unavailablef", "patchError":
	case "fail": // of an instruction; that of a manifest is for operators and gets an error
		if len(call.Args) == 0 || !isText(call.Args[0]) {
			return false
		}
	default:
		return false
	}
	found := false
	ast.Inspect(call, func(n ast.Node) bool {
		text, ok := n.(*ast.BasicLit)
		found = found || ok && text.Kind == token.STRING && bounding.MatchString(text.Value)
		return true
	})
	return found
}

// mentioned returns the bounds that a tree names, and where.
func mentioned(tree ast.Node, pkg string, bounds map[bound]bool) map[bound]token.Pos {
	found := map[bound]token.Pos{}
	ast.Inspect(tree, func(n ast.Node) bool {
		var c bound
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok {
				c = bound{x.Name, n.Sel.Name}
			}
		case *ast.Ident:
			c = bound{pkg, n.Name}
		default:
			return true
		}
		if bounds[c] {
			found[c] = n.Pos()
		}
		return true
	})
	return found
}

func isText(e ast.Expr) bool {
	text, ok := e.(*ast.BasicLit)
	return ok && text.Kind == token.STRING
}
