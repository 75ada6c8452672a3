package mpi

import (
	"bytes"
	"encoding/json"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

func TestDecodeEnvelope(t *testing.T) {
	seven := int64(7)
	msg := func(pid int64, data ...byte) Envelope {
		return Envelope{Pid: pid, Messages: []Message{{Pid: pid, To: "b", From: "a", Data: data}}}
	}
	for _, tc := range []struct {
		name, in string
		pid      *int64
		want     Envelope
		err      string // part of the error; empty for none
	}{
		{"the contract's own form", `{"Pid": 11, "messages" : [{"Pid":11, "To":"b", "From":"a", "Data": [12, 32, 40]}]}`, nil, msg(11, 12, 32, 40), ""},
		{"inner Pid takes the outer one", `{"Pid":11,"messages":[{"To":"b","From":"a","Data":[1]}]}`, nil, msg(11, 1), ""},
		{"outer Pid given by the caller", `{"messages":[{"To":"b","From":"a","Data":[1]}]}`, &seven, msg(7, 1), ""},
		{"absent Data is empty", `{"Pid":1,"messages":[{"To":"b","From":"a"}]}`, nil, msg(1), ""},
		{"null Data is empty", `{"Pid":1,"messages":[{"To":"b","From":"a","Data":null}]}`, nil, msg(1), ""},
		{"empty Data", `{"Pid":1,"messages":[{"To":"b","From":"a","Data":[ ]}]}`, nil, Envelope{1, []Message{{1, "b", "a", Bytes{}}}}, ""},
		{"both ends of a byte", `{"Pid":1,"messages":[{"To":"b","From":"a","Data":[0,255]}]}`, nil, msg(1, 0, 255), ""},
		{"white space between", "{\"Pid\":1,\"messages\":[{\"To\":\"b\",\"From\":\"a\",\"Data\":[ 1 ,\n\t2 ]}]}", nil, msg(1, 1, 2), ""},
		{"no messages", `{"Pid":1}`, nil, Envelope{1, []Message{}}, ""},
		{"Pid 0 is a Pid", `{"Pid":0,"messages":[]}`, nil, Envelope{0, []Message{}}, ""},

		{"over a byte", `{"Pid":1,"messages":[{"Data":[1,256]}]}`, nil, Envelope{}, "Data[1] is 256"},
		{"negative", `{"Pid":1,"messages":[{"Data":[-1]}]}`, nil, Envelope{}, "Data[0] is -1"},
		{"fraction", `{"Pid":1,"messages":[{"Data":[1.5]}]}`, nil, Envelope{}, "Data[0] is 1.5"},
		{"exponent", `{"Pid":1,"messages":[{"Data":[1e1]}]}`, nil, Envelope{}, "Data[0] is 1e1"},
		{"nested", `{"Pid":1,"messages":[{"Data":[[1]]}]}`, nil, Envelope{}, "Data[0] is [1]"},
		{"base64", `{"Pid":1,"messages":[{"Data":"DCAo"}]}`, nil, Envelope{}, "must be an array"},
		{"inner Pid differs", `{"Pid":1,"messages":[{"Pid":2}]}`, nil, Envelope{}, "messages[0].Pid is 2, and Pid is 1"},
		{"Pid missing", `{"messages":[]}`, nil, Envelope{}, "Pid is missing"},
		{"Pid not whole", `{"Pid":1.5}`, nil, Envelope{}, "1.5"},
		{"empty", ``, nil, Envelope{}, "empty"},
		{"two documents", `{"Pid":1}{"Pid":1}`, nil, Envelope{}, "after top-level value"},
		{"cut short", `{"Pid":1,"messages":[`, nil, Envelope{}, "unexpected EOF"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := DecodeEnvelope([]byte(tc.in), tc.pid)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("error %v does not say %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %+v\nwant %+v", got, tc.want)
			}
		})
	}
}

