package wasm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/codecache"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// logged is a runtime over a cache and what it logs.
func logged(t *testing.T, cfg Config) (*Runtime, *bytes.Buffer) {
	var log bytes.Buffer
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	r := New(cfg)
	t.Cleanup(func() { r.Close() })
	return r, &log
}

// namedCat is a program like the cat, of that name.
func namedCat(t *testing.T, name string) []byte {
	return assemble(t, strings.TrimSuffix(catWAT, ")")+fmt.Sprintf("(data (i32.const 9000) %q))", name))
}

// runCat compiles the cat of that name, runs it, and waits until the cache is written.
func runCat(t *testing.T, cfg Config, name string) (log string) {
	t.Helper()
	r, buf := logged(t, cfg)
	p, err := r.Compile(t.Context(), namedCat(t, name))
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
	if log := runCat(t, cfg, "one"); log != "" {
		t.Errorf("log: %s", log)
	}
	list := entries(t, dir)
	if len(list) != 1 {
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
	if log := runCat(t, cfg, "one"); log != "" {
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

// putEntry writes the code of another program into the cache as that of bin.
func putEntry(t *testing.T, r *Runtime, bin []byte, other exec.Program) {
	t.Helper()
	l := other.(*program).code.pooled
	if l == nil {
		l = other.(*program).code.other
	}
	image, err := l.module.Serialize()
	if err != nil {
		t.Fatal(err)
	}
	k := r.cache.key(sha256.Sum256(bin))
	if err := r.cache.write(r.cache.path(k), k, image); err != nil {
		t.Fatal(err)
	}
}

// TestCacheHit shows that what is in the cache is what runs: another program's code is put
// where this one's would be.
func TestCacheHit(t *testing.T) {
	r, _ := logged(t, Config{CacheDir: filepath.Join(t.TempDir(), "cache"), HandlerSlots: 1})
	bin := assemble(t, mainWAT("(call $exit (i32.const 44))"))
	putEntry(t, r, bin, compile(t, r, mainWAT("(call $exit (i32.const 33))")))
	p, err := r.Compile(t.Context(), bin)
	if err != nil {
		t.Fatal(err)
	}
	if out := p.Run(context.Background(), execLimits()); out.Exit != 33 {
		t.Errorf("exit %d: it was compiled", out.Exit)
	}
}

// TestCacheNoLink: code that the engine takes and that cannot be linked is compiled again.
func TestCacheNoLink(t *testing.T) {
	r, log := logged(t, Config{CacheDir: filepath.Join(t.TempDir(), "cache")})
	bin := assemble(t, mainWAT("(call $exit (i32.const 44))"))
	other := compile(t, r, `(module
	  (import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))
	  (memory (export "memory") 1) (func (export "_start")))`)
	putEntry(t, r, bin, other)
	p, err := r.Compile(t.Context(), bin)
	if err != nil {
		t.Fatal(err)
	}
	if out := p.Run(context.Background(), execLimits()); out.Exit != 44 {
		t.Errorf("exit %d", out.Exit)
	}
	if !strings.Contains(log.String(), "refused by the engine") {
		t.Errorf("log: %s", log)
	}
}

// TestCacheRenamed renames the file of one program to that of another: it is not run as that one.
func TestCacheRenamed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	cfg := Config{CacheDir: dir}
	runCat(t, cfg, "one")
	one := entries(t, dir)[0]
	code, _ := os.ReadFile(one)
	r, _ := logged(t, cfg)
	two := r.cache.path(r.cache.key(sha256.Sum256(namedCat(t, "two"))))
	if err := os.Rename(one, two); err != nil {
		t.Fatal(err)
	}
	if log := runCat(t, cfg, "two"); !strings.Contains(log, "another program") {
		t.Errorf("log: %s", log)
	}
	if now, _ := os.ReadFile(two); len(entries(t, dir)) != 1 || bytes.Equal(now, code) {
		t.Errorf("files %q: it was not replaced", entries(t, dir))
	}
	if r.cache.host = "another engine"; r.cache.path(r.cache.key(codeID{})) == newCache(dir, 0, nil).path(newCache(dir, 0, nil).key(codeID{})) {
		t.Error("engines share files")
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
	k := cacheKey(good[entryKey:entryLength])
	foreign := new(bytes.Buffer)
	writeEntry(foreign, k, []byte("well kept, but no code of this engine"))
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
		"open to all": {good, 0o666, "only this user can write"},
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

// A directory that others can read is closed to them.
func TestCacheIsClosed(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if log := runCat(t, Config{CacheDir: dir}, "k"); log != "" {
		t.Errorf("log: %s", log)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory has mode %v (%v), want 0700", info.Mode(), err)
	}
}

// Nothing of another user is taken or written to, whatever its mode. Only root can test it.
func TestCacheOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("giving a file to another user needs root")
	}
	const nobody = 65534
	dir := t.TempDir()
	cfg := Config{CacheDir: dir}
	runCat(t, cfg, "k")
	entry := entries(t, dir)[0]
	if err := os.Chown(entry, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	if log := runCat(t, cfg, "k"); !strings.Contains(log, "only this user can write") {
		t.Errorf("an entry of another user: log: %s", log)
	}
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	if log := runCat(t, cfg, "k"); !strings.Contains(log, "cannot be used") {
		t.Errorf("a directory of another user: log: %s", log)
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
	for name, d := range map[string]time.Duration{"old.tmp": 2 * time.Hour, "new.tmp": 0, "another's": 100 * time.Hour} {
		path := filepath.Join(dir, name)
		os.WriteFile(path, make([]byte, 1<<20), 0o600)
		age(path, d)
	}
	runCat(t, cfg, "three")
	var left []string
	for _, path := range entries(t, dir) {
		switch name := filepath.Base(path); {
		case path == first:
			left = append(left, "one")
		case strings.HasSuffix(name, codecache.Suffix):
			left = append(left, "code")
		default:
			left = append(left, name)
		}
	}
	slices.Sort(left)
	if got := strings.Join(left, " "); got != "another's code new.tmp one" {
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
	writeEntry(&good, cacheKey{1}, []byte("code"))
	f.Add(good.Bytes())
	f.Add([]byte{})
	f.Add(good.Bytes()[:entryHeader])
	f.Fuzz(func(t *testing.T, in []byte) {
		code, err := readEntry(bytes.NewReader(in), int64(len(in)), cacheKey{1})
		if err != nil {
			return
		}
		var out bytes.Buffer
		writeEntry(&out, cacheKey{1}, code)
		if !bytes.Equal(in, out.Bytes()) {
			t.Errorf("accepted %x", in)
		}
	})
}
