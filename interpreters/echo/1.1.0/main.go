// Echo answers each message with its own data, as echo/1.0.0 does, and writes one line about it
// to its log.
package main

import (
	"strconv"

	"github.com/ipfs-mpi/ipfs-mpi/sdk/handler"
)

func main() { handler.Main(echo) }

func echo(in handler.Message, _ handler.Env) ([]handler.Message, error) {
	// println goes to standard error
	println("echo: " + strconv.Itoa(len(in.Data)) + " bytes from " + in.From)
	return []handler.Message{in.Reply(in.Data)}, nil
}
