// Prints the field table of Kubernetes' built-in types (src/builtin/fields/*.ts) from the Go types of a given release.
//
//	go run extract-types.go <module cache>/k8s.io <version, such as v0.32.3> <out folder>
//
// Only facts are taken: names of types and fields, their types, defaults, list and patch markers. Run it in a module of its own
// that has k8s.io/api, k8s.io/apimachinery and k8s.io/apiextensions-apiserver.
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"sort"
	"strings"
)

type pkg struct{ dir, prefix string }

var packages = map[string][]pkg{
	"meta":         {{"apimachinery@V/pkg/apis/meta/v1", "meta.v1"}},
	"core":         {{"api@V/core/v1", "core.v1"}},
	"workloads":    {{"api@V/apps/v1", "apps.v1"}, {"api@V/batch/v1", "batch.v1"}, {"api@V/autoscaling/v1", "autoscaling.v1"}, {"api@V/autoscaling/v2", "autoscaling.v2"}, {"api@V/policy/v1", "policy.v1"}, {"api@V/scheduling/v1", "scheduling.v1"}},
	"network":      {{"api@V/discovery/v1", "discovery.v1"}, {"api@V/networking/v1", "networking.v1"}},
	"coordination": {{"api@V/coordination/v1", "coordination.v1"}, {"api@V/events/v1", "events.v1"}, {"api@V/storage/v1", "storage.v1"}},
	"access":       {{"api@V/rbac/v1", "rbac.v1"}, {"api@V/authentication/v1", "authentication.v1"}, {"api@V/authorization/v1", "authorization.v1"}, {"api@V/certificates/v1", "certificates.v1"}},
	"extension":    {{"api@V/admissionregistration/v1", "admissionregistration.v1"}, {"apiextensions-apiserver@V/pkg/apis/apiextensions/v1", "apiextensions.v1"}},
}

var skip = regexp.MustCompile(`(List|Fn|Func)$`)

var opaque = map[string]string{
	"meta.v1.Time": "t", "meta.v1.MicroTime": "u", "meta.v1.Duration": "s", "meta.v1.FieldsV1": "o", "runtime.RawExtension": "o",
	"resource.Quantity": "q", "intstr.IntOrString": "x", "types.UID": "s", "types.NodeName": "s", "apiextensions.v1.JSON": "a",
	"apiextensions.v1.JSONSchemaPropsOrArray": "a", "apiextensions.v1.JSONSchemaPropsOrBool": "a", "apiextensions.v1.JSONSchemaPropsOrStringArray": "a",
}
var basic = map[string]string{"string": "s", "bool": "b", "int32": "i", "int": "i", "int64": "l", "float64": "n", "byte": "y", "uint8": "y"}

type file struct{ imports map[string]string }
type entry struct {
	prefix string
	spec   *ast.TypeSpec
	doc    string
	file   file
}

var types = map[string]entry{}

func marker(doc, name string) (string, bool) {
	m := regexp.MustCompile(`(?m)^\s*(?://)?\s*\+` + name + `(?:=(.*))?$`).FindStringSubmatch(doc)
	if m == nil {
		return "", false
	}
	return strings.TrimSpace(m[1]), true
}

func markers(doc, name string) []string {
	var out []string
	for _, m := range regexp.MustCompile(`(?m)^\s*(?://)?\s*\+`+name+`=(.*)$`).FindAllStringSubmatch(doc, -1) {
		out = append(out, strings.TrimSpace(m[1]))
	}
	return out
}

func raw(groups ...*ast.CommentGroup) string {
	var b strings.Builder
	for _, g := range groups {
		if g == nil {
			continue
		}
		for _, c := range g.List {
			b.WriteString(c.Text + "\n")
		}
	}
	return b.String()
}

func qualified(prefix string, f file, e ast.Expr) string {
	switch t := e.(type) {
	case *ast.Ident:
		return prefix + "." + t.Name
	case *ast.SelectorExpr:
		path := f.imports[t.X.(*ast.Ident).Name]
		switch {
		case strings.HasSuffix(path, "apimachinery/pkg/apis/meta/v1"):
			return "meta.v1." + t.Sel.Name
		case strings.HasPrefix(path, "k8s.io/api/"):
			return strings.ReplaceAll(strings.TrimPrefix(path, "k8s.io/api/"), "/", ".") + "." + t.Sel.Name
		default:
			return filepath.Base(path) + "." + t.Sel.Name
		}
	}
	return "?"
}

func typeOf(prefix string, f file, e ast.Expr) string {
	switch t := e.(type) {
	case *ast.StarExpr:
		return typeOf(prefix, f, t.X)
	case *ast.ArrayType:
		inner := typeOf(prefix, f, t.Elt)
		if inner == "y" {
			return "y"
		}
		return "[" + inner + "]"
	case *ast.MapType:
		return "{" + typeOf(prefix, f, t.Value) + "}"
	case *ast.Ident:
		if b, ok := basic[t.Name]; ok {
			return b
		}
	}
	name := qualified(prefix, f, e)
	if o, ok := opaque[name]; ok {
		return o
	}
	if entry, ok := types[name]; ok {
		if _, isStruct := entry.spec.Type.(*ast.StructType); isStruct {
			if entry.prefix == prefix {
				return strings.TrimPrefix(name, prefix+".")
			}
			return name
		}
		return typeOf(entry.prefix, entry.file, entry.spec.Type)
	}
	return "?" + name
}

