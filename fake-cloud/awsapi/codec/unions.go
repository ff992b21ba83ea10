package codec

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/acm/types"
)

// unions are the members that each union of the API can have. Go cannot list what implements an interface.
var unions = map[reflect.Type][]reflect.Type{
	reflect.TypeFor[types.AcmCertificateMetadataFilter](): {
		reflect.TypeFor[types.AcmCertificateMetadataFilterMemberAcmeAccountId](),
		reflect.TypeFor[types.AcmCertificateMetadataFilterMemberAcmeEndpointArn](),
		reflect.TypeFor[types.AcmCertificateMetadataFilterMemberCertificateKeyPairOrigin](),
		reflect.TypeFor[types.AcmCertificateMetadataFilterMemberExported](),
		reflect.TypeFor[types.AcmCertificateMetadataFilterMemberExportOption](),
		reflect.TypeFor[types.AcmCertificateMetadataFilterMemberInUse](),
		reflect.TypeFor[types.AcmCertificateMetadataFilterMemberManagedBy](),
		reflect.TypeFor[types.AcmCertificateMetadataFilterMemberRenewalStatus](),
		reflect.TypeFor[types.AcmCertificateMetadataFilterMemberStatus](),
		reflect.TypeFor[types.AcmCertificateMetadataFilterMemberType](),
		reflect.TypeFor[types.AcmCertificateMetadataFilterMemberValidationMethod](),
	},
	reflect.TypeFor[types.CertificateAuthority](): {reflect.TypeFor[types.CertificateAuthorityMemberPublicCertificateAuthority]()},
	reflect.TypeFor[types.CertificateFilter](): {
		reflect.TypeFor[types.CertificateFilterMemberAcmCertificateMetadataFilter](),
		reflect.TypeFor[types.CertificateFilterMemberCertificateArn](),
		reflect.TypeFor[types.CertificateFilterMemberX509AttributeFilter](),
	},
	reflect.TypeFor[types.CertificateFilterStatement](): {
		reflect.TypeFor[types.CertificateFilterStatementMemberAnd](),
		reflect.TypeFor[types.CertificateFilterStatementMemberFilter](),
		reflect.TypeFor[types.CertificateFilterStatementMemberNot](),
		reflect.TypeFor[types.CertificateFilterStatementMemberOr](),
	},
	reflect.TypeFor[types.CertificateMetadata](): {reflect.TypeFor[types.CertificateMetadataMemberAcmCertificateMetadata]()},
	reflect.TypeFor[types.GeneralName](): {
		reflect.TypeFor[types.GeneralNameMemberDirectoryName](),
		reflect.TypeFor[types.GeneralNameMemberDnsName](),
		reflect.TypeFor[types.GeneralNameMemberIpAddress](),
		reflect.TypeFor[types.GeneralNameMemberOtherName](),
		reflect.TypeFor[types.GeneralNameMemberRegisteredId](),
		reflect.TypeFor[types.GeneralNameMemberRfc822Name](),
		reflect.TypeFor[types.GeneralNameMemberUniformResourceIdentifier](),
	},
	reflect.TypeFor[types.PrevalidationDetails]():         {reflect.TypeFor[types.PrevalidationDetailsMemberDnsPrevalidation]()},
	reflect.TypeFor[types.PrevalidationOptions]():         {reflect.TypeFor[types.PrevalidationOptionsMemberDnsPrevalidation]()},
	reflect.TypeFor[types.SubjectAlternativeNameFilter](): {reflect.TypeFor[types.SubjectAlternativeNameFilterMemberDnsName]()},
	reflect.TypeFor[types.SubjectFilter]():                {reflect.TypeFor[types.SubjectFilterMemberCommonName]()},
	reflect.TypeFor[types.ValidationChallenge](): {
		reflect.TypeFor[types.ValidationChallengeMemberDnsValidationChallenge](),
		reflect.TypeFor[types.ValidationChallengeMemberEmailValidationChallenge](),
	},
	reflect.TypeFor[types.X509AttributeFilter](): {
		reflect.TypeFor[types.X509AttributeFilterMemberExtendedKeyUsage](),
		reflect.TypeFor[types.X509AttributeFilterMemberKeyAlgorithm](),
		reflect.TypeFor[types.X509AttributeFilterMemberKeyUsage](),
		reflect.TypeFor[types.X509AttributeFilterMemberNotAfter](),
		reflect.TypeFor[types.X509AttributeFilterMemberNotBefore](),
		reflect.TypeFor[types.X509AttributeFilterMemberSerialNumber](),
		reflect.TypeFor[types.X509AttributeFilterMemberSubject](),
		reflect.TypeFor[types.X509AttributeFilterMemberSubjectAlternativeName](),
	},
}

// memberName is what a member of a union is called on the wire: what its type is called beyond "Member".
func memberName(union, member reflect.Type) string {
	return strings.TrimPrefix(member.Name(), union.Name()+"Member")
}

func fillUnion(value any, v reflect.Value, path string) error {
	object, ok := value.(map[string]any)
	if !ok {
		return mistyped(path)
	}
	for _, member := range unions[v.Type()] {
		name := memberName(v.Type(), member)
		given, ok := object[name]
		if !ok || given == nil {
			continue
		}
		made := reflect.New(member)
		if err := fillJSON(given, made.Elem().FieldByName("Value"), join(path, name)); err != nil {
			return err
		}
		v.Set(made)
		return nil
	}
	return mistyped(path)
}

func jsonUnion(v reflect.Value) (any, error) {
	member := v.Elem()
	if member.Kind() == reflect.Pointer && !member.IsNil() {
		for _, known := range unions[v.Type()] {
			if member.Elem().Type() == known {
				value, err := jsonValue(member.Elem().FieldByName("Value"))
				return map[string]any{memberName(v.Type(), known): value}, err
			}
		}
	}
	return nil, fmt.Errorf("codec: %s is no member of %s", member.Type(), v.Type())
}
