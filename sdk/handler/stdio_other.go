//go:build !wasip1

package handler

import (
	"io"
	"os"
)

// Outside of WebAssembly a handler is an ordinary program that can be tried in a shell:
//
//	MPI_HOST=a MPI_ORIGIN=b go run ./interpreters/echo/1.1.0 <message.json

var (
	stdout = os.Stdout
	stderr = os.Stderr
)

func getenv(key string) string { return os.Getenv(key) }

func exit(code int) { os.Exit(code) }

func readAll() ([]byte, error) { return io.ReadAll(os.Stdin) }

func writeAll(f *os.File, data []byte) error {
	_, err := f.Write(data)
	return err
}
