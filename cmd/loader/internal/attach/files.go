package attach

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"unicode"

	"github.com/ipfs-mpi/ipfs-mpi/cmd/loader/internal/terminal"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// Files writes the files that the job's ranks wrote into dir, which it makes. Their names came from
// programs on other people's machines: nothing is written outside dir, whatever links there are in
// it, nothing that is not a file is replaced, and nothing hidden is written. each is told of each
// file that is there. The error names those that are not.
func Files(ctx context.Context, c Client, job *mpi.Job, dir string, each func(mpi.JobFile)) error {
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
		if err := fetch(ctx, c, job.ID, f, root); err != nil {
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
	case strings.ContainsFunc(name, unicode.IsControl):
		return errors.New("its name holds control characters")
	}
	return nil
}

func fetch(ctx context.Context, c Client, id string, f mpi.JobFile, root *os.Root) (err error) {
	if err := checkName(f.Name); err != nil {
		return err
	}
	if err := root.MkdirAll(path.Dir(f.Name), 0o777); err != nil {
		return err
	}
	if there, err := root.Lstat(f.Name); err == nil && !there.Mode().IsRegular() {
		return fmt.Errorf("there is something of that name that is not a file (%s)", there.Mode())
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	in, err := c.JobFile(ctx, id, f.Name)
	if err != nil {
		return err
	}
	defer in.Close()
	// Whole or not at all, and never through a link that comes to be there.
	part := path.Join(path.Dir(f.Name), "."+path.Base(f.Name)+".part")
	if err := root.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	out, err := root.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			root.Remove(part)
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
	return root.Rename(part, f.Name)
}
