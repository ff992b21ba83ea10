package aws

import (
	"context"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
)

// createTrustStore puts the file into its bucket and makes a trust store of it. Both can be repeated: the file is the same each time, and a
// trust store that is there already says so.
func (a *applier) createTrustStore(ctx context.Context, want graph.Node, spec *TrustStore) (graph.Node, error) {
	const op = "CreateTrustStore"
	bucket, key, ok := a.bundle(want.ID, spec.Tags)
	if !ok {
		return graph.Node{}, invalid(op, "it has no place for its file")
	}
	put, err := call(ctx, a.s3.PutObject, &s3.PutObjectInput{
		Bucket: aws.String(bucket), Key: aws.String(key), Body: strings.NewReader(spec.Bundle), ContentType: aws.String("application/x-pem-file"),
		Tagging: aws.String(objectTags(spec.Tags)),
	})
	if err != nil {
		return graph.Node{}, inBucket(bucket, err)
	}
	name := cloudName(a.owner, want.ID)
	out, err := call(ctx, a.elb.CreateTrustStore, &elb.CreateTrustStoreInput{
		Name: aws.String(name), CaCertificatesBundleS3Bucket: aws.String(bucket), CaCertificatesBundleS3Key: aws.String(key), Tags: elbTags(spec.Tags),
		CaCertificatesBundleS3ObjectVersion: versionOf(put),
	})
	switch kind := cloud.KindOf(err); {
	case hasCode(err, codeDuplicateTrustStore):
		return a.adoptTrustStore(ctx, op, want, name)
	case err != nil && (kind == cloud.Invalid || kind == cloud.Quota || kind == cloud.Denied):
		// There will be no trust store by whose mark the file could be found again.
		if err := a.deleteBundle(ctx, want.ID, spec.Tags); err != nil {
			return graph.Node{}, err
		}
		return graph.Node{}, err
	case err != nil:
		return graph.Node{}, err
	case len(out.TrustStores) != 1 || aws.ToString(out.TrustStores[0].TrustStoreArn) == "":
		return graph.Node{}, badAnswer(op)
	}
	done := made(want, aws.ToString(out.TrustStores[0].TrustStoreArn), &TrustStore{Marked: observedMark(spec.Tags)})
	return withTrustStoreState(done, out.TrustStores[0]), nil
}

// versionOf returns the version that a put has made, so that what others put in its place meanwhile is not taken for it. Nil is the current
// one: of a bucket without versions, and of one that makes them no more, there is no other.
func versionOf(put *s3.PutObjectOutput) *string {
	if v := aws.ToString(put.VersionId); v == "" || v == "null" {
		return nil
	}
	return put.VersionId
}

// adoptTrustStore looks at the trust store that has our name.
func (a *applier) adoptTrustStore(ctx context.Context, op string, want graph.Node, name string) (graph.Node, error) {
	out, err := call(ctx, a.elb.DescribeTrustStores, &elb.DescribeTrustStoresInput{Names: []string{name}})
	if err != nil {
		return graph.Node{}, err
	}
	if len(out.TrustStores) != 1 {
		return graph.Node{}, badAnswer(op)
	}
	arn := aws.ToString(out.TrustStores[0].TrustStoreArn)
	tags, err := a.tagsOf(ctx, []string{arn})
	if err != nil {
		return graph.Node{}, err
	}
	n := node(make(namer).add(KindTrustStore, arn, name, tags[arn]), arn, &TrustStore{Marked: observedMark(tags[arn])})
	return a.adopt(op, "the name "+name, want, withTrustStoreState(n, out.TrustStores[0]))
}

// updateTrustStore changes the tags: all else of a trust store is in its name.
func (a *applier) updateTrustStore(ctx context.Context, want graph.Node, spec *TrustStore, got graph.Node) (graph.Node, error) {
	have, err := gotSpec[TrustStore]("AddTags", got)
	if err != nil {
		return graph.Node{}, err
	}
	if err := a.retag(ctx, got.External, spec.Tags, have.Tags); err != nil {
		return graph.Node{}, err
	}
	return made(want, got.External, &TrustStore{Marked: observedMark(spec.Tags)}), nil
}

