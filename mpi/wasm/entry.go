package wasm

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A file of the cache:
//
//	|magic, 8 bytes|SHA-256 of the code, 32 bytes|its length, u64 big-endian|code|
const (
	entryMagic  = "mpicode\x01"
	entryHeader = len(entryMagic) + sha256.Size + 8
	maxEntry    = 1 << 30
)

func writeEntry(w io.Writer, code []byte) error {
	head := make([]byte, 0, entryHeader)
	head = append(head, entryMagic...)
	sum := sha256.Sum256(code)
	head = append(head, sum[:]...)
	head = binary.BigEndian.AppendUint64(head, uint64(len(code)))
	if _, err := w.Write(head); err != nil {
		return err
	}
	_, err := w.Write(code)
	return err
}

// readEntry returns the code of a file of that size, or an error for one that is not
// exactly what writeEntry wrote.
func readEntry(r io.Reader, size int64) ([]byte, error) {
	if size < int64(entryHeader) || size > maxEntry {
		return nil, fmt.Errorf("%d bytes are no entry", size)
	}
	all := make([]byte, size)
	if _, err := io.ReadFull(r, all); err != nil {
		return nil, err
	}
	head, code := all[:entryHeader], all[entryHeader:]
	sum := sha256.Sum256(code)
	switch {
	case !bytes.HasPrefix(head, []byte(entryMagic)):
		return nil, errors.New("it is of another kind")
	case binary.BigEndian.Uint64(head[entryHeader-8:]) != uint64(len(code)):
		return nil, errors.New("it is cut off")
	case !bytes.Equal(head[len(entryMagic):len(entryMagic)+sha256.Size], sum[:]):
		return nil, errors.New("it is damaged: its hash is another")
	}
	return code, nil
}
