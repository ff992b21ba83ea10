package codec

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// JSON is awsJson 1.1.
type JSON struct{}

const jsonType = "application/x-amz-json-1.1"

// Read implements Protocol. The header X-Amz-Target has the version of the API and the action.
func (JSON) Read(r *http.Request, body []byte) (Call, error) {
	version, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	return Call{Action: action, Version: version, input: func(into any) error {
		value, err := parseJSON(body)
		if err != nil {
			return err
		}
		object, ok := value.(map[string]any)
		if !ok {
			return badRequest("SerializationException", "Start of structure or map found where not expected.")
		}
		return fillFields(object, reflect.ValueOf(into).Elem(), "")
	}}, nil
}

func parseJSON(body []byte) (any, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return map[string]any{}, nil
	}
	if err := checkNesting(body); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, badRequest("SerializationException", "The request is not valid JSON")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, badRequest("SerializationException", "The request has something after its JSON")
	}
	return value, nil
}

// checkNesting refuses what is nested so deeply that reading it would cost more than its length says.
func checkNesting(body []byte) error {
	d := json.NewDecoder(bytes.NewReader(body))
	depth := 0
	for {
		token, err := d.Token()
		if err != nil {
			return nil // the end, or an error that the decoder finds again
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			if depth++; depth > maxDepth {
				return badRequest("SerializationException", "The request is nested too deeply")
			}
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
}

func fillFields(object map[string]any, v reflect.Value, path string) error {
	t := v.Type()
	for i := range t.NumField() {
		if !isMember(t.Field(i)) {
			continue
		}
		name := fieldName(t, t.Field(i).Name)
		value, ok := object[name]
		if !ok || value == nil {
			continue
		}
		if err := fillJSON(value, v.Field(i), join(path, name)); err != nil {
			return err
		}
	}
	return nil
}

func fillJSON(value any, v reflect.Value, path string) error {
	switch v.Kind() {
	case reflect.Pointer:
		made := reflect.New(v.Type().Elem())
		if err := fillJSON(value, made.Elem(), path); err != nil {
			return err
		}
		v.Set(made)
		return nil
	case reflect.Interface:
		return fillUnion(value, v, path)
	case reflect.Struct:
		if v.Type() == timeType {
			return fillTime(value, v, path)
		}
		if object, ok := value.(map[string]any); ok {
			return fillFields(object, v, path)
		}
	case reflect.Slice:
		if v.Type() == bytesType {
			return fillBytes(value, v, path)
		}
		if list, ok := value.([]any); ok {
			return fillList(list, v, path)
		}
	case reflect.Map:
		if object, ok := value.(map[string]any); ok {
			return fillMap(object, v, path)
		}
	default:
		return fillScalar(value, v, path)
	}
	return mistyped(path)
}

func fillList(list []any, v reflect.Value, path string) error {
	made := reflect.MakeSlice(v.Type(), len(list), len(list))
	for i, e := range list {
		if e == nil {
			continue
		}
		if err := fillJSON(e, made.Index(i), path+"["+strconv.Itoa(i)+"]"); err != nil {
			return err
		}
	}
	v.Set(made)
	return nil
}

func fillMap(object map[string]any, v reflect.Value, path string) error {
	made := reflect.MakeMap(v.Type())
	for key, value := range object {
		element := reflect.New(v.Type().Elem()).Elem()
		if value != nil {
			if err := fillJSON(value, element, path+"["+shorten(key)+"]"); err != nil {
				return err
			}
		}
		made.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), element)
	}
	v.Set(made)
	return nil
}

func fillBytes(value any, v reflect.Value, path string) error {
	if text, ok := value.(string); ok {
		if raw, err := base64.StdEncoding.DecodeString(text); err == nil {
			v.SetBytes(raw)
			return nil
		}
	}
	return mistyped(path)
}

