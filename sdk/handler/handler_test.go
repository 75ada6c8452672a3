package handler

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

func reply(in Message, _ Env) ([]Message, error) { return []Message{in.Reply(in.Data)}, nil }

func TestRunSpeaksTheAPIsJSON(t *testing.T) {
	for name, tc := range map[string]struct{ in, out string }{
		"plain": {
			`{"Pid":11,"messages":[{"Pid":11,"To":"a","From":"b","Data":[12,32,255]}]}`,
			`{"Pid":11,"messages":[{"Pid":11,"To":"b","Data":[12,32,255]}]}`,
		},
		"white space, another order and keys of later versions": {
			" {\n\"messages\" : [ {\"Data\": [ 0 ,\t1 ] , \"x\": {\"y\":[1.5e3,null,true,\"z\"]}, \"From\":\"b\"} ], \"v\":false, \"Pid\": -3 }\r\n",
			`{"Pid":-3,"messages":[{"Pid":-3,"To":"b","Data":[0,1]}]}`,
		},
		"no data":     {`{"Pid":0,"messages":[{"From":"b"}]}`, `{"Pid":0,"messages":[{"Pid":0,"To":"b","Data":[]}]}`},
		"null data":   {`{"Pid":0,"messages":[{"From":"b","Data":null}]}`, `{"Pid":0,"messages":[{"Pid":0,"To":"b","Data":[]}]}`},
		"empty data":  {`{"Pid":0,"messages":[{"From":"b","Data":[ ]}]}`, `{"Pid":0,"messages":[{"Pid":0,"To":"b","Data":[]}]}`},
		"no messages": {`{"Pid":1,"messages":[]}`, `{"Pid":1,"messages":[]}`},
		"two":         {`{"Pid":1,"messages":[{"From":"a"},{"From":"b"}]}`, `{"Pid":1,"messages":[{"Pid":1,"To":"a","Data":[]},{"Pid":1,"To":"b","Data":[]}]}`},
		"escapes":     {`{"Pid":1,"messages":[{"From":"a\"\\\/\n\u0041\u00e9\ud83d\ude00\ud83d"}]}`, `{"Pid":1,"messages":[{"Pid":1,"To":"a\"\\/` + "\\u000a" + `Aé😀` + "\ufffd" + `","Data":[]}]}`},
		"largest Pid": {`{"Pid":9223372036854775807,"messages":[]}`, `{"Pid":9223372036854775807,"messages":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := Run([]byte(tc.in), Env{}, reply)
			if err != nil {
				t.Fatal(err)
			}
			if string(out) != tc.out {
				t.Errorf("got  %s\nwant %s", out, tc.out)
			}
		})
	}
}

func TestRunRefusesWhatIsNotTheJSON(t *testing.T) {
	for _, in := range []string{
		"", " ", "null", "[]", "{", `{"Pid"}`, `{"Pid":}`, `{"Pid":1.5}`, `{"Pid":"1"}`, `{"Pid":9223372036854775808}`,
		`{"Pid":1,}`, `{"Pid":1} x`, `{"messages":{}}`, `{"messages":[1]}`, `{"messages":[{"From":1}]}`,
		`{"messages":[{"From":"a]}`, `{"messages":[{"From":"\`, `{"messages":[{"From":"\q"}]}`, `{"messages":[{"From":"\u12"}]}`,
		`{"messages":[{"From":"\u12zz"}]}`, "{\"messages\":[{\"From\":\"a\nb\"}]}", `{"messages":[{"Data":"YQ=="}]}`,
		`{"messages":[{"Data":[256]}]}`, `{"messages":[{"Data":[-1]}]}`, `{"messages":[{"Data":[1.0]}]}`, `{"messages":[{"Data":[1,]}]}`,
		`{"messages":[{"Data":[1`, `{"messages":[{"Data":[0001]}]}`, `{"x":` + strings.Repeat("[", 100000),
		`{"x":tru}`, `{"x":-}`, `{"x":1e}`,
	} {
		if out, err := Run([]byte(in), Env{}, reply); err == nil {
			t.Errorf("%.60q: got %s, want an error", in, out)
		}
	}
}

func TestRunSendsNothingAfterAnError(t *testing.T) {
	broken := errors.New("broken")
	out, err := Run([]byte(`{"Pid":1,"messages":[{"From":"a"}]}`), Env{}, func(Message, Env) ([]Message, error) {
		return []Message{{To: "a"}}, broken
	})
	if !errors.Is(err, broken) || out != nil {
		t.Errorf("got %s, %v", out, err)
	}
}

func TestFields(t *testing.T) {
	for in, want := range map[string]string{"": "", " ": "", "a": "a", " a  b ": "a,b", "a b c": "a,b,c"} {
		if got := strings.Join(fields(in), ","); got != want {
			t.Errorf("fields(%q) = %q, want %q", in, got, want)
		}
	}
}

// Handlers read whatever nodes can write, and nodes read whatever handlers can write.
func FuzzNodeAndHandlerAgree(f *testing.F) {
	f.Add(int64(11), "12D3KooWA", "12D3KooWB", []byte{12, 32, 40})
	f.Add(int64(math.MinInt64), "\"\\\n<>&\u2028", "é😀", []byte(nil))
	f.Fuzz(func(t *testing.T, pid int64, to, from string, data []byte) {
		to, from = strings.ToValidUTF8(to, ""), strings.ToValidUTF8(from, "")
		node := mpi.Envelope{Pid: pid, Messages: []mpi.Message{{Pid: pid, To: mpi.PeerID(to), From: mpi.PeerID(from), Data: data}}}
		gotPid, got, err := decode(node.AppendJSON(nil))
		if err != nil {
			t.Fatal(err)
		}
		if gotPid != pid || len(got) != 1 || got[0].Pid != pid || got[0].To != to || got[0].From != from || !bytes.Equal(got[0].Data, data) {
			t.Fatalf("handler read %d %+v of %+v", gotPid, got, node)
		}
		back, err := mpi.DecodeEnvelope(appendEnvelope(nil, pid, got), nil)
		if err != nil {
			t.Fatal(err)
		}
		if m := back.Messages[0]; back.Pid != pid || string(m.To) != to || string(m.From) != from || !bytes.Equal(m.Data, data) {
			t.Fatalf("node read %+v of %+v", back, node)
		}
	})
}

// No input makes a handler panic, and every answer is valid JSON.
func FuzzRun(f *testing.F) {
	f.Add([]byte(`{"Pid":11,"messages":[{"Pid":11,"To":"a","From":"b","Data":[12,32,255]}]}`))
	f.Add([]byte(`{"x":[{"y":"\ud83d\ude00"},-1.5e3,null],"messages":[{}]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		out, err := Run(in, Env{}, reply)
		if err != nil {
			return
		}
		if _, err := mpi.DecodeEnvelope(out, nil); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	in := mpi.Envelope{Messages: []mpi.Message{{To: "a", From: "b", Data: bytes.Repeat([]byte{7, 77, 177}, 1<<18)}}}.AppendJSON(nil)
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if _, _, err := decode(in); err != nil {
			b.Fatal(err)
		}
	}
}
