package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// TestAnsibleDocs: ansible-doc shows all, with every option that a module takes, and the collection can be built and installed.
func TestAnsibleDocs(t *testing.T) {
	a := newAnsible(t)
	kinds := map[string]string{"modules": "module", "connection": "connection", "inventory": "inventory"}
	for folder, kind := range kinds {
		files, err := filepath.Glob(filepath.Join(a.collection, "plugins", folder, "*.py"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no plugins in %s: %v", folder, err)
		}
		for _, file := range files {
			name := "sysctr.sysctr." + strings.TrimSuffix(filepath.Base(file), ".py")
			r := a.run(t, "/usr/bin/ansible-doc", "--json", "-t", kind, name)
			var docs map[string]struct {
				Doc struct {
					Options map[string]struct{ Description any }
				}
				Examples string
			}
			if err := json.Unmarshal([]byte(r.Stdout), &docs); err != nil || r.Code != 0 || len(docs[name].Doc.Options) == 0 {
				t.Fatalf("%s: %v: %+v", name, err, r)
			}
			for option, about := range docs[name].Doc.Options {
				if about.Description == nil {
					t.Errorf("%s: nothing is said about %s", name, option)
				}
			}
			if kind == "module" && !strings.Contains(docs[name].Examples, name) {
				t.Errorf("%s: no example", name)
			}
			if kind == "module" && !strings.Contains(readText(t, filepath.Join(a.collection, "meta", "runtime.yml")), "- "+strings.TrimPrefix(name, "sysctr.sysctr.")+"\n") {
				t.Errorf("%s is in no action group", name)
			}
		}
	}
	if r := a.run(t, "/usr/bin/ansible-galaxy", "collection", "build", a.collection, "--output-path", a.dir); r.Code != 0 {
		t.Fatalf("build: %+v", r)
	}
	built, err := filepath.Glob(filepath.Join(a.dir, "sysctr-sysctr-*.tar.gz"))
	if err != nil || len(built) != 1 {
		t.Fatalf("built %q: %v", built, err)
	}
	into := filepath.Join(a.dir, "installed")
	if r := a.run(t, "/usr/bin/ansible-galaxy", "collection", "install", "--offline", "-p", into, built[0]); r.Code != 0 {
		t.Fatalf("install: %+v", r)
	}
	if _, err := os.Stat(filepath.Join(into, "ansible_collections", "sysctr", "sysctr", "plugins", "modules", "container.py")); err != nil {
		t.Error(err)
	}
}

// finding is a line of validate-modules.
var finding = regexp.MustCompile(`(?m)^\S+:\d+:\d+: (\S+) .*$`)

// TestAnsibleSanity runs those of Ansible's sanity tests that need no network: validate-modules by its own program, which compares documentation and
// argument specs, and the style checks.
func TestAnsibleSanity(t *testing.T) {
	const validator = "/usr/lib/python3/dist-packages/ansible_test/_util/controller/sanity/validate-modules"
	a := newAnsible(t)
	if _, err := os.Stat("/usr/lib/python3/dist-packages/voluptuous"); err != nil {
		need.Missing(t, "needs python3-voluptuous: run make test-hosts")
	}
	root := filepath.Dir(filepath.Dir(filepath.Dir(a.collection)))
	modules, err := filepath.Glob(filepath.Join(a.collection, "plugins", "modules", "*.py"))
	if err != nil || len(modules) < 6 {
		t.Fatalf("the modules are %q: %v", modules, err)
	}
	for i, m := range modules {
		modules[i] = strings.TrimPrefix(m, a.collection+"/")
	}
	a.dir = a.collection
	a.env = append(a.env, "PYTHONPATH="+validator+":"+root)
	r := a.run(t, "/usr/bin/python3", append([]string{validator + "/validate.py", "--arg-spec", "--collection", "ansible_collections/sysctr/sysctr"}, modules...)...)
	licenses := 0
	for _, f := range finding.FindAllStringSubmatch(r.Stdout, -1) {
		if strings.Contains(f[1], "missing-gplv3-license") { // the collection's is Apache-2.0
			licenses++
			continue
		}
		t.Error(f[0])
	}
	if licenses != len(modules) || strings.Contains(r.Stderr, "Traceback") {
		t.Errorf("validate-modules has not looked at each of %d modules: %+v", len(modules), r)
	}
	need.Command(t, "pycodestyle", "run make test-hosts")
	need.Command(t, "yamllint", "run make test-hosts")
	need.Command(t, "ansible-lint", "run make test-hosts")
	for _, argv := range append([][]string{
		{"/usr/bin/python3", "-W", "error", "-m", "compileall", "-q", "plugins"},
		{"/usr/bin/pycodestyle", "--max-line-length", "160", "--ignore", "E402", "plugins", "tests"},
		{"/usr/bin/yamllint", "-s", "-d", "{extends: default, rules: {line-length: {max: 160}}}", "."},
		{"/usr/bin/python3", filepath.Join(validator, "..", "code-smell", "runtime-metadata.py"), "meta/runtime.yml"},
		{"/usr/bin/ansible-lint", "--offline", "--nocolor", "--strict"},
	}, a.sanity(t)) {
		if r := a.run(t, argv[0], argv[1:]...); r.Code != 0 || strings.Contains(r.Stdout, "meta/runtime.yml:") {
			t.Errorf("%q: %+v", argv, r)
		}
	}
}

// sanity is the command line for those of ansible-test's sanity tests that install nothing from a network. What the others look at, validate-modules,
// pycodestyle, yamllint, ansible-doc and runtime-metadata by itself do; pylint alone is not run.
func (a *ansible) sanity(t *testing.T) []string {
	t.Helper()
	argv := a.test(t, "sanity")
	networked := []string{"ansible-doc", "import", "mypy", "pep8", "pylint", "runtime-metadata", "validate-modules", "yamllint"}
	r := a.run(t, argv[0], "sanity", "--list-tests")
	for name := range strings.FieldsSeq(r.Stdout) {
		if !slices.Contains(networked, name) {
			argv = append(argv, "--test", name)
		}
	}
	if len(argv) < 40 {
		t.Fatalf("ansible-test knows too few tests: %+v", r)
	}
	return argv
}

// test begins a command line of ansible-test, which runs with the distribution's Python.
func (a *ansible) test(t *testing.T, kind string) []string {
	t.Helper()
	python := a.run(t, "/usr/bin/python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2], end='')").Stdout
	return []string{need.Command(t, "ansible-test", "run make test-hosts"), kind, "--local", "--python", python, "--color", "no"}
}

// TestAnsibleUnits runs the collection's unit tests, in which a script plays sysctr.
func TestAnsibleUnits(t *testing.T) {
	a := newAnsible(t)
	a.dir = a.collection
	argv := a.test(t, "units")
	if r := a.run(t, argv[0], argv[1:]...); r.Code != 0 || !strings.Contains(r.Stdout, " passed in ") {
		t.Errorf("%+v", r)
	}
}

// TestAnsibleIntegration runs the collection's integration tests, with containers of this machine.
func TestAnsibleIntegration(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	need.Files(t)
	a, l := newAnsible(t), newLocal(t)
	a.dir = a.collection
	a.write(t, "tests/integration/integration_config.yml", "sysctr_executable: "+l.binary+"\nsysctr_prefix: "+l.prefix+"\n")
	argv := append(a.test(t, "integration"), "--allow-root")
	r := a.run(t, argv[0], argv[1:]...)
	targets, err := os.ReadDir(filepath.Join(a.collection, "tests", "integration", "targets"))
	if err != nil || len(targets) < 5 {
		t.Fatalf("the targets are %v: %v", targets, err)
	}
	for _, target := range targets {
		if !strings.Contains(r.Stdout, "Running "+target.Name()+" integration test role") {
			t.Errorf("%s was not run", target.Name())
		}
	}
	if r.Code != 0 || t.Failed() {
		t.Errorf("status %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	if left := l.list(t); len(left) > 0 {
		t.Errorf("left: %+v", left)
	}
}