// fillTime reads seconds since 1970, which may have a fraction.
func fillTime(value any, v reflect.Value, path string) error {
	n, ok := value.(json.Number)
	if !ok {
		return mistyped(path)
	}
	seconds, err := n.Float64()
	if err != nil || math.Abs(seconds) > 1e11 {
		return mistyped(path)
	}
	v.Set(reflect.ValueOf(time.UnixMilli(int64(math.Round(seconds * 1000))).UTC()))
	return nil
}

func fillScalar(value any, v reflect.Value, path string) error {
	switch value := value.(type) {
	case string:
		if v.Kind() == reflect.String {
			v.SetString(value)
			return nil
		}
	case bool:
		if v.Kind() == reflect.Bool {
			v.SetBool(value)
			return nil
		}
	case json.Number:
		if v.CanInt() {
			if n, err := strconv.ParseInt(value.String(), 10, v.Type().Bits()); err == nil {
				v.SetInt(n)
				return nil
			}
		}
		if v.CanFloat() {
			if n, err := value.Float64(); err == nil {
				v.SetFloat(n)
				return nil
			}
		}
	}
	return mistyped(path)
}

func mistyped(path string) error {
	return badRequest("SerializationException", "%s is not of the type that it has to be", path)
}

// Answer implements Protocol.
func (JSON) Answer(_ string, output any, requestID string) (Answer, error) {
	object, err := jsonFields(reflect.ValueOf(output).Elem(), true)
	if err != nil {
		return Answer{}, err
	}
	return jsonAnswer(http.StatusOK, object, requestID)
}

// Refuse implements Protocol.
func (JSON) Refuse(f Fault, requestID string) Answer {
	a, err := jsonAnswer(f.Status, map[string]any{"__type": f.Code, "message": f.Message}, requestID)
	if err != nil {
		panic(err) // two strings
	}
	return a
}

func jsonAnswer(status int, object any, requestID string) (Answer, error) {
	body, err := json.Marshal(object)
	return Answer{Status: status, Body: body, Header: http.Header{
		"Content-Type": {jsonType}, "X-Amzn-Requestid": {requestID},
	}}, err
}

// jsonFields returns a struct as a JSON object. At the top a list that is nil is there too: an answer has its list, also an empty one.
func jsonFields(v reflect.Value, top bool) (map[string]any, error) {
	t := v.Type()
	object := map[string]any{}
	for i := range t.NumField() {
		if !isMember(t.Field(i)) {
			continue
		}
		name, member := fieldName(t, t.Field(i).Name), v.Field(i)
		if isAbsent(member) {
			if top && member.Kind() == reflect.Slice && member.Type() != bytesType {
				object[name] = []any{}
			}
			continue
		}
		value, err := jsonValue(member)
		if err != nil {
			return nil, err
		}
		object[name] = value
	}
	return object, nil
}

func jsonValue(v reflect.Value) (any, error) {
	if (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) && v.IsNil() {
		return nil, nil // an element of a list
	}
	switch v.Kind() {
	case reflect.Pointer:
		return jsonValue(v.Elem())
	case reflect.Interface:
		return jsonUnion(v)
	case reflect.Struct:
		if v.Type() == timeType {
			return json.Number(strconv.FormatFloat(float64(v.Interface().(time.Time).UnixMilli())/1000, 'f', -1, 64)), nil
		}
		return jsonFields(v, false)
	case reflect.Slice:
		if v.Type() == bytesType {
			return base64.StdEncoding.EncodeToString(v.Bytes()), nil
		}
		list := make([]any, 0, v.Len())
		for i := range v.Len() {
			value, err := jsonValue(v.Index(i))
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		return list, nil
	case reflect.Map:
		object := map[string]any{}
		for _, k := range v.MapKeys() {
			value, err := jsonValue(v.MapIndex(k))
			if err != nil {
				return nil, err
			}
			object[k.String()] = value
		}
		return object, nil
	case reflect.String:
		return v.String(), nil
	default:
		return v.Interface(), nil
	}
}
