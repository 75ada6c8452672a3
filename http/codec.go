package http

import (
	"bytes"
	"encoding/base64"
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
	cost      func([]byte) int64           // bytes that it allocates for messages at most
	encode    func(any) ([]byte, error)
}

// document is what a codec decodes.
type document interface {
	// words returns the names of its main keys, and the name of its longest list.
	words() (keys []string, many string)
	shape() *mpi.Shape
}

func jsonCodec() *codec {
	return &codec{mediaJSON, decodeJSON, costJSON, func(doc any) ([]byte, error) {
		out, err := json.Marshal(doc)
		return append(out, '\n'), err
	}}
}

func cborCodec() *codec { return &codec{mediaCBOR, decodeCBOR, costCBOR, cbor.Marshal} }

// messageCost is what a message without data takes while it is decoded, in bytes: in the list of
// the document, which grows by doubling, and in that for the node.
const messageCost = 256

// costJSON bounds the memory that messages in JSON are decoded into. Longer lists are refused.
func costJSON(in []byte) int64 {
	return int64(len(in)) + messageCost*int64(min(bytes.Count(in, []byte("{")), mpi.MaxBatch))
}

// costCBOR is costJSON for CBOR.
func costCBOR(in []byte) int64 {
	n := len(in)
	s := cborScanner{in: in}
	s.object(func(key []byte) (ok bool) {
		switch string(key) {
		case "file", "timeout", "grace":
			_, ok = s.text()
		case "pid", "expected":
			_, ok = s.integer()
		case "messages":
			var count uint64
			if count, ok = s.head(cborArray); ok {
				n = int(min(count, uint64(n)))
			}
			return false // the rest is not of interest
		}
		return ok
	})
	return int64(len(in)) + messageCost*int64(min(n, mpi.MaxBatch))
}

// costJob bounds the memory that a job is decoded into, which has three lists of strings.
func costJob(in []byte) int64 { return int64(len(in)) + 64*int64(min(len(in), 3*mpi.MaxBatch)) }

func decodeJSON(in []byte, doc document) error {
	keys, many := doc.words()
	if err := checkBatch(in, mpi.MaxBatch, many); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(in))
	if err := dec.Decode(doc); err == io.EOF {
		return mpi.Errorf(mpi.CodeInvalid, `body: empty: it must be {"%s": …}`, strings.Join(keys, `": …, "`))
	} else if err != nil {
		return jsonError(in, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return mpi.Errorf(mpi.CodeInvalid, "body: there is more after the document's end")
	}
	if err := doc.shape().Check(in); err != nil {
		return mpi.Errorf(mpi.CodeInvalid, "body: %v", err)
	}
	return nil
}

// jsonError is bodyError of JSON. Where a message is at fault it names that.
func jsonError(in []byte, err error) error {
	if !json.Valid(in) {
		return bodyError("json", err)
	}
	var corrupt base64.CorruptInputError
	switch named := mpi.BadElement(in, "messages", func() any { return new(sendMessage) }); {
	case errors.As(named, &corrupt):
		return mpi.Errorf(mpi.CodeInvalid, "body: %v: data must be in the standard alphabet, with padding", named)
	case named != nil:
		return mpi.Errorf(mpi.CodeInvalid, "body: %v", named)
	}
	return bodyError("json", err)
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
	s := cborScanner{in: in}
	if place := s.nullText(doc.shape(), ""); place != "" {
		return mpi.Errorf(mpi.CodeInvalid, "body: %s is null: it must be a string", place)
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
