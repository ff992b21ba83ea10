package codec

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"time"
)

// xmlWriter writes the members of a struct as XML elements, by the names of one protocol.
type xmlWriter struct {
	bytes.Buffer
	name    func(owner reflect.Type, field string) string
	element string // of a list
}

func (w *xmlWriter) open(name string)  { w.WriteString("<" + name + ">") }
func (w *xmlWriter) close(name string) { w.WriteString("</" + name + ">") }

func (w *xmlWriter) text(name, value string) {
	w.open(name)
	_ = xml.EscapeText(w, []byte(value)) // a buffer does not fail
	w.close(name)
}

// fields writes the members of a struct. At the top a list that is nil is written too: an answer has its list, also an empty one.
func (w *xmlWriter) fields(v reflect.Value, top bool) error {
	t := v.Type()
	for i := range t.NumField() {
		if !isMember(t.Field(i)) {
			continue
		}
		name, member := w.name(t, t.Field(i).Name), v.Field(i)
		if isAbsent(member) {
			if top && member.Kind() == reflect.Slice && member.Type() != bytesType {
				w.open(name)
				w.close(name)
			}
			continue
		}
		if err := w.value(name, member); err != nil {
			return err
		}
	}
	return nil
}

// isAbsent says that a member was not given. The SDK's structs have pointers for what can be absent, but for enums, where it is "".
func isAbsent(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		return v.IsNil()
	case reflect.String:
		return v.Len() == 0
	default:
		return false
	}
}

func (w *xmlWriter) value(name string, v reflect.Value) error {
	switch {
	case v.Kind() == reflect.Pointer && v.IsNil(): // an element of a list
		w.text(name, "")
		return nil
	case v.Type() == bytesType:
		w.text(name, base64.StdEncoding.EncodeToString(v.Bytes()))
		return nil
	case v.Type() == timeType:
		w.text(name, v.Interface().(time.Time).UTC().Format("2006-01-02T15:04:05.000Z"))
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		return w.value(name, v.Elem())
	case reflect.Struct:
		w.open(name)
		err := w.fields(v, false)
		w.close(name)
		return err
	case reflect.Slice:
		w.open(name)
		for i := range v.Len() {
			if err := w.value(w.element, v.Index(i)); err != nil {
				return err
			}
		}
		w.close(name)
	case reflect.Map:
		return w.entries(name, v)
	default:
		text, err := scalarText(v)
		if err != nil {
			return err
		}
		w.text(name, text)
	}
	return nil
}

func (w *xmlWriter) entries(name string, v reflect.Value) error {
	byKey := map[string]reflect.Value{}
	for _, k := range v.MapKeys() {
		byKey[k.String()] = v.MapIndex(k)
	}
	w.open(name)
	for _, k := range slices.Sorted(maps.Keys(byKey)) {
		w.open("entry")
		w.text("key", k)
		if err := w.value("value", byKey[k]); err != nil {
			return err
		}
		w.close("entry")
	}
	w.close(name)
	return nil
}

func scalarText(v reflect.Value) (string, error) {
	switch v.Kind() {
	case reflect.String:
		return v.String(), nil
	case reflect.Bool:
		return strconv.FormatBool(v.Bool()), nil
	case reflect.Int32, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10), nil
	case reflect.Float32, reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'g', -1, v.Type().Bits()), nil
	default:
		return "", fmt.Errorf("codec: an answer cannot hold a %s", v.Type())
	}
}