func fields(name string, en entry) []string {
	var out []string
	for _, fl := range en.spec.Type.(*ast.StructType).Fields.List {
		tag := ""
		if fl.Tag != nil {
			tag = strings.Trim(fl.Tag.Value, "`")
		}
		st := reflect.StructTag(tag)
		parts := strings.Split(st.Get("json"), ",")
		if len(fl.Names) == 0 && (parts[0] == "" || strings.Contains(st.Get("json"), "inline")) {
			q := qualified(en.prefix, en.file, fl.Type)
			if q == "meta.v1.TypeMeta" {
				out = append(out, "kind:s", "apiVersion:s")
			} else if inner, ok := types[q]; ok {
				out = append(out, fields(q, inner)...)
			}
			continue
		}
		if parts[0] == "" || parts[0] == "-" {
			continue
		}
		doc := raw(fl.Doc)
		text := parts[0] + ":" + typeOf(en.prefix, en.file, fl.Type)
		_, optional := marker(doc, "optional")
		if !optional && !strings.Contains(st.Get("json"), "omitempty") {
			text += "!"
		}
		if d, ok := marker(doc, "default"); ok && !strings.HasPrefix(d, "ref(") {
			text += "=" + strings.ReplaceAll(d, " ", "")
		}
		if lt, ok := marker(doc, "listType"); ok {
			text += "@" + lt
			if keys := markers(doc, "listMapKey"); len(keys) > 0 {
				text += "(" + strings.Join(keys, ",") + ")"
			}
		}
		if mt, ok := marker(doc, "mapType"); ok {
			text += "@" + mt
		}
		if mt, ok := marker(doc, "structType"); ok {
			text += "@" + mt
		}
		if ps := st.Get("patchStrategy"); ps != "" {
			text += "~" + ps
			if k := st.Get("patchMergeKey"); k != "" {
				text += "(" + k + ")"
			}
		}
		out = append(out, text)
	}
	return out
}

func main() {
	root, version, outDir := os.Args[1], os.Args[2], os.Args[3]
	order := map[string][]string{}
	for group, pkgs := range packages {
		for _, p := range pkgs {
			dir := filepath.Join(root, strings.Replace(p.dir, "@V", "@"+version, 1))
			fset := token.NewFileSet()
			parsed, err := parser.ParseDir(fset, dir, func(i os.FileInfo) bool { return !strings.HasSuffix(i.Name(), "_test.go") }, parser.ParseComments)
			if err != nil {
				panic(err)
			}
			for _, pk := range parsed {
				for fname, fl := range pk.Files {
					imports := map[string]string{}
					for _, im := range fl.Imports {
						path := strings.Trim(im.Path.Value, `"`)
						n := filepath.Base(path)
						if im.Name != nil {
							n = im.Name.Name
						}
						imports[n] = path
					}
					base := filepath.Base(fname)
					for _, d := range fl.Decls {
						g, ok := d.(*ast.GenDecl)
						if !ok || g.Tok != token.TYPE {
							continue
						}
						for _, s := range g.Specs {
							ts := s.(*ast.TypeSpec)
							types[p.prefix+"."+ts.Name.Name] = entry{p.prefix, ts, raw(g.Doc, ts.Doc), file{imports}}
							if _, isStruct := ts.Type.(*ast.StructType); isStruct && ts.Name.IsExported() && strings.HasPrefix(base, "types") {
								order[group] = append(order[group], p.prefix+"."+ts.Name.Name)
							}
						}
					}
				}
			}
		}
	}
	for group, names := range order {
		sort.Strings(names)
		var b strings.Builder
		constant := strings.ToUpper(group) + "_FIELDS"
		fmt.Fprintf(&b, "/** Field table of Kubernetes 1.32, in the notation of parse-fields.ts. Made by tools/extract-types.go: do not edit. */\nexport const %s = `\n", constant)
		for _, n := range names {
			short := n[strings.LastIndex(n, ".")+1:]
			if skip.MatchString(short) || strings.HasPrefix(n, "meta.v1.Table") || strings.HasPrefix(n, "meta.v1.Partial") || opaque[n] != "" || short == "TypeMeta" {
				continue
			}
			fs := fields(n, types[n])
			if len(fs) == 0 {
				fmt.Fprintf(&b, "%s\n", n)
				continue
			}
			atomic := ""
			if mt, ok := marker(types[n].doc, "structType"); ok {
				atomic = "@" + mt
			}
			fmt.Fprintf(&b, "%s%s %s\n", n, atomic, strings.Join(fs, " "))
		}
		b.WriteString("`;\n")
		if err := os.WriteFile(filepath.Join(outDir, group+"-fields.ts"), []byte(b.String()), 0o644); err != nil {
			panic(err)
		}
	}
}
