//go:build !unix

package process

import "testing"

const guestGuard = 4096

func newMemory(*testing.T) []byte { return make([]byte, guestMemory, guestLimit) }
