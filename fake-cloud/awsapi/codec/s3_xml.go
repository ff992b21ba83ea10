package codec

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"reflect"
)

// element is one of a document.
type element struct {
	name  string
	text  string
	below []*element
}

// maxElements is how many elements a document may have: a thousand objects with five members each, and then some.
const maxElements = 10000

func malformedXML() error {
	return badRequest("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
}

// readXML reads a document. Go's decoder knows no entities but those of XML itself.
func readXML(body []byte) (*element, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	open := []*element{{}}
	for count := 0; ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, malformedXML()
		}
		last := open[len(open)-1]
		switch t := token.(type) {
		case xml.StartElement:
			if count++; count > maxElements || len(open) > maxDepth {
				return nil, malformedXML()
			}
			e := &element{name: t.Name.Local}
			last.below = append(last.below, e)
			open = append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			last.text += string(t)
		case xml.Directive:
			return nil, malformedXML() // no document of S3 has one
		}
	}
	if len(open) != 1 || len(open[0].below) != 1 {
		return nil, malformedXML()
	}
	return open[0].below[0], nil
}

// fillXML fills the members of a struct from the elements that bear their names.
func fillXML(e *element, v reflect.Value) error {
	for i := range v.NumField() {
		member, f := v.Type().Field(i), v.Field(i)
		if !isMember(member) {
			continue
		}
		if f.Kind() == reflect.Slice {
			if err := fillXMLList(e, f, member.Name); err != nil {
				return err
			}
			continue
		}
		for _, below := range e.below {
			if below.name == member.Name {
				if err := fillXMLValue(below, f, member.Name); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func fillXMLList(e *element, f reflect.Value, name string) error {
	list := s3Lists[name]
	parents := []*element{e}
	if !list.flat {
		parents = nil
		for _, below := range e.below {
			if below.name == name {
				parents = append(parents, below)
			}
		}
	}
	for _, p := range parents {
		for _, below := range p.below {
			if below.name != list.element {
				continue
			}
			made := reflect.New(f.Type().Elem()).Elem()
			if err := fillXMLValue(below, made, name); err != nil {
				return err
			}
			f.Set(reflect.Append(f, made))
		}
	}
	return nil
}

func fillXMLValue(e *element, f reflect.Value, name string) error {
	switch {
	case f.Kind() == reflect.Pointer:
		made := reflect.New(f.Type().Elem())
		if err := fillXMLValue(e, made.Elem(), name); err != nil {
			return err
		}
		f.Set(made)
		return nil
	case f.Type() == timeType:
		at, err := s3Time(e.text)
		if err != nil {
			return malformedXML()
		}
		f.Set(reflect.ValueOf(at.UTC()))
		return nil
	case f.Kind() == reflect.Struct:
		return fillXML(e, f)
	}
	return filler{code: "MalformedXML"}.scalar(e.text, f, name)
}
