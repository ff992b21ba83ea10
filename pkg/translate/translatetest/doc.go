// Package translatetest reads the golden stories of testdata and shows what becomes of them. A story is one folder: in.yaml holds the
// objects of a cluster, and beside it stands one file for each stage. It is for tests alone: what Cloudgate reads from files is read in
// package reconciler/files.
package translatetest
