package handler_test

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/ipfs-mpi/ipfs-mpi/sdk/handler"
)

// greet answers every message. The program is: func main() { handler.Main(greet) }
func greet(in handler.Message, env handler.Env) ([]handler.Message, error) {
	return []handler.Message{in.Reply([]byte("hello, this is " + env.Host))}, nil
}

// In tests Run takes the place of Main.
func ExampleRun() {
	in := `{"Pid":11,"messages":[{"Pid":11,"To":"here","From":"there","Data":[104,105]}]}`
	out, err := handler.Run([]byte(in), handler.Env{Host: "here", Origin: "there"}, greet)
	fmt.Println(err)
	fmt.Println(string(out))
	// Output:
	// <nil>
	// {"Pid":11,"messages":[{"Pid":11,"To":"there","Data":[104,101,108,108,111,44,32,116,104,105,115,32,105,115,32,104,101,114,101]}]}
}

// A handler may send to any peer of the pool. This one sends its data to all others and the number
// of them to the origin.
func ExampleFunc() {
	spread := func(in handler.Message, env handler.Env) ([]handler.Message, error) {
		if len(env.Peers) == 0 {
			return nil, errors.New("spread: nobody else is in the pool")
		}
		out := []handler.Message{{To: env.Origin, Data: []byte(strconv.Itoa(len(env.Peers)))}}
		for _, peer := range env.Peers {
			out = append(out, handler.Message{To: peer, Data: in.Data})
		}
		return out, nil
	}
	in := handler.Message{From: "origin", Data: []byte("news")}
	out, _ := spread(in, handler.Env{Host: "a", Origin: "origin", Peers: []string{"b", "c"}})
	for _, m := range out {
		fmt.Printf("to %s: %s\n", m.To, m.Data)
	}
	_, err := spread(in, handler.Env{Host: "a", Origin: "origin"})
	fmt.Println(err)
	// Output:
	// to origin: 2
	// to b: news
	// to c: news
	// spread: nobody else is in the pool
}

// An answer to the sender of a message.
func ExampleMessage_Reply() {
	in := handler.Message{Pid: 7, To: "here", From: "there", Data: []byte("ping")}
	out := in.Reply([]byte("pong"))
	fmt.Printf("to %s: %s\n", out.To, out.Data)
	// Output: to there: pong
}
