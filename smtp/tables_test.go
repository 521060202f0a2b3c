package smtp

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write TABLES.md anew")

// TABLES.md is made from the tables in the code:
//
//	go test ./smtp -run TestTables -update
func TestTables(t *testing.T) {
	const file = "TABLES.md"
	want := tables(t)
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the code says: go test ./smtp -run TestTables -update", file)
	}
}

func tables(t *testing.T) string {
	constants, sentinels := readKinds(t)
	if len(constants) != int(kinds) {
		t.Fatalf("%d constants, %d kinds", len(constants), kinds)
	}
	var b strings.Builder
	b.WriteString("<!-- go generate ./smtp -->\n\n")
	b.WriteString("Every error of ehlo has one of these kinds: `errors.Is` finds the sentinel, spans and metrics carry its `error.type`, and `smtp.Code` gives its number where no server spoke.\n\n")
	b.WriteString("| kind | sentinel | error.type | code | meaning |\n|---|---|---|---|---|\n")
	for i, c := range constants {
		row := Kind(i).Row()
		sentinel, kind := "", "`"+row.Type+"`"
		if row.Err != nil {
			name := "Err" + strings.TrimPrefix(c.name, "Kind")
			if sentinels[name] != row.Err.Error() {
				t.Errorf("the sentinel of %s is %q, %s is %q", c.name, row.Err, name, sentinels[name])
			}
			sentinel = "`" + name + "`"
		}
		if Kind(i) == KindReply {
			kind = "the digits"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %d | %s |\n", c.name, sentinel, kind, row.Code, c.meaning)
	}
	if len(sentinels) != len(constants)-1 {
		t.Errorf("%d sentinels for %d kinds", len(sentinels), len(constants))
	}
	b.WriteString("\nEach wait has one absolute deadline and its own field in `smtp.Timeouts`; these are the values where nothing else is said.\n\n")
	b.WriteString("| timeout | usual | covers | source |\n|---|---|---|---|\n")
	for _, row := range TimeoutTable() {
		fmt.Fprintf(&b, "| `%s` | %d s | %s | %s |\n", row.Name, int(row.Usual.Seconds()), row.Covers, row.Source)
	}
	return b.String()
}

type constant struct{ name, meaning string }

// readKinds reads from kind.go what the compiler forgets: the names of the
// kinds with the comments beside them, and those of the sentinels.
func readKinds(t *testing.T) (constants []constant, sentinels map[string]string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "kind.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	sentinels = map[string]string{}
	for _, d := range file.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range decl.Specs {
			spec, ok := s.(*ast.ValueSpec)
			if !ok {
				continue
			}
			name := spec.Names[0].Name
			switch {
			case strings.HasPrefix(name, "Kind"):
				meaning := strings.TrimSpace(spec.Comment.Text())
				if meaning == "" {
					t.Errorf("%s has no comment beside it", name)
				}
				constants = append(constants, constant{name, meaning})
			case strings.HasPrefix(name, "Err"):
				text, err := strconv.Unquote(spec.Values[0].(*ast.CallExpr).Args[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				sentinels[name] = text
			}
		}
	}
	return constants, sentinels
}
