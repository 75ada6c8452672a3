package wasm

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// cacheKey is the SHA-256 of what code is for: the hash of the module, the engine with its
// settings, and the processor.
type cacheKey [sha256.Size]byte

// A file of the cache. The hash is of all that comes behind it.
//
//	|magic, 8 bytes|SHA-256, 32 bytes|key, 32 bytes|length of the code, u64 big-endian|code|
const (
	entryMagic  = "mpicode\x02"
	entryHash   = len(entryMagic)
	entryKey    = entryHash + sha256.Size
	entryLength = entryKey + len(cacheKey{})
	entryHeader = entryLength + 8
	maxEntry    = 1 << 30
)

func writeEntry(w io.Writer, k cacheKey, code []byte) error {
	head := make([]byte, entryHeader)
	copy(head, entryMagic)
	copy(head[entryKey:], k[:])
	binary.BigEndian.PutUint64(head[entryLength:], uint64(len(code)))
	sum := sha256.New()
	sum.Write(head[entryKey:])
	sum.Write(code)
	sum.Sum(head[entryHash:entryHash])
	if _, err := w.Write(head); err != nil {
		return err
	}
	_, err := w.Write(code)
	return err
}

// readEntry returns the code of a file of that size, or an error for one that is not exactly what
// writeEntry wrote for that key.
func readEntry(r io.Reader, size int64, k cacheKey) ([]byte, error) {
	if size < int64(entryHeader) || size > maxEntry {
		return nil, fmt.Errorf("%d bytes are no entry", size)
	}
	all := make([]byte, size)
	if _, err := io.ReadFull(r, all); err != nil {
		return nil, err
	}
	code := all[entryHeader:]
	sum := sha256.Sum256(all[entryKey:])
	switch {
	case !bytes.HasPrefix(all, []byte(entryMagic)):
		return nil, errors.New("it is of another kind")
	case binary.BigEndian.Uint64(all[entryLength:]) != uint64(len(code)):
		return nil, errors.New("it is cut off")
	case !bytes.Equal(all[entryHash:entryKey], sum[:]):
		return nil, errors.New("it is damaged: its hash is another")
	case !bytes.Equal(all[entryKey:entryLength], k[:]):
		return nil, errors.New("it is for another program, or another engine")
	}
	return code, nil
}
