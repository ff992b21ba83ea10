package codec

import (
	"errors"
	"net/http/httptest"
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
)

// read decodes a body as each input, and wants nothing but an input or a fault.
func read(t *testing.T, p Protocol, body []byte, inputs ...any) {
	t.Helper()
	call, err := p.Read(httptest.NewRequest("POST", "/", nil), body)
	for _, in := range inputs {
		if err == nil {
			err = call.Input(reflect.New(reflect.TypeOf(in)).Interface())
		}
		var f *Fault
		if err != nil && (!errors.As(err, &f) || f.Status != 400) {
			t.Errorf("%T: %v", in, err)
		}
	}
}

func FuzzQuery(f *testing.F) {
	f.Add([]byte("Action=CreateRule&Version=2015-12-01&Actions.member.1.Type=forward&Actions.member.1.ForwardConfig.TargetGroups.member.2.Weight=1"))
	f.Add([]byte("Tags=&Tags.member=&Tags.member.0.Key=a&Tags.member.00001.Key=b&Priority=-1"))
	f.Fuzz(func(t *testing.T, body []byte) {
		read(t, Query{}, body, elbv2.CreateRuleInput{}, elbv2.CreateListenerInput{}, elbv2.RegisterTargetsInput{})
	})
}

func FuzzEC2Query(f *testing.F) {
	f.Add([]byte("Action=AuthorizeSecurityGroupIngress&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0&IpPermissions.1.Groups.1.GroupId=sg&FromPort=1"))
	f.Add([]byte("Filter.1.Name=a&Filter.1.Value.2=b&Filter.1.Value=c&DryRun=x"))
	f.Fuzz(func(t *testing.T, body []byte) {
		read(t, EC2Query{}, body, ec2.AuthorizeSecurityGroupIngressInput{}, ec2.DescribeSubnetsInput{}, ec2.CreateSecurityGroupInput{})
	})
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"Certificate":"YQ==","Tags":[{"Key":"a"},null],"CertificateArn":null}`))
	f.Add([]byte(`{"FilterStatement":{"And":[{"Filter":{"CertificateArn":"a"}},{"Not":{}}]},"MaxResults":1.5}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		read(t, JSON{}, body, acm.ImportCertificateInput{}, acm.SearchCertificatesInput{}, acm.ListCertificatesInput{})
	})
}
