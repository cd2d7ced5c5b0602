package e2e

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

//go:embed recipe
var recipes embed.FS

// buildTime bounds the making of a cached root: downloads of 200 MB and, for a virtual machine, an initrd.
const buildTime = 10 * time.Minute

// Source returns the top folder of the source tree: the nearest parent of the working directory that holds go.mod.
func Source(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatalf("find the source tree: %v", err)
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
	}
	t.Fatal("find the source tree: no parent of the working directory holds go.mod")
	return ""
}

// cacheDir returns the folder of everything that outlives a test process.
func cacheDir(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("SYSCTR_CACHE")
	if dir == "" {
		dir = filepath.Join(Source(t), ".cache")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatalf("make the cache: %v", err)
	}
	return dir
}

// cached returns the path of the root that recipe/root.sh makes for kind ("host", "builder" or "vm"), and makes it first if no process has.
func cached(t testing.TB, kind string) string {
	t.Helper()
	need.Root(t)
	need.Command(t, "mmdebstrap", "run make test-hosts")
	script, sum := recipe(t)
	out := filepath.Join(cacheDir(t), kind+"-"+sum)
	// Several test processes may want it at once; who comes second finds it made.
	defer lockFile(t, out+".lock").Close()
	if _, err := os.Stat(out); err == nil {
		return out
	}
	ctx, cancel := context.WithTimeout(t.Context(), buildTime)
	defer cancel()
	t.Logf("make %s: takes a minute, once", out)
	cmd := exec.CommandContext(ctx, "bash", script, kind, out)
	cmd.WaitDelay = time.Second
	if text, err := cmd.CombinedOutput(); err != nil {
		need.Missing(t, fmt.Sprintf("make a test %s by %s: %v; if the mirror cannot be reached, set SYSCTR_MIRROR: %s", kind, script, err, tail(text)))
	}
	return out
}

// recipe writes the embedded recipe to a folder of the test and returns the script's path and what identifies its text.
func recipe(t testing.TB) (script, sum string) {
	t.Helper()
	dir := t.TempDir()
	hash := sha256.New()
	entries, err := recipes.ReadDir("recipe")
	if err != nil {
		t.Fatalf("read the recipe: %v", err)
	}
	for _, e := range entries {
		text, err := recipes.ReadFile("recipe/" + e.Name())
		if err != nil {
			t.Fatalf("read the recipe: %v", err)
		}
		fmt.Fprintf(hash, "%s %d\n%s", e.Name(), len(text), text)
		if err := os.WriteFile(filepath.Join(dir, e.Name()), text, 0o700); err != nil {
			t.Fatalf("write the recipe: %v", err)
		}
	}
	return filepath.Join(dir, "root.sh"), hex.EncodeToString(hash.Sum(nil)[:6])
}

// lockFile waits for the exclusive lock on path and returns the open file; closing it, or the end of the process, gives the lock back.
func lockFile(t testing.TB, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatalf("open lock: %v", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		f.Close()
		t.Fatalf("lock %s: %v", path, err)
	}
	return f
}

// tail returns the end of a program's output, enough to see why it failed.
func tail(text []byte) string {
	const most = 4000
	if len(text) > most {
		text = text[len(text)-most:]
	}
	return string(text)
}
