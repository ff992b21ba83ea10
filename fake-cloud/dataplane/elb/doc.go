// Package elb makes the Application and Network Load Balancers of the fake AWS carry traffic, as Elastic Load Balancing does: rules by
// priority with their globs, expressions and transforms, target groups with their health checks and stickiness, what targets are told
// of clients, and the pages that the load balancer answers with itself.
//
// It follows package world/aws through its View, and reports to it how listeners and targets are. It refuses nothing that the account
// has accepted, and knows nothing of the API.
//
// Where its traffic differs from that of AWS:
//
//   - A region is one zone. A load balancer answers in each of its zones, with all targets, whatever cross-zone load balancing, client
//     routing policies and zonal shifts say.
//   - Addresses are IPv4 alone, also of a dualstack load balancer. Security groups and network ACLs hold nothing back, nor do web ACLs.
//   - Before the first good check of a target it is asked more often than its interval says, so that whoever has just begun to listen
//     is found at once. A check counts against it once per interval, as it should.
//   - A request whose target refuses the connection is tried on one other target before it is answered with 502.
//   - Actions that authenticate (OIDC, Cognito, tokens) answer 500, since nobody here can. Lambda functions are answered for with 503,
//     and GENEVE carries nothing. QUIC is passed on as UDP is, without its connection ids.
//   - Weighted random is round robin, and there are no anomalies to mitigate. Access, connection and health check logs are not written.
//   - Expressions are RE2's and match a part of the text, as AWS's examples have it, where AWS does not say.
package elb
