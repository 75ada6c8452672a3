package attach

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ipfs-mpi/ipfs-mpi/cmd/loader/internal/terminal"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// Files writes the files that the job's ranks wrote into dir, which it makes. Their names came from
// programs on other people's machines: nothing is written outside dir, no link in it is followed,
// nothing hidden is written, and nothing that is there is replaced, unless it is a file and force
// is set. each is told of each file that is there. The error names those that are not.
func Files(ctx context.Context, c Client, job *mpi.Job, dir string, force bool, each func(mpi.JobFile)) error {
	if len(job.Files) == 0 {
		return nil
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	var errs []error
	for _, f := range job.Files {
		if err := fetch(ctx, c, job.ID, f, root, force); err != nil {
			errs = append(errs, fmt.Errorf("%s was not written: %w", terminal.Clean(f.Name, false), err))
			if ctx.Err() != nil {
				break
			}
			continue
		}
		each(f)
	}
	return errors.Join(errs...)
}

func checkName(name string) error {
	switch {
	case !fs.ValidPath(name) || name == "." || strings.Contains(name, `\`):
		return errors.New("its name leads elsewhere")
	case strings.HasPrefix(name, ".") || strings.Contains(name, "/."):
		return errors.New("its name is one of a hidden file")
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return errors.New("its name holds characters that cannot be printed")
	}
	return nil
}

// fetch writes a file below root: whole or not at all.
func fetch(ctx context.Context, c Client, id string, f mpi.JobFile, root *os.Root, force bool) (err error) {
	if err := checkName(f.Name); err != nil {
		return err
	}
	dir, err := openDir(root, path.Dir(f.Name))
	if err != nil {
		return err
	}
	defer dir.Close()
	name := path.Base(f.Name)
	if err := replaceable(dir, name, force); err != nil { // before its bytes come
		return err
	}
	in, err := c.JobFile(ctx, id, f.Name)
	if err != nil {
		return err
	}
	defer in.Close()
	part := ".ipfs-mpi-" + rand.Text() + ".part" // nobody's, and if it is there it stays
	out, err := dir.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if rerr := dir.Remove(part); err == nil && rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
			err = rerr
		}
	}()
	n, err := io.Copy(out, io.LimitReader(in, f.Size+1))
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err == nil && n != f.Size {
		err = fmt.Errorf("%d bytes came, and not %d", n, f.Size)
	}
	if err != nil {
		return err
	}
	return place(dir, part, name, force)
}

// place gives a file its name. Without force it replaces nothing, also if something has come to be
// there since.
func place(dir *os.Root, part, name string, force bool) error {
	if force {
		if err := replaceable(dir, name, force); err != nil {
			return err
		}
		return dir.Rename(part, name)
	}
	err := dir.Link(part, name)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		if why := replaceable(dir, name, force); why != nil {
			return why
		}
		return err // what was there is gone again
	}
	// Not every file system has links.
	mine, err := dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	if err := mine.Close(); err != nil {
		return err
	}
	return dir.Rename(part, name)
}

// replaceable returns nil if nothing of that name is there, or a file that may be replaced.
func replaceable(dir *os.Root, name string, force bool) error {
	there, err := dir.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !there.Mode().IsRegular():
		return fmt.Errorf("there is something of that name that is not a file (%s)", there.Mode())
	case !force:
		return errors.New("there is a file of that name: --force replaces it")
	}
	return nil
}

// openDir opens a directory below root, and makes it. It follows no link, also none that comes to
// be there meanwhile.
func openDir(root *os.Root, name string) (*os.Root, error) {
	dir, err := root.OpenRoot(".")
	if err != nil || name == "." {
		return dir, err
	}
	for part := range strings.SplitSeq(name, "/") {
		next, err := enter(dir, part)
		dir.Close()
		if err != nil {
			return nil, err
		}
		dir = next
	}
	return dir, nil
}

func enter(dir *os.Root, name string) (*os.Root, error) {
	if err := dir.Mkdir(name, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	there, err := dir.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !there.IsDir() {
		return nil, fmt.Errorf("%s is not a directory (%s)", terminal.Clean(name, false), there.Mode())
	}
	next, err := dir.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	opened, err := next.Stat(".")
	if err == nil && !os.SameFile(there, opened) {
		err = fmt.Errorf("%s is not the directory that it was", terminal.Clean(name, false))
	}
	if err != nil {
		next.Close()
		return nil, err
	}
	return next, nil
}
