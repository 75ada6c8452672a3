// Command guest is a handler that does what the data of its message says, for the tests of package
// node. A command and what it applies to are separated by the first space.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

type message struct {
	Pid      int64
	To, From string
	Data     []int
}

type envelope struct {
	Pid      int64
	Messages []message `json:"messages"`
}

func main() {
	var in envelope
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		panic(err)
	}
	m := in.Messages[0]
	text := make([]byte, len(m.Data))
	for i, v := range m.Data {
		text[i] = byte(v)
	}
	origin := os.Getenv("MPI_ORIGIN")
	verb, rest, _ := strings.Cut(string(text), " ")
	switch verb {
	case "echo": // rest goes home
		say(in.Pid, to(origin, rest))
	case "env": // the environment goes home
		say(in.Pid, to(origin, strings.Join(append(os.Args, os.Environ()...), "\n")))
	case "via": // "via PEER,PEER what to do": the next peer does it
		hops, what, _ := strings.Cut(rest, " ")
		next, more, _ := strings.Cut(hops, ",")
		if more != "" {
			what = "via " + more + " " + what
		}
		say(in.Pid, to(next, what))
	case "many": // "many N": N answers
		n, _ := strconv.Atoi(rest)
		var list []message
		for i := range n {
			list = append(list, to(origin, strconv.Itoa(i)))
		}
		say(in.Pid, list...)
	case "spread": // "spread PEER,PEER what to do": each does it
		peers, what, _ := strings.Cut(rest, " ")
		var list []message
		for p := range strings.SplitSeq(peers, ",") {
			list = append(list, to(p, what))
		}
		say(in.Pid, list...)
	case "sleep": // "sleep 10ms": then an answer
		d, _ := time.ParseDuration(rest)
		time.Sleep(d)
		say(in.Pid, to(origin, "awake"))
	case "exit": // "exit N"
		fmt.Fprintln(os.Stderr, "last words")
		n, _ := strconv.Atoi(rest)
		os.Exit(n)
	case "loop":
		for {
		}
	case "garbage":
		fmt.Println("{]")
	case "forge":
		say(in.Pid, message{To: origin, From: rest})
	case "pid":
		say(in.Pid+1, to(origin, ""))
	case "nowhere":
		say(in.Pid, to("nobody", ""))
	case "silent":
	}
}

func to(peer, data string) message {
	m := message{To: peer, Data: []int{}}
	for _, b := range []byte(data) {
		m.Data = append(m.Data, int(b))
	}
	return m
}

func say(pid int64, list ...message) {
	for i := range list {
		list[i].Pid = pid
	}
	if err := json.NewEncoder(os.Stdout).Encode(envelope{pid, list}); err != nil {
		panic(err)
	}
}
