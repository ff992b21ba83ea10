// Package aws tests the controller with the provider of AWS against the fake AWS, where what an account does not allow, has or answer ends
// in the statuses of Gateways: with what to do, without hot loops, and with a full recovery.
package aws
