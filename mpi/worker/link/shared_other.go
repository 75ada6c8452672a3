//go:build !linux

package link

import (
	"errors"
	"os"
)

// NewShared makes no memory here: packets go by the socket.
func NewShared() (*Shared, *os.File, error) {
	return nil, nil, errors.New("link: this system has no sealed memory to share")
}

// OpenShared is nil here.
func OpenShared(uintptr) *Shared { return nil }

func unmap([]byte) {}
