package embedded

import (
	"errors"
	"io"
	"io/fs"
	"testing"
)

// A build has a worker that is an executable, or says how to get one.
func TestOpen(t *testing.T) {
	_, there := fs.Stat(files, "image/worker.zst")
	r, err := Open()
	if there != nil {
		if !errors.Is(err, ErrMissing) {
			t.Fatalf("without an image: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	image, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if len(image) < 1<<20 {
		t.Errorf("the worker has %d bytes", len(image))
	}
}