// deleteTrustStore deletes the file first: as long as there is the trust store, its mark tells where the file is. AWS needs it only to make
// the trust store.
func (a *applier) deleteTrustStore(ctx context.Context, got graph.Node) error {
	tags := tagsIn(got.Spec)
	if tags == nil {
		all, err := a.tagsOf(ctx, []string{got.External})
		if err != nil {
			return err
		}
		tags = all[got.External]
	}
	if err := a.deleteBundle(ctx, got.ID, tags); err != nil {
		return err
	}
	_, err := call(ctx, a.elb.DeleteTrustStore, &elb.DeleteTrustStoreInput{TrustStoreArn: aws.String(got.External)})
	return err
}

func (a *applier) deleteBundle(ctx context.Context, id graph.ID, tags map[string]string) error {
	bucket, key, ok := a.bundle(id, tags)
	if !ok {
		return nil
	}
	_, err := call(ctx, a.s3.DeleteObject, &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
	if hasCode(err, codeNoSuchBucket) {
		return nil // and the file with it
	}
	return inBucket(bucket, err)
}

// bundle returns where the file of a trust store is. A tag can be changed by others: what has not the name that the file has is not it.
func (a *applier) bundle(id graph.ID, tags map[string]string) (bucket, key string, ok bool) {
	bucket, key, _ = strings.Cut(tags[tagBundle], "/")
	return bucket, key, bucket != "" && path.Base(key) == bundleName(a.owner, id)
}

// inBucket says of which bucket an error is.
func inBucket(bucket string, err error) error {
	switch {
	case err == nil:
		return nil
	case hasCode(err, codeNoSuchBucket):
		return invalid("PutObject", "there is no bucket %s in S3, which the GatewayConfig names in spec.aws.trustStoreBucket", bucket)
	case hasCode(err, codeOtherRegion, codeOtherRegionSigned):
		return invalid("PutObject", "the bucket %s, which the GatewayConfig names in spec.aws.trustStoreBucket, is in another region", bucket)
	}
	return err
}

// objectTags are those of a file: the mark, for an object has at most ten.
func objectTags(tags map[string]string) string {
	query := make(url.Values)
	for _, key := range []string{tagCluster, tagOwner, tagNamespace, tagGateway, tagName} {
		query.Set(key, tags[key])
	}
	return query.Encode()
}

func (p *Provider) listTrustStores(ctx context.Context, scope cloud.Scope) ([]tagged[elbtypes.TrustStore], error) {
	all, err := collect(ctx, elb.NewDescribeTrustStoresPaginator(p.elb, &elb.DescribeTrustStoresInput{PageSize: aws.Int32(pageSize)}),
		func(o *elb.DescribeTrustStoresOutput) []elbtypes.TrustStore { return o.TrustStores })
	if err != nil {
		return nil, err
	}
	prefix := scopePrefix(scope)
	all = slices.DeleteFunc(all, func(s elbtypes.TrustStore) bool { return !strings.HasPrefix(aws.ToString(s.Name), prefix) })
	return marked(ctx, p, scope, all, func(s elbtypes.TrustStore) string { return aws.ToString(s.TrustStoreArn) })
}

// trustStoreNode puts together what was read of a trust store.
func trustStoreNode(known namer, s tagged[elbtypes.TrustStore]) graph.Node {
	return withTrustStoreState(node(known[s.arn], s.arn, &TrustStore{Marked: observedMark(s.tags)}), s.has)
}

// withTrustStoreState sets what a trust store says of itself.
func withTrustStoreState(n graph.Node, s elbtypes.TrustStore) graph.Node {
	if s.Status == elbtypes.TrustStoreStatusCreating {
		n.Pending = "trust store " + n.ID.Name + " is being created"
	}
	return n
}
