package wasm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// logged is a runtime over a cache and what it logs.
func logged(t *testing.T, cfg Config) (*Runtime, *bytes.Buffer) {
	var log bytes.Buffer
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	r := New(cfg)
	t.Cleanup(func() { r.Close() })
	return r, &log
}

// runCat compiles the cat under that key, runs it, and waits until the cache is written.
func runCat(t *testing.T, cfg Config, key string) (log string) {
	t.Helper()
	r, buf := logged(t, cfg)
	p, err := r.Compile(t.Context(), key, assemble(t, catWAT))
	if err != nil {
		t.Fatal(err)
	}
	x := execLimits()
	x.Stdin = []byte("meow")
	if out := p.Run(context.Background(), x); string(out.Stdout) != "meow" {
		t.Errorf("Reason %q, Detail %q", out.Reason, out.Detail)
	}
	p.Close()
	r.Close()
	return buf.String()
}

func entries(t *testing.T, dir string) (paths []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		paths = append(paths, filepath.Join(dir, d.Name()))
	}
	return paths
}

func TestCache(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	cfg := Config{CacheDir: dir}
	if log := runCat(t, cfg, "bafy/../run.wasm"); log != "" {
		t.Errorf("log: %s", log)
	}
	list := entries(t, dir)
	if len(list) != 1 || !strings.HasPrefix(filepath.Base(list[0]), "bafy____run_wasm-") {
		t.Fatalf("files %q", list)
	}
	for path, mode := range map[string]os.FileMode{dir: 0o700 | os.ModeDir, list[0]: 0o600} {
		if info, _ := os.Stat(path); info.Mode() != mode {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
	}
	old := time.Now().Add(-time.Hour)
	os.Chtimes(list[0], old, old)
	content, _ := os.ReadFile(list[0])
	if log := runCat(t, cfg, "bafy/../run.wasm"); log != "" {
		t.Errorf("log: %s", log)
	}
	again, _ := os.ReadFile(list[0])
	if info, _ := os.Stat(list[0]); !bytes.Equal(content, again) || !info.ModTime().After(old.Add(time.Minute)) {
		t.Error("it was not taken from the cache, or the use was not noted")
	}
	if runCat(t, cfg, "other"); len(entries(t, dir)) != 2 {
		t.Errorf("files %q", entries(t, dir))
	}
}

// TestCacheHit shows that what is in the cache is what runs: another program's code is put
// where this one's would be.
func TestCacheHit(t *testing.T) {
	dir := t.TempDir()
	os.Chmod(dir, 0o700)
	r, _ := logged(t, Config{CacheDir: dir})
	other := compile(t, r, mainWAT("(call $exit (i32.const 33))"))
	image, err := other.(*program).code.module.Serialize()
	if err != nil {
		t.Fatal(err)
	}
	bin := assemble(t, mainWAT("(call $exit (i32.const 44))"))
	id := codeID{"k", sha256.Sum256(bin)}
	if err := r.cache.write(r.cache.path(id), image); err != nil {
		t.Fatal(err)
	}
	p, err := r.Compile(t.Context(), "k", bin)
	if err != nil {
		t.Fatal(err)
	}
	if out := p.Run(context.Background(), execLimits()); out.Exit != 33 {
		t.Errorf("exit %d: it was compiled", out.Exit)
	}
}

// TestCacheDamage damages the file in every way: it is found out, compiled again and replaced.
func TestCacheDamage(t *testing.T) {
	dir := t.TempDir()
	os.Chmod(dir, 0o700)
	cfg := Config{CacheDir: dir}
	runCat(t, cfg, "k")
	path := entries(t, dir)[0]
	good, _ := os.ReadFile(path)
	flip := func(i int) []byte {
		b := bytes.Clone(good)
		b[i] ^= 1
		return b
	}
	foreign := new(bytes.Buffer)
	writeEntry(foreign, []byte("well kept, but no code of this engine"))
	for name, tt := range map[string]struct {
		content []byte
		mode    os.FileMode
		want    string
	}{
		"empty":       {nil, 0o600, "no entry"},
		"short":       {good[:20], 0o600, "no entry"},
		"cut off":     {good[:len(good)-1], 0o600, "cut off"},
		"longer":      {append(bytes.Clone(good), 0), 0o600, "cut off"},
		"magic":       {flip(0), 0o600, "another kind"},
		"hash":        {flip(10), 0o600, "damaged"},
		"code":        {flip(len(good) / 2), 0o600, "damaged"},
		"foreign":     {foreign.Bytes(), 0o600, "refused by the engine"},
		"open to all": {good, 0o666, "only its owner can write"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, tt.content, 0o600); err != nil {
				t.Fatal(err)
			}
			os.Chmod(path, tt.mode)
			if log := runCat(t, cfg, "k"); !strings.Contains(log, tt.want) {
				t.Errorf("log: %s", log)
			}
			if log := runCat(t, cfg, "k"); log != "" {
				t.Errorf("it was not replaced: %s", log)
			}
			if now, _ := os.ReadFile(path); len(now) != len(good) || len(entries(t, dir)) != 1 {
				t.Errorf("files %q, %d bytes", entries(t, dir), len(now))
			}
		})
	}
}

func TestCacheThatFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	os.WriteFile(file, nil, 0o600)
	exposed := t.TempDir()
	os.Chmod(exposed, 0o777)
	for name, dir := range map[string]string{"a file": file, "below a file": filepath.Join(file, "dir"), "exposed": exposed} {
		if log := runCat(t, Config{CacheDir: dir}, "k"); !strings.Contains(log, "cannot be kept") {
			t.Errorf("%s: log: %s", name, log)
		}
	}
	if list := entries(t, exposed); len(list) != 0 {
		t.Errorf("wrote %q into a directory that others can write", list)
	}
	small := filepath.Join(t.TempDir(), "small")
	if log := runCat(t, Config{CacheDir: small, CacheSize: 100}, "k"); !strings.Contains(log, "more than the cache may hold") {
		t.Errorf("log: %s", log)
	}
}

func TestCachePrune(t *testing.T) {
	dir := t.TempDir()
	os.Chmod(dir, 0o700)
	cfg := Config{CacheDir: dir}
	runCat(t, cfg, "one")
	first := entries(t, dir)[0]
	info, _ := os.Stat(first)
	cfg.CacheSize = info.Size()*2 + info.Size()/2
	age := func(path string, d time.Duration) {
		when := time.Now().Add(-d)
		os.Chtimes(path, when, when)
	}
	age(first, 2*time.Hour)
	runCat(t, cfg, "two")
	for _, path := range entries(t, dir) {
		if path != first {
			age(path, 3*time.Hour) // the least recently used now
		}
	}
	for name, d := range map[string]time.Duration{"old.tmp": 2 * tempAge, "new.tmp": 0, "another's": 100 * time.Hour} {
		path := filepath.Join(dir, name)
		os.WriteFile(path, make([]byte, 1<<20), 0o600)
		age(path, d)
	}
	runCat(t, cfg, "three")
	var names []string
	for _, path := range entries(t, dir) {
		names = append(names, strings.SplitN(filepath.Base(path), "-", 2)[0])
	}
	if got := strings.Join(names, " "); got != "another's new.tmp one three" {
		t.Errorf("left: %s", got)
	}
}

// TestCacheShared has several runtimes, as processes would, use one directory at once.
func TestCacheShared(t *testing.T) {
	dir := t.TempDir()
	os.Chmod(dir, 0o700)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 3 {
				if log := runCat(t, Config{CacheDir: dir}, "k"); log != "" {
					t.Errorf("log: %s", log)
				}
			}
		})
	}
	wg.Wait()
	if list := entries(t, dir); len(list) != 1 {
		t.Errorf("files %q", list)
	}
}

func FuzzReadEntry(f *testing.F) {
	var good bytes.Buffer
	writeEntry(&good, []byte("code"))
	f.Add(good.Bytes())
	f.Add([]byte{})
	f.Add(good.Bytes()[:entryHeader])
	f.Fuzz(func(t *testing.T, in []byte) {
		code, err := readEntry(bytes.NewReader(in), int64(len(in)))
		if err != nil {
			return
		}
		var out bytes.Buffer
		writeEntry(&out, code)
		if !bytes.Equal(in, out.Bytes()) {
			t.Errorf("accepted %x", in)
		}
	})
}
