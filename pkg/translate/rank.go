package translate

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A Rank is a string that orders the rules of a server: the smallest that matches wins. Its parts stand in the order in which the
// specification breaks ties, each written so that what comes first compares smaller:
//
//	hostname   3 digits: 999 - characters of a hostname without wildcard
//	           3 digits: 999 - characters of a hostname
//	path       a digit for its kind: 0 exact, 1 regular expression, 2 prefix, 3 gRPC method, 4 none
//	           5 digits: 99999 - characters (of the service, for gRPC); nothing to tell apart among exact ones
//	           5 digits: 99999 - characters of the method, for gRPC
//	method     0 where there is one, else 1
//	headers    3 digits: 999 - number
//	query      3 digits: 999 - number
//	age        12 digits: seconds since 1970
//	name       "namespace/name!" - no character of a name is smaller than '!', so that a name comes before those it begins
//	kind       two letters
//	place      4 digits each for the rule, the match in it and the hostname of the route
//
// Numbers that do not fit are cut to what does; they are beyond what the API server lets through.
type rankKey struct {
	hostname string // as the route wrote it
	path     byte
	length   int
	sub      int
	method   bool
	headers  int
	query    int
	rule     int
	match    int
	host     int
}

// The kinds of a path in a rank.
const (
	rankExact  = '0'
	rankRegex  = '1'
	rankPrefix = '2'
	rankGRPC   = '3'
	rankNone   = '4'
)

func (k rankKey) String(meta *metav1.ObjectMeta, kind string) string {
	b := make([]byte, 0, 64+len(meta.Namespace)+len(meta.Name))
	exact := 0
	if !isWildcard(k.hostname) {
		exact = len(k.hostname)
	}
	b = descending(b, exact, 3)
	b = descending(b, len(k.hostname), 3)
	b = append(b, k.path)
	b = descending(b, k.length, 5)
	b = descending(b, k.sub, 5)
	if k.method {
		b = append(b, '0')
	} else {
		b = append(b, '1')
	}
	b = descending(b, k.headers, 3)
	b = descending(b, k.query, 3)
	b = ascending(b, age(meta), 12)
	b = append(b, meta.Namespace...)
	b = append(b, '/')
	b = append(b, meta.Name...)
	b = append(b, '!')
	b = append(b, kind[0], kind[1])
	b = ascending(b, int64(k.rule), 4)
	b = ascending(b, int64(k.match), 4)
	b = ascending(b, int64(k.host), 4)
	return string(b)
}

// ascending appends n in width digits.
func ascending(b []byte, n int64, width int) []byte {
	most := int64(1)
	for range width {
		most *= 10
	}
	n = min(max(n, 0), most-1)
	for range width {
		most /= 10
		b = append(b, byte('0'+n/most%10))
	}
	return b
}

// descending appends n so that a larger one compares smaller.
func descending(b []byte, n, width int) []byte {
	most := 1
	for range width {
		most *= 10
	}
	return ascending(b, int64(most-1-min(n, most-1)), width)
}
