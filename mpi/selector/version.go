package selector

import (
	"fmt"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// ValidVersion returns s if it is a semantic version (semver.org, 2.0.0) of at most
// [mpi.MaxVersionLen] bytes: three numbers, optionally a pre-release and build metadata, no leading
// v. Each version has only one spelling.
func ValidVersion(s string) (string, error) {
	if _, err := parseVersion(s); err != nil {
		return "", err
	}
	return s, nil
}

func parseVersion(s string) (*semver.Version, error) {
	if len(s) > mpi.MaxVersionLen {
		return nil, fmt.Errorf("version %q… is %d bytes long: at most %d are accepted", s[:32], len(s), mpi.MaxVersionLen)
	}
	v, err := semver.StrictNewVersion(s)
	if err != nil || v.String() != s {
		return nil, fmt.Errorf("version %q is not a semantic version such as 1.0.0 or 1.1.0-rc.1", s)
	}
	return v, nil
}

// Compare orders versions: negative if a is older than b, 0 only if they are the same text. An
// invalid version is older than any version. Build metadata, for which Semantic Versioning defines
// no order, is compared as text.
func Compare(a, b string) int {
	va, errA := parseVersion(a)
	vb, errB := parseVersion(b)
	switch {
	case errA != nil && errB == nil:
		return -1
	case errA == nil && errB != nil:
		return 1
	case errA == nil && errB == nil:
		if c := va.Compare(vb); c != 0 {
			return c
		}
	}
	return strings.Compare(a, b)
}

// Less reports whether version a is older than b, in the order of [Compare].
func Less(a, b string) bool { return Compare(a, b) < 0 }
