package archtest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// room is a package's place in the house.
type room struct {
	rank int
	// imports lists what the package may import of muster; a trailing "/..." takes everything below.
	// Nil means: every lower rank except those in never.
	imports []string
	never   []string
}

// rooms is the rank table. A package imports only lower ranks, and of these only what stands here.
var rooms = map[string]room{
	"internal/fault":    {rank: 0, imports: []string{}},
	"internal/segment":  {rank: 0, imports: []string{"internal/fault"}},
	"internal/policy":   {rank: 0, imports: []string{"internal/fault"}},
	"internal/openapi":  {rank: 0, imports: []string{}},
	"internal/seal":     {rank: 0, imports: []string{}},
	"internal/archtest": {rank: 0, imports: []string{}},

	"internal/catalog": {rank: 1},

	"internal/store":          {rank: 2},
	"internal/migrate":        {rank: 2, imports: []string{"internal/catalog"}},
	"internal/connector/list": {rank: 2, imports: []string{"internal/fault", "internal/segment"}},
	"internal/connector":      {rank: 2, never: []string{"internal/catalog", "internal/policy"}},

	"internal/store/roster":    {rank: 3, never: []string{"internal/connector", "internal/catalog", "internal/policy"}},
	"internal/store/engine":    {rank: 3, imports: []string{"internal/store", "internal/store/roster", "internal/fault", "internal/segment", "internal/policy", "internal/catalog"}},
	"internal/store/storetest": {rank: 3, never: []string{"internal/connector"}},
	"internal/access":          {rank: 3, never: []string{"internal/connector"}},
	"internal/ingest":          {rank: 3},
	"internal/admin":           {rank: 3, never: []string{"internal/connector"}},
	"internal/history":         {rank: 3, never: []string{"internal/connector"}},
	"internal/delivery":        {rank: 3, never: []string{"internal/connector"}},
	"internal/relayfeed":       {rank: 3, imports: []string{"internal/store", "internal/catalog", "internal/policy", "internal/segment", "internal/fault"}},
	"internal/activity":        {rank: 3, never: []string{"internal/connector"}},
	"internal/usage":           {rank: 3, imports: []string{"internal/store", "internal/catalog", "internal/fault", "internal/segment"}},
	"internal/webhook":         {rank: 3, imports: []string{"internal/store", "internal/catalog", "internal/seal"}},

	"internal/sink": {rank: 3, imports: []string{"internal/store", "internal/catalog", "internal/segment", "internal/fault", "internal/seal"}},

	"internal/store/pebblestore": {rank: 4, imports: []string{"internal/store", "internal/fault", "internal/segment", "internal/policy", "internal/catalog"}},

	"internal/sink/dynamosink": {rank: 4, imports: []string{"internal/sink", "internal/store", "internal/catalog", "internal/segment", "internal/fault"}},
	"internal/sink/redissink":  {rank: 4, imports: []string{"internal/sink", "internal/store", "internal/catalog", "internal/segment", "internal/fault"}},

	"internal/sink/sinktest": {rank: 5, imports: []string{"internal/sink", "internal/store", "internal/store/engine", "internal/store/pebblestore", "internal/catalog", "internal/segment", "internal/seal"}},

	"internal/api":     {rank: 5, imports: []string{"internal/ingest", "internal/connector", "internal/admin", "internal/history", "internal/delivery", "internal/relayfeed", "internal/activity", "internal/usage", "internal/webhook", "internal/sink", "internal/access", "internal/catalog", "internal/fault", "internal/segment", "internal/policy", "internal/openapi"}},
	"internal/sdk":     {rank: 5, imports: []string{"internal/delivery", "internal/relayfeed", "internal/usage", "internal/access", "internal/catalog", "internal/fault", "internal/segment", "internal/policy"}},
	"internal/inbound": {rank: 5, imports: []string{"internal/ingest", "internal/activity", "internal/connector", "internal/connector/list", "internal/access", "internal/catalog", "internal/fault", "internal/segment", "internal/policy"}},
	"internal/resp":    {rank: 5, imports: []string{"internal/delivery", "internal/access", "internal/catalog", "internal/fault", "internal/segment"}},
	"internal/ofrep":   {rank: 5, imports: []string{"internal/delivery", "internal/access", "internal/catalog", "internal/fault"}},
	"web":              {rank: 5, imports: []string{}},

	"cmd/muster": {rank: 6},
}

const module = "muster/"

func TestImportsFollowTheRankTable(t *testing.T) {
	seen := map[string]bool{}
	for pkg, imports := range importsOfTree(t) {
		seen[pkg] = true
		from, ok := rooms[pkg]
		if !ok {
			t.Errorf("%s is not in the rank table: decide where it stands, here and in ARCHITECTURE.md", pkg)
			continue
		}
		for _, imported := range imports {
			to, ok := rooms[imported]
			switch {
			case !ok:
				t.Errorf("%s imports %s, which is not in the rank table", pkg, imported)
			case from.imports != nil && !slices.Contains(from.imports, imported):
				t.Errorf("%s imports %s; it may import only %v", pkg, imported, from.imports)
			case slices.Contains(from.never, imported):
				t.Errorf("%s must never import %s", pkg, imported)
			case to.rank > from.rank || to.rank == from.rank && !slices.Contains(from.imports, imported):
				t.Errorf("%s (rank %d) imports %s (rank %d); a package imports only lower ranks", pkg, from.rank, imported, to.rank)
			}
		}
	}
	for pkg := range rooms {
		if !seen[pkg] {
			t.Errorf("%s is in the rank table but not in the tree", pkg)
		}
	}
}

// importsOfTree returns what each package of the main module imports of muster, tests left out.
func importsOfTree(t *testing.T) map[string][]string {
	t.Helper()
	imports := map[string][]string{}
	for pkg, files := range sources(t) {
		for _, file := range files {
			imports[pkg] = append(imports[pkg], importsOfFile(t, file)...)
		}
	}
	return imports
}

// sources returns the files of each package of the main module, tests left out.
func sources(t *testing.T) map[string][]string {
	t.Helper()
	root := filepath.Join("..", "..")
	files := map[string][]string{}
	for _, top := range []string{"cmd", "internal", "web"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(file string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && (d.Name() == "testdata" || d.Name() == "node_modules") {
				return fs.SkipDir
			}
			if d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
				return nil
			}
			rel, err := filepath.Rel(root, filepath.Dir(file))
			if err != nil {
				return err
			}
			pkg := filepath.ToSlash(rel)
			files[pkg] = append(files[pkg], file)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func importsOfFile(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var ours []string
	for _, spec := range parsed.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if rel, ok := strings.CutPrefix(name, module); ok {
			ours = append(ours, path.Clean(rel))
		}
	}
	return ours
}
