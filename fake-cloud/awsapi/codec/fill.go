package codec

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"strconv"
	"time"
)

// filler fills the fields of a struct from parameters, by the names of one protocol.
type filler struct {
	name func(owner reflect.Type, field string) string
	// flat: the elements of a list are numbered directly below it, as ec2Query has them, and not below "member".
	flat bool
	code string // of the fault for a value that is none of its type
}

var (
	timeType  = reflect.TypeFor[time.Time]()
	bytesType = reflect.TypeFor[[]byte]()
)

// fields fills a struct.
func (f filler) fields(p *params, v reflect.Value, path string) error {
	t := v.Type()
	for i := range t.NumField() {
		field := t.Field(i)
		if !isMember(field) {
			continue
		}
		name := f.name(t, field.Name)
		below := p.at(name)
		if below == nil {
			continue
		}
		if err := f.value(below, v.Field(i), join(path, name)); err != nil {
			return err
		}
	}
	return nil
}

// isMember tells members of the API from the SDK's own fields.
func isMember(field reflect.StructField) bool {
	return field.IsExported() && field.Name != "ResultMetadata"
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (f filler) value(p *params, v reflect.Value, path string) error {
	switch {
	case v.Type() == bytesType:
		raw, err := base64.StdEncoding.DecodeString(p.value)
		if err != nil {
			return f.bad(path, p.value, "base64")
		}
		v.SetBytes(raw)
		return nil
	case v.Type() == timeType:
		at, err := time.Parse(time.RFC3339, p.value)
		if err != nil {
			return f.bad(path, p.value, "a timestamp")
		}
		v.Set(reflect.ValueOf(at.UTC()))
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		made := reflect.New(v.Type().Elem())
		if err := f.value(p, made.Elem(), path); err != nil {
			return err
		}
		v.Set(made)
		return nil
	case reflect.Struct:
		return f.fields(p, v, path)
	case reflect.Slice:
		return f.list(p, v, path)
	case reflect.Map:
		return f.entries(p, v, path)
	default:
		return f.scalar(p.value, v, path)
	}
}

func (f filler) list(p *params, v reflect.Value, path string) error {
	if !f.flat {
		if member := p.at("member"); member != nil {
			p = member
		}
	}
	elements := p.elements()
	list := reflect.MakeSlice(v.Type(), len(elements), len(elements))
	for i, e := range elements {
		if err := f.value(e, list.Index(i), path+"."+strconv.Itoa(i+1)); err != nil {
			return err
		}
	}
	v.Set(list)
	return nil
}

func (f filler) entries(p *params, v reflect.Value, path string) error {
	if entry := p.at("entry"); entry != nil {
		p = entry
	}
	made := reflect.MakeMap(v.Type())
	for _, e := range p.elements() {
		value := reflect.New(v.Type().Elem()).Elem()
		if below := e.at("value"); below != nil {
			if err := f.value(below, value, join(path, e.text("key"))); err != nil {
				return err
			}
		}
		made.SetMapIndex(reflect.ValueOf(e.text("key")).Convert(v.Type().Key()), value)
	}
	v.Set(made)
	return nil
}

func (f filler) scalar(text string, v reflect.Value, path string) error {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return f.bad(path, text, "boolean")
		}
		v.SetBool(b)
	case reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			return f.bad(path, text, "integer")
		}
		v.SetInt(n)
	case reflect.Float32, reflect.Float64:
		n, err := strconv.ParseFloat(text, v.Type().Bits())
		if err != nil {
			return f.bad(path, text, "number")
		}
		v.SetFloat(n)
	default:
		return fmt.Errorf("codec: a parameter cannot be a %s", v.Type())
	}
	return nil
}

func (f filler) bad(path, text, kind string) error {
	return badRequest(f.code, "Invalid value '%s' for %s. It is not a valid %s.", shorten(text), path, kind)
}

// shorten keeps what a client sent from filling the answer.
func shorten(text string) string {
	if len(text) > 100 {
		return text[:100] + "..."
	}
	return text
}
