// Package admin is the part of the fake cloud's admin API that is about AWS, below /admin/v1/aws/: by it a test seeds instances, reads what
// the account was asked, makes it hostile, and sets quotas, latencies and rates. It answers in the way of the fake cloud's own admin API.
package admin
