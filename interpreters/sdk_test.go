package interpreters_test

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// Both SDKs accept the same JSON. echo/1.0.0 uses the one for C, echo/1.1.0 the one for Go.
func TestSDKsAgree(t *testing.T) {
	long := strings.Repeat("12D3KooW", 10000)
	for in, want := range map[string]string{ // want is empty for invalid input
		`{"Pid":11,"messages":[{"Pid":11,"To":"a","From":"b","Data":[12,32,255]}]}`:                                               `{"Pid":11,"messages":[{"Pid":11,"To":"b","Data":[12,32,255]}]}`,
		" {\n\"messages\" : [ {\"Data\": [ 0 ,\t1 ] , \"x\": {\"y\":[1.5e3,null,true,\"z\"]}, \"From\":\"b\"} ], \"Pid\": -3 }\n": `{"Pid":-3,"messages":[{"Pid":-3,"To":"b","Data":[0,1]}]}`,
		`{"messages":[{}]}`:             `{"Pid":0,"messages":[{"Pid":0,"To":"","Data":[]}]}`,
		`{"messages":[{"Data":null}]}`:  `{"Pid":0,"messages":[{"Pid":0,"To":"","Data":[]}]}`,
		`{"messages":[{"Data":[ ]}]}`:   `{"Pid":0,"messages":[{"Pid":0,"To":"","Data":[]}]}`,
		`{"messages":[{"Data":[ 7 ]}]}`: `{"Pid":0,"messages":[{"Pid":0,"To":"","Data":[7]}]}`,
		`{"messages":[{"From":"a\"\\\/\u0041\n\u00e9\ud83d\ude00\ud83d"}]}`:                        `{"Pid":0,"messages":[{"Pid":0,"To":"a\"\\/A\u000aé😀` + "\ufffd" + `","Data":[]}]}`,
		`{"messages":[{"From":"` + long + `"}]}`:                                                   `{"Pid":0,"messages":[{"Pid":0,"To":"` + long + `","Data":[]}]}`,
		"{\"messages\":[{\"From\":\"\u0080\u07ff\u0800\ud7fb\ue000\uffff\U00010000\U0010ffff\"}]}": "{\"Pid\":0,\"messages\":[{\"Pid\":0,\"To\":\"\u0080\u07ff\u0800\ud7fb\ue000\uffff\U00010000\U0010ffff\",\"Data\":[]}]}",
		`{"Pid":9223372036854775807,"messages":[{}]}`:                                              `{"Pid":9223372036854775807,"messages":[{"Pid":9223372036854775807,"To":"","Data":[]}]}`,
		`{"Pid":-9223372036854775808,"messages":[{}]}`:                                             `{"Pid":-9223372036854775808,"messages":[{"Pid":-9223372036854775808,"To":"","Data":[]}]}`,

		"": "", "null": "", "[]": "", "{": "", `{"Pid"}`: "", `{"Pid":}`: "", `{"Pid":"1","messages":[{}]}`: "",
		`{"Pid":9223372036854775808,"messages":[{}]}`: "", `{"Pid":1,}`: "", `{"messages":[{}]} x`: "", `{"messages":{}}`: "",
		`{"messages":[1]}`: "", `{"messages":[{"From":1}]}`: "", `{"messages":[{"From":"a]}`: "", `{"messages":[{"From":"\`: "",
		`{"messages":[{"From":"\q"}]}`: "", `{"messages":[{"From":"\u12"}]}`: "", `{"messages":[{"From":"\u12zz"}]}`: "",
		"{\"messages\":[{\"From\":\"a\nb\"}]}": "", `{"messages":[{"Data":"YQ=="}]}`: "", `{"messages":[{"Data":[256]}]}`: "",
		`{"messages":[{"Data":[-1]}]}`: "", `{"messages":[{"Data":[1.0]}]}`: "", `{"messages":[{"Data":[1,]}]}`: "",
		"{\"messages\":[{\"From\":\"\xff\"}]}": "", "{\"messages\":[{\"From\":\"\xc3\"}]}": "", "{\"messages\":[{\"From\":\"\xc1\x81\"}]}": "",
		"{\"messages\":[{\"From\":\"\xe0\x9f\xbf\"}]}": "", "{\"messages\":[{\"From\":\"\xed\xa0\x80\"}]}": "", "{\"messages\":[{\"x\":\"\xf4\x90\x80\x80\"}]}": "",
		"{\"\xff\":1,\"messages\":[{}]}": "",
		`{"messages":[{"Data":[1`:        "", `{"messages":[{"Data":[0001]}]}`: "", `{"messages":[{}],"x":` + strings.Repeat("[", 100000): "",
	} {
		for _, name := range []string{"echo/1.0.0", "echo/1.1.0"} {
			out := execute(t, name, "A", "O", nil, []byte(in))
			if want == "" && (out.Reason != mpi.Exited || out.Exit != 1 || len(out.Stdout) > 0 || !strings.Contains(string(out.Stderr), "not the JSON of a message")) {
				t.Errorf("%s: %.80q: got %.80q (%s %s), want it refused", name, in, out.Stdout, out.Reason, out.Detail)
			}
			if want != "" && string(out.Stdout) != want {
				t.Errorf("%s: %.80q: got %.200s (%s %s) %s", name, in, out.Stdout, out.Reason, out.Detail, out.Stderr)
			}
		}
	}
}

// handler.h reads whatever a node can write, and a node reads whatever handler.h writes.
func FuzzNodeAndCAgree(f *testing.F) {
	load(f, "echo/1.0.0/run.wasm") // compiled here, before the fuzzer's timeout applies
	f.Add(int64(11), "12D3KooWA", "12D3KooWB", []byte{12, 32, 40})
	f.Add(int64(math.MinInt64), "\"\\\n<>&\u2028", "é😀", []byte(nil))
	f.Add(int64(math.MaxInt64), "a", strings.Repeat("\x01", 1000), bytes.Repeat([]byte{0, 9, 10, 99, 100, 255}, 10000))
	f.Fuzz(func(t *testing.T, pid int64, to, from string, data []byte) {
		to, from = strings.ToValidUTF8(to, ""), strings.ToValidUTF8(from, "")
		from, _, _ = strings.Cut(from, "\x00") // a zero byte ends a string in C
		in := mpi.Envelope{Pid: pid, Messages: []mpi.Message{{Pid: pid, To: mpi.PeerID(to), From: mpi.PeerID(from), Data: data}}}
		out := execute(t, "echo/1.0.0", "A", "O", nil, in.AppendJSON(nil))
		env, err := mpi.DecodeEnvelope(out.Stdout, nil)
		if err != nil || len(env.Messages) != 1 {
			t.Fatalf("got %q (%s %s) %s: %v", out.Stdout, out.Reason, out.Detail, out.Stderr, err)
		}
		if m := env.Messages[0]; env.Pid != pid || string(m.To) != from || !bytes.Equal(m.Data, data) {
			t.Fatalf("got %+v of %+v", env, in)
		}
	})
}

// No input makes a handler in C trap, and every answer is valid JSON.
func FuzzC(f *testing.F) {
	load(f, "echo/1.0.0/run.wasm") // compiled here, before the fuzzer's timeout applies
	f.Add([]byte(`{"Pid":11,"messages":[{"Pid":11,"To":"a","From":"b\u00e9","Data":[12,32,255]}],"x":[{"y":-1.5e3}]}`))
	f.Add([]byte("{\"messages\":[{\"From\":\"\xff\"}]}"))
	f.Fuzz(func(t *testing.T, in []byte) {
		out := execute(t, "echo/1.0.0", "A", "O", nil, in)
		switch {
		case out.Reason == mpi.Exited && out.Exit == 1:
		case out.Reason != "":
			t.Fatalf("%s: %s", out.Reason, out.Detail)
		default:
			if _, err := mpi.DecodeEnvelope(out.Stdout, nil); err != nil {
				t.Fatalf("%q: %v", out.Stdout, err)
			}
		}
	})
}
