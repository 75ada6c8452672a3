//go:build !unix

package http

import "os"

// lock and locked know no locks of files here: no daemon is said to be absent.
func lock(*os.File) {}

func locked(*os.File) bool { return false }
