package mpi

import (
	"strings"
	"testing"
	"time"
)

// What decoders of JSON change or drop in silence is refused, and said where it is.
func TestEnvelopesThatAreRefused(t *testing.T) {
	for _, c := range []struct{ in, says string }{
		{"{\"Pid\":1,\"messages\":[{\"To\":\"\xff\"}]}", "not UTF-8 (byte 28)"},
		{`{"Pid":1,"messages":[{"To":"\ud800"}]}`, `\ud800 is half a character`},
		{`{"Pid":1,"messages":[{"To":"\ud800A"}]}`, `half a character`},
		{`{"Pid":1,"messages":[{"To":"\uDC00"}]}`, `half a character`},
		{`{"Pid":1,"x":"\ud800"}`, `half a character`},
		{`{"Pid":1,"Pid":1,"messages":[]}`, `the key "Pid" occurs twice`},
		{`{"Pid":1,"messages":[],"messages":[]}`, `the key "messages" occurs twice`},
		{`{"Pid":1,"messages":[{},{"To":"a","To":"a"}]}`, `messages[1]: the key "To" occurs twice`},
		{`{"Pid":1,"messages":[{"Pid":1,"Pid":1}]}`, `messages[0]: the key "Pid" occurs twice`},
		{`{"Pid":1,"messages":[{"To":"a","To":""}]}`, `messages[0]: the key "To" occurs twice`},
		{`{"Pid":1,"messages":[{"Data":[],"\u0044ata":[]}]}`, `messages[0]: the key "Data" occurs twice`},
		{`{"pid":1,"messages":[]}`, `the key is spelled "Pid", not "pid"`},
		{`{"Pid":1,"messages":[{"To":"a","data":[1]}]}`, `messages[0]: the key is spelled "Data", not "data"`},
		{`{"Pid":1,"messages":[{"To":null}]}`, `messages[0].To is null: it must be a string`},
		{`{"Pid":1,"messages":[{"To":"a","From": null }]}`, `messages[0].From is null`},
		{`{"Pid":9223372036854775808,"messages":[]}`, "9223372036854775808"},
		{`{"Pid":-9223372036854775809,"messages":[]}`, "9223372036854775809"},
		{`{"Pid":1,"messages":[{},{"Pid":9223372036854775808}]}`, "messages[1].Pid"},
		{`{"Pid":1,"messages":[{},{"To":7}]}`, "messages[1].To is a JSON number: it must be a string"},
		{`{"Pid":1,"messages":[{},{},{"Data":[1,256]}]}`, "messages[2]: Data[1] is 256"},
		{`{"Pid":1,"messages":[7]}`, "messages[0] is a JSON number: it must be an object"},
		{`{"Pid":1,"messages":{}}`, "object"},
	} {
		env, err := DecodeEnvelope([]byte(c.in), nil)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %+v, error %v; want %q in it", c.in, env, err, c.says)
		}
	}
}

func TestEnvelopesThatAreTaken(t *testing.T) {
	for _, in := range []string{
		`{"Pid":9223372036854775807,"messages":[{"To":"\ud83d\ude00 \u00e9 é","Data":null}]}`,
		`{"Pid":-9223372036854775808,"messages":null}`,
		`{"Pid":1,"unknown":{"Pid":2,"pid":3,"To":null,"To":[]},"messages":[{"To":"a\\ud800","color":null}]}`,
		" { \"Pid\" : 1 , \"messages\" : [ { \"To\" : \"\\\\\" , \"Data\" : [ 1 , 2 ] } , { \"To\":\"b\" } ] } ",
	} {
		if _, err := DecodeEnvelope([]byte(in), nil); err != nil {
			t.Errorf("%s: %v", in, err)
		}
	}
}

// A duration that is not 0 never becomes it.
func TestSpansThatRoundToNothing(t *testing.T) {
	for in, want := range map[string]time.Duration{"0": 0, "0s": 0, "0e9": 0, "0.000": 0, "-0": 0, "1e-9": 1, "1ns": 1, "0.5": 500 * time.Millisecond} {
		if d, err := ParseSpan(in); err != nil || d != want {
			t.Errorf("%s: %v, %v", in, d, err)
		}
	}
	for _, in := range []string{"1e-10", "0.1ns", "0.0000000001", "-1e-10", "1e-400", "0x1p-60", "5E-20"} {
		if d, err := ParseSpan(in); err == nil {
			t.Errorf("%s: %v", in, d)
		}
	}
}
