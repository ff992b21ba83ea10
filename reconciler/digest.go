package reconciler

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
)

// digest names what a graph wants: its resources with their specs, edges and claims. Equal graphs have equal digests, in this process
// and the next. It reads specs by reflection, unexported fields too, so that nothing a provider compares is left out.
func digest(g graph.Graph) string {
	d := digester{h: sha256.New()}
	for _, n := range g.Sorted() {
		d.text(string(n.ID.Kind))
		d.text(n.ID.Name)
		d.text(n.Within.String())
		d.set(ids(n.Refs))
		d.set(n.Holds)
		if n.Spec != nil {
			d.text(reflect.TypeOf(n.Spec).String())
			d.value(reflect.ValueOf(n.Spec))
		}
	}
	return hex.EncodeToString(d.h.Sum(nil)[:16])
}

func ids(refs []graph.ID) []string {
	out := make([]string, len(refs))
	for i, id := range refs {
		out[i] = id.String()
	}
	return out
}

// digester writes values into a hash so that different values are written differently: everything has its length or its kind before it.
type digester struct {
	h   hash.Hash
	buf [9]byte
}

func (d *digester) number(kind byte, n uint64) {
	d.buf[0] = kind
	binary.LittleEndian.PutUint64(d.buf[1:], n)
	d.h.Write(d.buf[:])
}

func (d *digester) text(s string) {
	d.number('s', uint64(len(s)))
	d.h.Write([]byte(s))
}

// set writes strings without regard to their order.
func (d *digester) set(ss []string) {
	ss = slices.Compact(slices.Sorted(slices.Values(ss)))
	d.number('l', uint64(len(ss)))
	for _, s := range ss {
		d.text(s)
	}
}

// value writes any value that a spec can hold. Functions and channels have no value to speak of.
func (d *digester) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			d.number('b', 1)
		} else {
			d.number('b', 0)
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		d.number('i', uint64(v.Int()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		d.number('u', v.Uint())
	case reflect.Float32, reflect.Float64:
		d.number('f', math.Float64bits(v.Float()))
	case reflect.Complex64, reflect.Complex128:
		d.number('c', math.Float64bits(real(v.Complex())))
		d.number('c', math.Float64bits(imag(v.Complex())))
	case reflect.String:
		d.text(v.String())
	case reflect.Slice, reflect.Array:
		d.list(v)
	case reflect.Map:
		d.dictionary(v)
	case reflect.Struct:
		for i := range v.NumField() {
			d.value(v.Field(i))
		}
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			d.number('0', 0)
			return
		}
		if v.Kind() == reflect.Interface {
			d.text(v.Elem().Type().String())
		}
		d.number('p', 0)
		d.value(v.Elem())
	case reflect.Invalid, reflect.Func, reflect.Chan, reflect.UnsafePointer:
		d.number('0', 0)
	}
}

func (d *digester) list(v reflect.Value) {
	if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
		d.number('y', uint64(v.Len()))
		d.h.Write(v.Bytes())
		return
	}
	d.number('a', uint64(v.Len()))
	for i := range v.Len() {
		d.value(v.Index(i))
	}
}

// dictionary writes the entries of a map in the order of what their keys are written as.
func (d *digester) dictionary(v reflect.Value) {
	entries := make([]string, 0, v.Len())
	for iter := v.MapRange(); iter.Next(); {
		e := digester{h: sha256.New()}
		e.value(iter.Key())
		key := e.h.Sum(nil)
		e.value(iter.Value())
		entries = append(entries, string(key)+string(e.h.Sum(nil)))
	}
	slices.Sort(entries)
	d.number('m', uint64(len(entries)))
	d.text(strings.Join(entries, ""))
}
