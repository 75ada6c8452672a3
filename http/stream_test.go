package http

import (
	"context"
	"net/http/httptest"
	"os"
	"testing"
	"time"
)

// stuckWriter is a client that reads nothing: Flush waits until a deadline for it is set.
type stuckWriter struct {
	*httptest.ResponseRecorder
	deadline chan time.Time
}

func (w *stuckWriter) SetWriteDeadline(t time.Time) error {
	if !t.IsZero() {
		w.deadline <- t
	}
	return nil
}

func (w *stuckWriter) FlushError() error {
	<-w.deadline
	return os.ErrDeadlineExceeded
}

// A client that follows a job may take its time, but not once the stream has ended.
func TestFollowerWhoReadsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := &stuckWriter{httptest.NewRecorder(), make(chan time.Time, 8)}
	st := &stream{s: New(newFake(t), Config{}), w: w, waits: true, ctx: ctx}
	ended := make(chan error, 1)
	go func() { ended <- st.put([]byte("x")) }()
	cancel()
	select {
	case err := <-ended:
		if err != os.ErrDeadlineExceeded {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it waits without a deadline")
	}
}
