package awscli

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/shield"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/awsapi/codec"
)

// text is the value of every string in an answer.
const text = `text with <, >, & and "`

// service is one whose answers boto3 has to understand.
type service struct {
	protocol codec.Protocol
	client   reflect.Type
	actions  []string // nil: all
}

// services are by what boto3 calls them; scopes are what their signatures call them.
var (
	services = map[string]service{
		"elbv2":                    {codec.Query{Namespace: "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"}, reflect.TypeFor[*elbv2.Client](), nil},
		"ec2":                      {codec.EC2Query{Namespace: "http://ec2.amazonaws.com/doc/2016-11-15/"}, reflect.TypeFor[*ec2.Client](), codec.EC2Actions},
		"acm":                      {codec.JSON{}, reflect.TypeFor[*acm.Client](), []string{"DescribeCertificate", "GetCertificate", "ImportCertificate", "ListCertificates", "ListTagsForCertificate", "RequestCertificate"}},
		"sts":                      {codec.Query{Namespace: "https://sts.amazonaws.com/doc/2011-06-15/"}, reflect.TypeFor[*sts.Client](), []string{"AssumeRole", "GetCallerIdentity"}},
		"resourcegroupstaggingapi": {codec.JSON{}, reflect.TypeFor[*tagging.Client](), []string{"GetResources", "GetTagKeys", "GetTagValues"}},
		"shield":                   {codec.JSON{}, reflect.TypeFor[*shield.Client](), []string{"DescribeProtection", "GetSubscriptionState"}},
	}
	scopes = map[string]string{"elasticloadbalancing": "elbv2", "tagging": "resourcegroupstaggingapi", "ec2": "ec2", "acm": "acm", "sts": "sts", "shield": "shield"}
)

// TestBoto3ReadsEveryAnswer: the SDK for Go takes the names of XML elements in any case, boto3 does not. So it is boto3 that says whether the
// names are right.
func TestBoto3ReadsEveryAnswer(t *testing.T) {
	found := programs("python3", "-c", "import boto3; print(boto3.__version__)")
	if len(found) == 0 {
		t.Skip("there is no Python with boto3 on the PATH: apt-get install python3-boto3")
	}
	api := httptest.NewServer(http.HandlerFunc(answerFilled))
	t.Cleanup(api.Close)
	asked := filepath.Join(t.TempDir(), "asked.json")
	raw, err := json.Marshal(wanted())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(asked, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, version := range found {
		t.Run(path, func(t *testing.T) {
			cmd := exec.Command(path, "answers.py", asked)
			cmd.Env = append(cmd.Env, "PATH="+os.Getenv("PATH"))
			out := strings.TrimSpace(runAt(t, api.URL, cmd))
			if n, err := strconv.Atoi(out); err != nil || n < 100 {
				t.Errorf("want over a hundred actions, got %q", out)
			}
			t.Logf("boto3 %s: %s actions", version, out)
		})
	}
}

// outputs returns the types of a service's outputs, by action.
func (s service) outputs() map[string]reflect.Type {
	found := map[string]reflect.Type{}
	for i := range s.client.NumMethod() {
		m := s.client.Method(i)
		if m.Type.NumIn() == 4 && m.Type.NumOut() == 2 && (s.actions == nil || slices.Contains(s.actions, m.Name)) {
			found[m.Name] = m.Type.Out(0).Elem()
		}
	}
	return found
}

// wanted is what the script is told.
func wanted() map[string]any {
	actions, members := map[string][]string{}, map[string]bool{}
	for name, s := range services {
		for action, output := range s.outputs() {
			actions[name] = append(actions[name], action)
			fill(reflect.New(output).Elem(), map[reflect.Type]int{}, members)
		}
	}
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	return map[string]any{"services": actions, "members": names, "text": text}
}

// answerFilled answers every action with an output that has every member.
func answerFilled(w http.ResponseWriter, r *http.Request) {
	_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	s := services[scopes[strings.Split(scope+"////", "/")[3]]]
	body, err := io.ReadAll(r.Body)
	if err != nil || s.protocol == nil {
		http.Error(w, "no such service", http.StatusBadRequest)
		return
	}
	call, err := s.protocol.Read(r, body)
	output := s.outputs()[call.Action]
	if err != nil || output == nil {
		http.Error(w, "no such action", http.StatusBadRequest)
		return
	}
	filled := reflect.New(output)
	fill(filled.Elem(), map[reflect.Type]int{}, map[string]bool{})
	answer, err := s.protocol.Answer(call.Action, filled.Interface(), "an-id")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Status)
	_, _ = w.Write(answer.Body) // the client may have gone
}

// fill gives every member a value, and notes its name.
func fill(v reflect.Value, within map[reflect.Type]int, names map[string]bool) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), within, names)
	case reflect.Struct:
		if within[v.Type()] > 0 {
			return
		}
		within[v.Type()]++
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "ResultMetadata" {
				names[strings.ToLower(f.Name)] = true
				fill(v.Field(i), within, names)
			}
		}
		within[v.Type()]--
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(text))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), within, names)
		fill(v.Index(1), within, names)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		value := reflect.New(v.Type().Elem()).Elem()
		fill(value, within, names)
		v.SetMapIndex(reflect.ValueOf("key").Convert(v.Type().Key()), value)
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		v.SetInt(7)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(1.5)
	default: // a union; the script passes over those
	}
}