// The fast writer and encoding/json must agree to the byte, or two clients of one API would differ.
func TestAppendJSONIsWhatJSONWrites(t *testing.T) {
	for _, e := range []Envelope{
		{},
		{Pid: -3, Messages: []Message{}},
		{Pid: 11, Messages: []Message{{11, "b<&\u2028\"", "a", Bytes{0, 9, 10, 99, 100, 255}}, {11, "", "", nil}}},
	} {
		want, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if e.Messages == nil {
			want = []byte(`{"Pid":0,"messages":[]}`) // a list of none, never null
		}
		if got := e.AppendJSON(nil); !bytes.Equal(got, want) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// What a handler writes and what a client posts goes through DecodeEnvelope: it must hold for any
// bytes, and what it takes must survive being written and read again.
func FuzzDecodeEnvelope(f *testing.F) {
	f.Add([]byte(`{"Pid": 11, "messages" : [{"Pid":11, "To":"b", "From":"a", "Data": [12, 32, 40]}]}`))
	f.Add([]byte(`{"Pid":1,"messages":[{"Data":[1,256]}]}`))
	f.Add([]byte(`{"Pid":1,"messages":[{"Data":[ ]},{"Data":null}]}`))
	f.Add([]byte(`{"messages":[{"Data":"AA=="}]}`))
	f.Add([]byte(`{"Pid":2,"messages":[{"Pid":1,"Data":[1, 22 ,255,1000]},{"Data":[007]},{"Data":[1,]}]}`))
	f.Add([]byte(`{"Pid":1,"messages":[{"Data":[1e2,1.0,-0]},{"Data":[0,\t9\n]},{"Data":[1 2]}]}`))
	f.Add([]byte(`{"Pid":-0,"messages":[{"To":"a","To":"b","Pid":01}]}`))
	f.Add([]byte(`{"Pid":1,"messages":[{"Data":[1],"Data":[2]}],"messages":[]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		if fast, plain := scanEnvelope(in); plain {
			slow, err := unmarshalEnvelope(in)
			if err != nil {
				t.Fatalf("encoding/json refuses what the scanner takes: %v", err)
			}
			// The Pids of messages are compared as what they are held against the envelope's.
			for i := range fast.env.Messages {
				fast.env.Messages[i].Pid = 0
			}
			if fast.env.Messages == nil {
				fast.env.Messages = []Message{}
			}
			if !reflect.DeepEqual(fast, slow) {
				t.Fatalf("the scanner reads %+v, encoding/json %+v", fast, slow)
			}
		}
		env, err := DecodeEnvelope(in, nil)
		if err != nil {
			return
		}
		again, err := DecodeEnvelope(env.AppendJSON(nil), nil)
		if err != nil {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
		if len(again.Messages) != len(env.Messages) || again.Pid != env.Pid {
			t.Fatalf("read %+v, then %+v", env, again)
		}
		for i, m := range env.Messages {
			if !bytes.Equal(m.Data, again.Messages[i].Data) || m.Pid != env.Pid {
				t.Fatalf("message %d: read %+v, then %+v", i, m, again.Messages[i])
			}
		}
	})
}

func TestValidName(t *testing.T) {
	for s, want := range map[string]bool{
		"echo": true, "a.b_c-9": true, "E": true, strings.Repeat("a", MaxNameLen): true,
		"": false, ".": false, "..": false, ".git": false, "-n": false, "a/b": false, "a b": false, "é": false, "a\x00": false,
		strings.Repeat("a", MaxNameLen+1): false,
	} {
		if got := ValidName(s); got != want {
			t.Errorf("ValidName(%q) = %v", s, got)
		}
	}
}

func TestClipKeepsTheEndOfStderr(t *testing.T) {
	f := Failure{Detail: strings.Repeat("d", MaxFailureDetail+1), Stderr: strings.Repeat("x", MaxFailureStderr) + "end"}.Clip()
	if len(f.Detail) != MaxFailureDetail || len(f.Stderr) != MaxFailureStderr || !strings.HasSuffix(f.Stderr, "end") {
		t.Errorf("%d bytes of detail, %d of stderr ending in %q", len(f.Detail), len(f.Stderr), f.Stderr[len(f.Stderr)-3:])
	}
}

// The documents that the API and handlers write must take the fast way, or it is of no use.
func TestScannerTakesPlainDocuments(t *testing.T) {
	for _, in := range []string{
		string(Envelope{Pid: -3, Messages: []Message{{-3, "12D3KooW", "Qm", Bytes{0, 255}}, {-3, "", "", nil}}}.AppendJSON(nil)),
		"{\n  \"Pid\": 11,\n  \"messages\" : [ { \"Data\": [ 12, 32 ] } ]\n}\n",
	} {
		if _, ok := scanEnvelope([]byte(in)); !ok {
			t.Errorf("not taken: %s", in)
		}
	}
}

func BenchmarkDecodeEnvelope(b *testing.B) {
	data := make(Bytes, 1024)
	for i := range data {
		data[i] = byte(i)
	}
	in := Envelope{Pid: 1, Messages: []Message{{1, "12D3KooW", "12D3KooW", data}}}.AppendJSON(nil)
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if _, err := DecodeEnvelope(in, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendEnvelope(b *testing.B) {
	data := make(Bytes, 1024)
	for i := range data {
		data[i] = byte(i)
	}
	env := Envelope{Pid: 1, Messages: []Message{{1, "12D3KooW", "12D3KooW", data}}}
	out := env.AppendJSON(nil)
	b.SetBytes(int64(len(out)))
	for b.Loop() {
		out = env.AppendJSON(out[:0])
	}
}

// A program that writes a great many small messages takes no more memory than their text is worth.
func TestHostileSmallMessages(t *testing.T) {
	const item = `{"Data":[]},`
	in := []byte(`{"Pid":1,"messages":[` + strings.Repeat(item, 100_000) + `{"Data":[1]}]}`)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := DecodeEnvelope(in, nil); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 64*uint64(len(in)) {
		t.Errorf("%d bytes of text took %d MiB", len(in), n>>20)
	}
}
