// Relay sends a message through the peers that its data lists, one after the other, and then to the
// origin with the list of the peers that it passed.
//
// Data from the origin is "hops\npayload", the answer "trail\npayload": hops and trail are peer IDs
// with spaces between, the payload any bytes. Between peers a message is onItsWay and "hops to
// come\ntrail so far\npayload".
package main

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/sdk/handler"
)

// onItsWay begins what one relay sends another. The sender cannot be used for that: if the origin's
// own relay was the first, messages between relays come from the origin too.
const onItsWay = "\x00relay\n"

func main() { handler.Main(relay) }

func relay(in handler.Message, env handler.Env) ([]handler.Message, error) {
	var hops, trail []string
	payload, moving := bytes.CutPrefix(in.Data, []byte(onItsWay))
	if moving {
		lines := bytes.SplitN(payload, []byte("\n"), 3)
		if len(lines) != 3 {
			return nil, errors.New("relay: the data from " + in.From + " is not that of a message on its way")
		}
		hops, trail, payload = strings.Fields(string(lines[0])), strings.Fields(string(lines[1])), lines[2]
	} else {
		var line []byte
		line, payload, _ = bytes.Cut(payload, []byte("\n"))
		var err error
		if hops, err = way(strings.Fields(string(line)), env); err != nil {
			return nil, err
		}
	}
	trail = append(trail, env.Host)

	// A hop is removed from the list before the message goes to it, so every way ends, however the
	// list spells its peers.
	if len(hops) == 0 {
		return []handler.Message{{To: env.Origin, Data: []byte(strings.Join(trail, " ") + "\n" + string(payload))}}, nil
	}
	data := onItsWay + strings.Join(hops[1:], " ") + "\n" + strings.Join(trail, " ") + "\n" + string(payload)
	return []handler.Message{{To: hops[0], Data: []byte(data)}}, nil
}

// way is the remaining hops, with the next one first. The list may begin with this peer and end
// with the origin. It cannot pass through the origin, because a message to the origin is an answer.
func way(hops []string, env handler.Env) ([]string, error) {
	if len(hops) > 0 && hops[0] == env.Host {
		hops = hops[1:]
	}
	if len(hops) > 0 && hops[len(hops)-1] == env.Origin {
		hops = hops[:len(hops)-1]
	}
	if slices.Contains(hops, env.Origin) {
		return nil, errors.New("relay: the origin " + env.Origin + " cannot be in the middle of the way: a message to it is an answer; leave it out of the hops")
	}
	return hops, nil
}
