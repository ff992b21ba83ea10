package aws

// objectOverhead is about what an object takes in memory that has nothing in it.
const objectOverhead = 512

// size is about what an object takes in memory: whoever puts it chooses every part.
func (o *Object) size() int {
	n := objectOverhead + len(o.Key) + len(o.Content) + len(o.ETag) + len(o.Type)
	for _, texts := range []map[string]string{o.Tags, o.Headers, o.Metadata, o.Checksums} {
		for key, value := range texts {
			n += len(key) + len(value)
		}
	}
	return n
}

// objectsFit refuses a change after which the objects of the account take more than there is room for. The lock is held.
func (r *Region) objectsFit() error {
	sum := 0
	for _, region := range r.cloud.regions {
		sum += region.objects.sum
	}
	if megabytes := r.quota("s3-megabytes"); sum > megabytes<<20 {
		return s3Fault("EntityTooLarge", 400, "The fake cloud keeps at most %d MB of objects", megabytes)
	}
	return nil
}
