//go:build !unix

package codecache

import "io/fs"

// exposed is false: there are no such bits. The directory is below the user's own.
func exposed(fs.FileInfo) bool { return false }
