package main

import (
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/sdk/handler"
)

func TestRelay(t *testing.T) {
	for name, tc := range map[string]struct{ origin, first, data, answer string }{
		"straight home":            {"O", "A", "\nhello", "A\nhello"},
		"no line at all":           {"O", "A", "", "A\n"},
		"no payload":               {"O", "A", "B", "A B\n"},
		"two":                      {"O", "A", "B C\nhello", "A B C\nhello"},
		"lists the first":          {"O", "A", "A B C\nhello", "A B C\nhello"},
		"ends at the origin":       {"O", "A", "B O\nhello", "A B\nhello"},
		"begins at the origin":     {"O", "O", "B C\nhello", "O B C\nhello"},
		"lists the origin twice":   {"O", "O", "O B O\nhello", "O B\nhello"},
		"circles":                  {"O", "A", "B A B A\nx", "A B A B A\nx"},
		"stays":                    {"O", "A", "A A A\nx", "A A A\nx"},
		"a payload with lines":     {"O", "A", "B\none\ntwo\n\n", "A B\none\ntwo\n\n"},
		"a payload that is binary": {"O", "A", "B\n\x00\xff\n", "A B\n\x00\xff\n"},
	} {
		t.Run(name, func(t *testing.T) {
			in := handler.Message{From: tc.origin, To: tc.first, Data: []byte(tc.data)}
			for range 10 {
				out, err := relay(in, handler.Env{Host: in.To, Origin: tc.origin})
				if err != nil || len(out) != 1 {
					t.Fatalf("at %s: %v, %v", in.To, out, err)
				}
				if out[0].To == tc.origin {
					if string(out[0].Data) != tc.answer {
						t.Errorf("got %q, want %q", out[0].Data, tc.answer)
					}
					return
				}
				in = handler.Message{From: in.To, To: out[0].To, Data: out[0].Data}
			}
			t.Error("not home after 10 hops")
		})
	}
}

func TestRelayRefuses(t *testing.T) {
	for name, tc := range map[string]struct{ from, data, say string }{
		"the origin in the middle": {"O", "B O C\nx", "middle"},
		"the origin in front":      {"O", "O C\nx", "middle"},
		"a message with no trail":  {"B", onItsWay + "C\n", "on its way"},
	} {
		out, err := relay(handler.Message{From: tc.from, To: "A", Data: []byte(tc.data)}, handler.Env{Host: "A", Origin: "O"})
		if err == nil || !strings.Contains(err.Error(), tc.say) {
			t.Errorf("%s: got %v, %v", name, out, err)
		}
	}
}
