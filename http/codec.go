package http

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/fxamacker/cbor/v2"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

const (
	mediaJSON = "application/json"
	mediaCBOR = "application/cbor"
)

// codec is one of the two formats of bodies below /v1: JSON and CBOR.
type codec struct {
	mediaType string
	decode    func([]byte, document) error // does not retain its input
	encode    func(any) ([]byte, error)
}

// document is what a codec decodes.
type document interface {
	// words returns the names of its main keys, and the name of its longest list.
	words() (keys []string, many string)
}

func jsonCodec() *codec {
	return &codec{mediaJSON, decodeJSON, func(doc any) ([]byte, error) {
		out, err := json.Marshal(doc)
		return append(out, '\n'), err
	}}
}

func cborCodec() *codec { return &codec{mediaCBOR, decodeCBOR, cbor.Marshal} }

func decodeJSON(in []byte, doc document) error {
	keys, many := doc.words()
	if err := checkBatch(in, mpi.MaxBatch, many); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(in))
	dec.DisallowUnknownFields()
	if err := dec.Decode(doc); err == io.EOF {
		return mpi.Errorf(mpi.CodeInvalid, `body: empty: it must be {"%s": …}`, strings.Join(keys, `": …, "`))
	} else if err != nil {
		return bodyError("json", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return mpi.Errorf(mpi.CodeInvalid, "body: there is more after the document's end")
	}
	return nil
}

// cborRequest decodes requests. It refuses all features of CBOR that clients do not need.
var cborRequest = cborMode(cbor.DecOptions{
	DupMapKey:         cbor.DupMapKeyEnforcedAPF,
	IndefLength:       cbor.IndefLengthForbidden,
	TagsMd:            cbor.TagsForbidden,
	MaxNestedLevels:   4,
	MaxArrayElements:  mpi.MaxBatch,
	MaxMapPairs:       cborMaxPairs,
	ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
	FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
})

// cborMaxPairs bounds the keys of one map in a request.
const cborMaxPairs = 16

// cborAnswer decodes answers.
var cborAnswer = cborMode(cbor.DecOptions{MaxArrayElements: 1 << 27})

func cborMode(o cbor.DecOptions) cbor.DecMode {
	mode, err := o.DecMode()
	if err != nil { // the options are constant
		panic(err)
	}
	return mode
}

func decodeCBOR(in []byte, doc document) error {
	keys, many := doc.words()
	if req, ok := doc.(*sendRequest); ok {
		if scanRequest(in, req) {
			return nil
		}
		*req = sendRequest{}
	}
	err := cborRequest.Unmarshal(in, doc)
	var long *cbor.MaxArrayElementsError
	var typ *cbor.UnmarshalTypeError
	switch {
	case errors.As(err, &typ):
		field := typ.StructFieldName[strings.LastIndexByte(typ.StructFieldName, '.')+1:]
		if field == "" {
			field = "the document"
		}
		return mpi.Errorf(mpi.CodeInvalid, "body: %s: a CBOR %s is where %s should be", field, typ.CBORType, cborName(typ.GoType))
	case errors.As(err, &long):
		return errMany(mpi.MaxBatch, many)
	case err == io.EOF:
		return mpi.Errorf(mpi.CodeInvalid, "body: empty: it must be a map with %s", strings.Join(keys, ", "))
	case err == io.ErrUnexpectedEOF:
		return mpi.Errorf(mpi.CodeInvalid, "body: not CBOR: it ends in the middle")
	case err != nil:
		return bodyError("cbor", err)
	}
	return nil
}

func cborName(goType string) string {
	switch goType {
	case "[]uint8":
		return "a byte string"
	case "string", "mpi.PeerID":
		return "a text string"
	case "int64":
		return "an integer of 64 bits"
	}
	if strings.HasPrefix(goType, "[]") {
		return "an array"
	}
	return "a map"
}

// timeout is a Timeout as the client sent it: text, or a number of seconds. parseTimeout reads it.
type timeout string

// UnmarshalJSON implements [json.Unmarshaler].
func (t *timeout) UnmarshalJSON(in []byte) error {
	var v any = json.Number(in)
	switch in[0] {
	case '"':
		var s string
		if err := json.Unmarshal(in, &s); err != nil {
			return err
		}
		v = s
	case 'n':
		return nil // null is absent
	case 't', 'f', '[', '{':
		v = nil
	}
	return t.take(v)
}

// UnmarshalCBOR implements [cbor.Unmarshaler].
func (t *timeout) UnmarshalCBOR(in []byte) error {
	const null, undefined = 0xf6, 0xf7
	if in[0] == null || in[0] == undefined {
		return nil // absent
	}
	var v any
	switch in[0] >> 5 { // the major type
	case 0, 1, 3, 7:
		if err := cbor.Unmarshal(in, &v); err != nil {
			return err
		}
	}
	return t.take(v)
}

func (t *timeout) take(v any) error {
	switch v := v.(type) {
	case string:
		if v == "" {
			break
		}
		*t = timeout(v)
		return nil
	case json.Number:
		*t = timeout(v)
		return nil
	case uint64:
		*t = timeout(strconv.FormatUint(v, 10))
		return nil
	case int64:
		*t = timeout(strconv.FormatInt(v, 10))
		return nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			break
		}
		*t = timeout(strconv.FormatFloat(v, 'g', -1, 64))
		return nil
	}
	return mpi.Errorf(mpi.CodeInvalid, `timeout must be a duration such as "1m30s", or a number of seconds`)
}
