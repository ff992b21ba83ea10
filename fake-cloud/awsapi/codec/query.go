package codec

import (
	"net/http"
	"reflect"
)

// Query is awsQuery: parameters as a form, answers as XML.
type Query struct {
	Namespace string // of the XML: "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"
}

// Read implements Protocol.
func (Query) Read(r *http.Request, body []byte) (Call, error) {
	p, err := readForm(r, body)
	if err != nil {
		return Call{}, err
	}
	return Call{Action: p.text("Action"), Version: p.text("Version"), input: func(into any) error {
		return filler{name: fieldName, code: "MalformedInput"}.fields(p, reflect.ValueOf(into).Elem(), "")
	}}, nil
}

// Answer implements Protocol.
func (q Query) Answer(action string, output any, requestID string) (Answer, error) {
	w := &xmlWriter{name: fieldName, element: "member"}
	w.WriteString("<" + action + `Response xmlns="` + q.Namespace + `">`)
	w.open(action + "Result")
	if err := w.fields(reflect.ValueOf(output).Elem(), true); err != nil {
		return Answer{}, err
	}
	w.close(action + "Result")
	w.open("ResponseMetadata")
	w.text("RequestId", requestID)
	w.close("ResponseMetadata")
	w.close(action + "Response")
	return xmlAnswer(http.StatusOK, w, requestID), nil
}

// Refuse implements Protocol.
func (q Query) Refuse(f Fault, requestID string) Answer {
	w := &xmlWriter{}
	w.WriteString(`<ErrorResponse xmlns="` + q.Namespace + `">`)
	w.open("Error")
	w.text("Type", f.sender())
	w.text("Code", f.Code)
	w.text("Message", f.Message)
	w.close("Error")
	w.text("RequestId", requestID)
	w.close("ErrorResponse")
	return xmlAnswer(f.Status, w, requestID)
}

func xmlAnswer(status int, w *xmlWriter, requestID string) Answer {
	return Answer{Status: status, Body: w.Bytes(), Header: http.Header{
		"Content-Type": {"text/xml"}, "X-Amzn-Requestid": {requestID},
	}}
}
