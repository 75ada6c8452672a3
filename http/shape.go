package http

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// Shapes of the requests, which both codecs check.
var (
	sendShape = shapeOf(reflect.TypeFor[sendRequest]())
	jobShape  = shapeOf(reflect.TypeFor[jobRequest]())
)

func (*sendRequest) shape() *mpi.Shape { return sendShape }
func (*jobRequest) shape() *mpi.Shape  { return jobShape }

// shapeOf is the shape of what is decoded into a type: its tags name the keys. Nothing is known of
// what a type decodes itself.
func shapeOf(t reflect.Type) *mpi.Shape {
	switch {
	case reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()):
	case t.Kind() == reflect.String, t == reflect.TypeFor[[]byte]():
		return mpi.Text
	case t.Kind() == reflect.Slice:
		return &mpi.Shape{Items: shapeOf(t.Elem())}
	case t.Kind() == reflect.Struct:
		keys := map[string]*mpi.Shape{}
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			keys[name] = shapeOf(t.Field(i).Type)
		}
		return &mpi.Shape{Keys: keys, All: true}
	}
	return &mpi.Shape{}
}

// nullText looks for null, and for undefined, where a document in CBOR should have a string. It
// returns the place of the first, or "". The document has been decoded: it is valid.
func (s *cborScanner) nullText(shape *mpi.Shape, at string) string {
	if shape == nil {
		shape = &mpi.Shape{}
	}
	if s.at >= len(s.in) {
		return ""
	}
	const null, undefined = 0xf6, 0xf7
	first := s.in[s.at]
	if shape.Text && (first == null || first == undefined) {
		return at
	}
	n, _ := s.head(first >> 5)
	switch first >> 5 {
	case cborBytes, cborText:
		s.at += int(n)
	case cborArray:
		for i := range n {
			if place := s.nullText(shape.Items, fmt.Sprintf("%s[%d]", at, i)); place != "" {
				return place
			}
		}
	case cborMap:
		for range n {
			key, _ := s.take(cborText)
			if place := s.nullText(shape.Keys[string(key)], strings.TrimPrefix(at+"."+string(key), ".")); place != "" {
				return place
			}
		}
	}
	return ""
}
