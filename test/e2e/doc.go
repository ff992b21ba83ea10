// Package e2e tells the stories that users live: manifests in, traffic through, answers counted. Every test runs a whole Cloudgate
// as `cloudgate dev` does, on loopback addresses of its own, with the manifests of examples/ where there are some, and asserts what it
// measures. What is measured and not asserted (times, memory) is printed with the word MEASURED, since machines differ.
//
// A story that is about a load balancer is told on each class: Test… on the class fake, TestAWS/… on the class aws, by the same function.
// What an ALB or NLB cannot do is skipped there, and the reason names the property that forbids it.
package e2e
