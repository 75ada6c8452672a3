package http

import (
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// params are the parameters of a request other than its messages.
type params struct {
	file     string
	expected *int // nil means as many as messages
	timeout  time.Duration
	grace    time.Duration
}

// headerParams reads File, Expected, Timeout and Grace.
func headerParams(h http.Header) (params, error) {
	var p params
	var err error
	if p.file, _, err = one(h, "File"); err != nil {
		return p, err
	}
	if v, ok, err := one(h, "Expected"); err != nil {
		return p, err
	} else if ok {
		n, err := strconv.Atoi(v)
		if err != nil {
			return p, mpi.Errorf(mpi.CodeInvalid, "Expected is %q: it must be a whole number, the answers to wait for; leave it out for one of each message", clip(v))
		}
		if p.expected, err = checkExpected(int64(n)); err != nil {
			return p, err
		}
	}
	if v, ok, err := one(h, "Timeout"); err != nil {
		return p, err
	} else if ok {
		if p.timeout, err = parseTimeout(v); err != nil {
			return p, err
		}
	}
	if v, ok, err := one(h, "Grace"); err != nil {
		return p, err
	} else if ok {
		if p.grace, err = parseGrace(v); err != nil {
			return p, err
		}
	}
	return p, nil
}

// one returns a header that may be given once.
func one(h http.Header, name string) (v string, ok bool, err error) {
	values := h.Values(name)
	switch len(values) {
	case 0:
		return "", false, nil
	case 1:
		return strings.TrimSpace(values[0]), true, nil
	}
	return "", false, mpi.Errorf(mpi.CodeInvalid, "the header %s is there %d times: send it once", name, len(values))
}

func checkExpected(n int64) (*int, error) {
	if n < 0 || n > math.MaxInt32 {
		return nil, mpi.Errorf(mpi.CodeInvalid, "Expected is %d: it must be from 0 to %d", n, math.MaxInt32)
	}
	v := int(n)
	return &v, nil
}

// parseTimeout is [mpi.ParseSpan] with the bounds of a request.
func parseTimeout(s string) (time.Duration, error) {
	d, err := mpi.ParseSpan(s)
	if err != nil {
		return 0, mpi.Errorf(mpi.CodeInvalid, "Timeout is %v", err)
	}
	if d <= 0 || d > mpi.MaxTimeout {
		return 0, mpi.Errorf(mpi.CodeInvalid, "Timeout is %q: it must be more than 0 and at most %v", clip(s), mpi.MaxTimeout)
	}
	return d, nil
}

func parseGrace(s string) (time.Duration, error) {
	d, err := mpi.ParseSpan(s)
	if err != nil {
		return 0, mpi.Errorf(mpi.CodeInvalid, "Grace is %v", err)
	}
	if d < mpi.MinGrace || d > mpi.MaxGrace {
		return 0, mpi.Errorf(mpi.CodeInvalid, "Grace is %q: it must be from %v to %v", clip(s), mpi.MinGrace, mpi.MaxGrace)
	}
	return d, nil
}

// flag reads a flag of the query: its name alone, or with a boolean.
func flag(q url.Values, name string) (bool, error) {
	if !q.Has(name) || q.Get(name) == "" {
		return q.Has(name), nil
	}
	v, err := strconv.ParseBool(q.Get(name))
	if err != nil {
		return false, mpi.Errorf(mpi.CodeInvalid, "%s is %q: it must be true or false", name, clip(q.Get(name)))
	}
	return v, nil
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
