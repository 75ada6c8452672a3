package http

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// ErrInterrupted means that the connection ended before the job did. The events after the last one
// received can be requested again.
var ErrInterrupted = errors.New("http: the connection to the node broke")

const (
	maxEvent = 32 << 20      // bytes of one event
	silence  = 3 * heartbeat // after which a connection counts as broken
)

// JobEvents calls each for the job's events after that sequence number, as they come, from one
// goroutine. It returns nil after the job's last event, the error of each, ctx's error, or one that
// wraps [ErrInterrupted].
func (c *Client) JobEvents(ctx context.Context, id string, after uint64, each func(mpi.JobEvent) error) error {
	path, err := jobPath(id, "events")
	if err != nil {
		return err
	}
	reading, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	res, err := c.do(reading, http.MethodGet, path+"?after="+strconv.FormatUint(after, 10), nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if err := expect(res, http.StatusOK, http.StatusNoContent); err != nil || res.StatusCode == http.StatusNoContent {
		return err
	}
	quiet := time.AfterFunc(silence, func() { cancel(fmt.Errorf("nothing came for %v", silence)) })
	defer quiet.Stop()
	events := &eventReader{r: bufio.NewReaderSize(res.Body, 64<<10), alive: func() { quiet.Reset(silence) }}
	for {
		e, err := events.next()
		switch {
		case err != nil && ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errNoEvent):
			return fmt.Errorf("http: answer of %s%s is not understood: %w", c.base, path, err)
		case err != nil:
			if cause := context.Cause(reading); cause != nil {
				err = cause
			}
			return fmt.Errorf("%w: %w", ErrInterrupted, err)
		}
		quiet.Stop() // each may take its time
		if err := each(e); err != nil {
			return err
		}
		if e.Type == "end" {
			return nil
		}
	}
}

// errNoEvent means that the server sent something that is no event of a job.
var errNoEvent = errors.New("not an event")

var errLong = fmt.Errorf("%w: over %d bytes", errNoEvent, maxEvent)

// eventReader reads server-sent events.
type eventReader struct {
	r     *bufio.Reader
	alive func() // called for each line
	data  []byte
}

// next returns the next event. Fields other than data are skipped, as the format requires.
func (r *eventReader) next() (e mpi.JobEvent, err error) {
	r.data = r.data[:0]
	for {
		r.alive()
		line, err := r.line()
		if err != nil {
			return e, err
		}
		switch data, ok := bytes.CutPrefix(line, []byte("data:")); {
		case len(line) == 0 && len(r.data) > 0:
			if err := e.UnmarshalJSON(bytes.TrimRight(r.data, "\n")); err != nil {
				return e, fmt.Errorf("%w: %w", errNoEvent, err)
			}
			return e, nil
		case ok && len(r.data)+len(data) > maxEvent:
			return e, errLong
		case ok:
			r.data = append(append(r.data, bytes.TrimPrefix(data, []byte(" "))...), '\n')
		}
	}
}

func (r *eventReader) line() ([]byte, error) {
	var long []byte
	for {
		part, err := r.r.ReadSlice('\n')
		switch {
		case err == nil && long == nil:
			return bytes.TrimRight(part, "\r\n"), nil
		case err == bufio.ErrBufferFull && len(long) <= maxEvent:
			long = append(long, part...)
			r.alive()
			continue
		case err == nil:
			return bytes.TrimRight(append(long, part...), "\r\n"), nil
		case err == bufio.ErrBufferFull:
			err = errLong
		case err == io.EOF:
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
}
