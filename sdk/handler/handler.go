// Package handler is for handlers in Go: programs, compiled with GOOS=wasip1 GOARCH=wasm, that a
// node runs once for each message.
//
//	func main() { handler.Main(echo) }
//
//	func echo(in handler.Message, env handler.Env) ([]handler.Message, error) {
//		return []handler.Message{in.Reply(in.Data)}, nil
//	}
//
// A handler does not need this package: it reads a JSON document from standard input and writes one
// to standard output (docs/interpreters.md). But most of the time of a small Go handler is the
// start of its runtime and of the packages that it imports; encoding/json alone adds half as much
// again. So this package imports neither encoding/json nor fmt nor os.
//
// Nothing is kept between two messages: each gets a fresh instance. State must travel in Data.
package handler

import "errors"

// Message is one message: the one to handle, or one to send.
type Message struct {
	Pid  int64  // of the request; set automatically in messages to send
	To   string // peer ID
	From string // peer ID of the sender; leave it empty in messages to send
	Data []byte
}

// Reply returns a message with the given data to the sender of m.
func (m Message) Reply(data []byte) Message { return Message{To: m.From, Data: data} }

// Env is what the node tells the handler about where it runs.
type Env struct {
	Host   string   // this node's peer ID
	Origin string   // the peer ID of the node whose API took the request
	Peers  []string // the pool's other members in this node's view; some may be gone by now
}

// Func handles one message and returns the messages to send, none or many, to any peers of the
// pool. A message to env.Origin is an answer and goes to the waiting request. With an error nothing
// is sent: the origin is told that the handler ended with exit code 1, with the error's text as the
// end of its standard error.
type Func func(in Message, env Env) ([]Message, error)

// Main handles the message on standard input. After an error it ends the program with exit code 1.
func Main(f Func) {
	in, err := readAll()
	if err != nil {
		fail(errors.Join(errors.New("handler: reading standard input"), err))
	}
	out, err := Run(in, environment(), f)
	if err != nil {
		fail(err)
	}
	if err := writeAll(stdout, out); err != nil {
		fail(errors.Join(errors.New("handler: writing standard output"), err))
	}
}

// Run is Main without streams, for tests: stdin is the content of standard input, and the result is
// what Main would write to standard output.
func Run(stdin []byte, env Env, f Func) (stdout []byte, err error) {
	pid, messages, err := decode(stdin)
	if err != nil {
		return nil, err
	}
	var out []Message
	for _, m := range messages {
		more, err := f(m, env)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return appendEnvelope(nil, pid, out), nil
}

func fail(err error) {
	writeAll(stderr, []byte(err.Error()+"\n"))
	exit(1)
}

func environment() Env {
	return Env{Host: getenv("MPI_HOST"), Origin: getenv("MPI_ORIGIN"), Peers: fields(getenv("MPI_PEERS"))}
}

// fields is strings.Fields for text with single spaces between words, as nodes write it.
func fields(s string) (words []string) {
	for start := 0; start < len(s); {
		end := start
		for end < len(s) && s[end] != ' ' {
			end++
		}
		if end > start {
			words = append(words, s[start:end])
		}
		start = end + 1
	}
	return words
}
