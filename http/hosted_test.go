package http

import (
	"errors"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// What jobs of other nodes have here goes through the client as it is, with what their process
// takes, and can be ended; only with the token.
func TestHosted(t *testing.T) {
	s := serve(t, newFake(t), Config{Token: "sesame"})
	c := client(t, s, "sesame")
	list, err := c.Hosted(t.Context())
	if err != nil || list.Started != 3 || len(list.Jobs) != 1 || list.Jobs[0].ID != hosted1 || list.Jobs[0].CPU != 2.5 || list.Jobs[0].Memory != 31<<20 {
		t.Errorf("%+v, %v", list, err)
	}
	if err := c.EndHosted(t.Context(), hosted1); err != nil {
		t.Error(err)
	}
	var e *mpi.Error
	for _, id := range []string{job1, "..", "a/b"} {
		if err := c.EndHosted(t.Context(), id); !errors.As(err, &e) || e.Code != mpi.CodeNotFound && e.Code != mpi.CodeInvalid {
			t.Errorf("%s: %v", id, err)
		}
	}
	stranger := client(t, s, "guess")
	if _, err := stranger.Hosted(t.Context()); err == nil {
		t.Error("it is told without the token")
	}
	if err := stranger.EndHosted(t.Context(), hosted1); err == nil {
		t.Error("it is ended without the token")
	}
}
