// Package embedded carries the executable of workers (cmd/worker) inside mpi.so and ipfs-mpi, so
// that one file is all there is to install. make build compresses the executable into
// image/worker.zst, which is not kept in the repository.
package embedded

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/klauspost/compress/zstd"
)

//go:embed all:image
var files embed.FS

// MaxSize is how many bytes an executable has at most.
const MaxSize = 256 << 20

// ErrMissing is the error of [Open] in a program that was built without the executable.
var ErrMissing = errors.New("this build has no worker, the process in which programs run: " +
	"build it with make build, which puts the worker into bin/ipfs-mpi and bin/mpi.so")

// Open returns the executable, to be read once. It takes memory while it is read, some 10 MiB.
func Open() (io.ReadCloser, error) {
	f, err := files.Open("image/worker.zst")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrMissing
	}
	if err != nil {
		return nil, err
	}
	z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxSize), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, fmt.Errorf("the worker in this build: %w", err)
	}
	return z.IOReadCloser(), nil
}
