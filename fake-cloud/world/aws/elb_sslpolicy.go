package aws

const defaultSSLPolicy = "ELBSecurityPolicy-2016-08"

func sslPolicy(name string) (string, bool) { return name, true }
