// Package disk keeps the records of one state in one file, so that after a crash the file holds all of a batch or nothing of it, and
// so that a part which is lost or damaged is noticed.
//
// It knows nothing of what the records mean.
package disk
