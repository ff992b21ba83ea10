package aws

import (
	"strconv"
	"strings"
	"time"
)

// conditions are those of RFC 9110 under which an object is asked for.
type conditions struct {
	match, noneMatch      *string
	modified, notModified *time.Time
}

// conditions returns why the object is not given under them, nil where it is.
func (o *Object) conditions(c conditions) error {
	changed := o.Created.Truncate(time.Second)
	switch {
	case c.match != nil && !sameETag(*c.match, o.ETag):
		return preconditionFailed("If-Match")
	case c.match == nil && c.notModified != nil && changed.After(*c.notModified):
		return preconditionFailed("If-Unmodified-Since")
	case c.noneMatch != nil && sameETag(*c.noneMatch, o.ETag),
		c.noneMatch == nil && c.modified != nil && !changed.After(*c.modified):
		return s3Fault("NotModified", 304, "Not Modified")
	}
	return nil
}

// sameETag tells whether a condition names the ETag, with or without quotes.
func sameETag(asked, etag string) bool {
	return asked == "*" || strings.Trim(asked, `"`) == strings.Trim(etag, `"`)
}

// span of an object's content.
type part struct {
	from, to int
	asked    bool
}

// rangeOf reads a Range for a content of that size. One that is none is no range at all, as RFC 9110 has it.
func rangeOf(header *string, size int) (part, error) {
	whole := part{to: size}
	if header == nil {
		return whole, nil
	}
	first, last, ok := strings.Cut(strings.TrimPrefix(*header, "bytes="), "-")
	if !ok || !strings.HasPrefix(*header, "bytes=") || strings.Contains(last, ",") {
		return whole, nil
	}
	from, errFrom := strconv.ParseUint(first, 10, 31)
	to, errTo := strconv.ParseUint(last, 10, 31)
	p := part{from: int(from), to: size, asked: true}
	switch {
	case first == "" && errTo == nil: // so many at the end
		p.from = max(0, size-int(to))
		if to == 0 {
			p.from = size
		}
	case errFrom != nil || last != "" && errTo != nil || last != "" && to < from:
		return whole, nil
	case last != "":
		p.to = min(size, int(to)+1)
	}
	if p.from >= size {
		return part{}, s3Fault("InvalidRange", 416, "The requested range is not satisfiable").about("ActualObjectSize", strconv.Itoa(size))
	}
	return p, nil
}
