package atomicfile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func parse(data []byte) error {
	if !bytes.HasPrefix(data, []byte("good")) {
		return errors.New("it is not good")
	}
	return nil
}

// What cannot be used is set aside as it was, however often, and a new file takes its place.
func TestLoadSetsAside(t *testing.T) {
	const limit = 1 << 10
	write := func(text string) func(*testing.T, string) {
		return func(t *testing.T, name string) { must(t, os.WriteFile(name, []byte(text), 0o600)) }
	}
	link := func(to string) func(*testing.T, string) {
		return func(t *testing.T, name string) { must(t, os.Symlink(to, name)) }
	}
	for name, make := range map[string]func(*testing.T, string){
		"empty": write(""), "binary": write("\x00\xff\xfe"), "wrong": write("bad"),
		"huge": func(t *testing.T, name string) {
			write("good")(t, name)
			must(t, os.Truncate(name, 1<<40))
		},
		"too large": write("good" + string(bytes.Repeat([]byte("x"), limit))),
		"directory": func(t *testing.T, name string) {
			must(t, os.Mkdir(name, 0o700))
			write("inside")(t, filepath.Join(name, "file"))
		},
		"pipe":            func(t *testing.T, name string) { must(t, syscall.Mkfifo(name, 0o600)) },
		"link to nowhere": link("nowhere"), "link to itself": link("state"), "link to a directory": link("."),
		"link to a device": link("/dev/zero"),
		"unreadable": func(t *testing.T, name string) {
			if os.Geteuid() == 0 {
				t.Skip("root reads everything")
			}
			must(t, os.WriteFile(name, []byte("good"), 0))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "state")
			for i, aside := range []string{"state.damaged", "state.damaged.2", "state.damaged.3"} {
				make(t, file)
				before, err := os.Lstat(file)
				must(t, err)
				var wrong *DamagedError
				if err := Load(file, limit, parse); !errors.As(err, &wrong) || wrong.Aside != filepath.Join(dir, aside) {
					t.Fatalf("time %d: %v", i, err)
				}
				after, err := os.Lstat(filepath.Join(dir, aside))
				must(t, err)
				if !os.SameFile(before, after) {
					t.Error("aside is another file")
				}
				if err := Load(file, limit, parse); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("then %v", err)
				}
			}
			must(t, Write(file, []byte("good"), 0o600))
			must(t, Load(file, limit, parse))
		})
	}
}

// A link to a file that is good is followed.
func TestLoadFollowsLinks(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "elsewhere"), []byte("good"), 0o600))
	must(t, os.Symlink("elsewhere", filepath.Join(dir, "state")))
	must(t, Load(filepath.Join(dir, "state"), 10, parse))
}

func TestMakeDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	must(t, MakeDir(filepath.Join(dir, "b")))
	must(t, MakeDir(filepath.Join(dir, "b")))
	must(t, os.WriteFile(filepath.Join(dir, "c"), []byte("a file"), 0o600))
	var wrong *DamagedError
	if err := MakeDir(filepath.Join(dir, "c")); !errors.As(err, &wrong) || wrong.Aside != filepath.Join(dir, "c.damaged") {
		t.Errorf("a file in its place: %v", err)
	}
	must(t, MakeDir(filepath.Join(dir, "c")))
	check(t, filepath.Join(dir, "c.damaged"), "a file", 0o600)
	must(t, os.Symlink("nowhere", filepath.Join(dir, "d")))
	if err := MakeDir(filepath.Join(dir, "d")); !errors.As(err, &wrong) || wrong.Aside == "" {
		t.Errorf("a link to nowhere in its place: %v", err)
	}
	if info, err := os.Stat(filepath.Join(dir, "d")); err != nil || !info.IsDir() {
		t.Error(err)
	}
}

// What cannot be set aside is an error, at once.
func TestLoadBelowAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := Load(filepath.Join(file, "state.json"), 1<<10, func([]byte) error { return nil })
	var damaged *DamagedError
	if !errors.As(err, &damaged) || damaged.Aside != "" {
		t.Errorf("error %v", err)
	}
}
