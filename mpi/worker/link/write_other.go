//go:build !unix

package link

// writeOnce writes nothing here: Writer.Run does.
func writeOnce(uintptr, []byte) (int, error) { return 0, nil }
