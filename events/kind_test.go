package events

import (
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"
	"testing"
)

func TestKind_EachIsOneTypeAndNamesIt(t *testing.T) {
	if len(Kinds()) != int(kinds) {
		t.Fatalf("%d of %d kinds", len(Kinds()), kinds)
	}
	seen := map[string]bool{}
	for i, k := range Kinds() {
		if int(k) != i {
			t.Errorf("Kinds()[%d] = %d", i, k)
		}
		e := event(k, 5)
		if e.Kind() != k {
			t.Errorf("%T.Kind() = %v, want %v", e, e.Kind(), k)
		}
		if e.Head().Seq != 5 || e.Head().Session != 7 {
			t.Errorf("%T.Head() = %+v", e, e.Head())
		}
		if name := reflect.TypeOf(e).Name(); k.String() != name || seen[name] {
			t.Errorf("kind %d is %q, its type %s", k, k, name)
		}
		seen[k.String()] = true
	}
	for _, k := range []Kind{kinds, 255} {
		if k.String() != "unknown" {
			t.Errorf("kind %d is %q", k, k)
		}
	}
	// No type is left without a kind.
	for name := range eventTypes(t) {
		if !seen[name] {
			t.Errorf("type %s has no kind in Kinds()", name)
		}
	}
}

// eventTypes reads from event.go the types that embed Header.
func eventTypes(t *testing.T) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		if s, ok := spec.Type.(*ast.StructType); ok && len(s.Fields.List) > 0 && s.Fields.List[0].Names == nil {
			if id, ok := s.Fields.List[0].Type.(*ast.Ident); ok && id.Name == "Header" {
				types[spec.Name.Name] = true
			}
		}
		return true
	})
	if len(types) == 0 {
		t.Fatal("event.go holds no events")
	}
	return types
}

// No event may carry what a caller could misuse or what must stay secret.
func TestEvent_HoldsNoConnectionNoPasswordNoContent(t *testing.T) {
	for _, k := range Kinds() {
		typ := reflect.TypeOf(event(k, 1))
		for f := range typ.Fields() {
			switch f.Type.Kind() {
			case reflect.Chan, reflect.Func, reflect.Map, reflect.UnsafePointer:
				t.Errorf("%v.%s is a %v", k, f.Name, f.Type)
			case reflect.Interface:
				if f.Type != reflect.TypeFor[error]() {
					t.Errorf("%v.%s is a %v", k, f.Name, f.Type)
				}
			case reflect.Slice:
				if f.Type.Elem().Kind() == reflect.Uint8 {
					t.Errorf("%v.%s is a %v", k, f.Name, f.Type)
				}
			default:
			}
			if name := strings.ToLower(f.Name); strings.Contains(name, "password") || strings.Contains(name, "payload") || strings.Contains(name, "content") {
				t.Errorf("%v.%s", k, f.Name)
			}
		}
	}
}

func TestMask_IsASetOfKinds(t *testing.T) {
	var none Mask
	for _, k := range Kinds() {
		if none.Has(k) || !All.Has(k) {
			t.Errorf("%v: in the empty set %v, in All %v", k, none.Has(k), All.Has(k))
		}
		one := MaskOf(k)
		for _, other := range Kinds() {
			if one.Has(other) != (k == other) || MaskOf(k, other) != one|MaskOf(other) {
				t.Errorf("%v in the set of %v: %v", other, k, one.Has(other))
			}
		}
	}
	if MaskOf() != 0 || MaskOf(Kinds()...) != All {
		t.Errorf("MaskOf() = %b, of all %b, All %b", MaskOf(), MaskOf(Kinds()...), All)
	}
	for _, k := range []Kind{kinds, 31, 32, 255} {
		if All.Has(k) {
			t.Errorf("All has kind %d", k)
		}
	}
}

func TestReason_String(t *testing.T) {
	for r, want := range map[Reason]string{Local: "local", Remote: "remote", Failure: "error", 3: "unknown"} {
		if got := r.String(); got != want {
			t.Errorf("%d: %q, want %q", r, got, want)
		}
	}
}

func TestOnSecure_NamesAreIANAs(t *testing.T) {
	e := OnSecure{Version: 0x0304, CipherSuite: 0x1301}
	if e.VersionName() != "TLS 1.3" || e.CipherSuiteName() != "TLS_AES_128_GCM_SHA256" {
		t.Errorf("%s, %s", e.VersionName(), e.CipherSuiteName())
	}
}
