package codec

import (
	"net/http"
	"reflect"
)

// EC2Query is ec2Query: like awsQuery, with names of its own and flat lists.
type EC2Query struct {
	Namespace string // of the XML: "http://ec2.amazonaws.com/doc/2016-11-15/"
}

// Read implements Protocol.
func (EC2Query) Read(r *http.Request, body []byte) (Call, error) {
	p, err := readForm(r, body)
	if err != nil {
		return Call{}, err
	}
	return Call{Action: p.text("Action"), Version: p.text("Version"), input: func(into any) error {
		return filler{name: ec2Parameter, flat: true, code: "InvalidParameterValue"}.fields(p, reflect.ValueOf(into).Elem(), "")
	}}, nil
}

// Answer implements Protocol.
func (q EC2Query) Answer(action string, output any, requestID string) (Answer, error) {
	w := &xmlWriter{name: ec2Element, element: "item"}
	w.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n<" + action + `Response xmlns="` + q.Namespace + `">`)
	w.text("requestId", requestID)
	if err := w.fields(reflect.ValueOf(output).Elem(), true); err != nil {
		return Answer{}, err
	}
	w.close(action + "Response")
	return ec2Answer(http.StatusOK, w, requestID), nil
}

// Refuse implements Protocol.
func (q EC2Query) Refuse(f Fault, requestID string) Answer {
	w := &xmlWriter{}
	w.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n<Response><Errors><Error>")
	w.text("Code", f.Code)
	w.text("Message", f.Message)
	w.WriteString("</Error></Errors>")
	w.text("RequestID", requestID)
	w.close("Response")
	return ec2Answer(f.Status, w, requestID)
}

func ec2Answer(status int, w *xmlWriter, requestID string) Answer {
	a := xmlAnswer(status, w, requestID)
	a.Header.Set("Content-Type", "text/xml;charset=UTF-8")
	return a
}
