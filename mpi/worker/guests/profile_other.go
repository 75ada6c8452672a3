//go:build !linux

package guests

import (
	"errors"
	"time"
)

func setProfileTimer(time.Duration) error { return errors.ErrUnsupported }
