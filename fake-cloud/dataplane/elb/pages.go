package elb

import (
	"fmt"
	"strings"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
)

// serverName is what load balancers call themselves.
const serverName = "awselb/2.0"

const pageType = "text/html"

// phrases of the statuses that a load balancer answers with itself.
var phrases = map[int]string{
	301: "Moved Permanently",
	302: "Found",
	400: "Bad Request",
	403: "Forbidden",
	404: "Not Found",
	405: "Method Not Allowed",
	408: "Request Time-out",
	413: "Request Entity Too Large",
	414: "Request-URI Too Large",
	417: "Expectation Failed",
	421: "Misdirected Request",
	429: "Too Many Requests",
	431: "Request Header Fields Too Large",
	460: "",
	463: "",
	464: "",
	500: "Internal Server Error",
	501: "Not Implemented",
	502: "Bad Gateway",
	503: "Service Temporarily Unavailable",
	504: "Gateway Time-out",
	505: "HTTP Version Not Supported",
	561: "Authentication Error",
}

// page returns the body of an answer of the load balancer's own.
func page(status int) string {
	title := strings.TrimSpace(fmt.Sprint(status, " ", phrases[status]))
	return "<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + title + "</h1></center>\r\n</body>\r\n</html>\r\n"
}

// statuses that the proxy knows and a load balancer answers with another.
var instead = map[int]int{
	431: 400, // header fields that are too large
	421: 400,
}

func makePages() map[int]*proxy.Page {
	out := map[int]*proxy.Page{}
	for status := range phrases {
		shown := status
		if other, ok := instead[status]; ok {
			shown = other
		}
		out[status] = &proxy.Page{Status: shown, ContentType: pageType, Body: page(shown)}
	}
	return out
}

// pages are what all Application Load Balancers answer with themselves.
var pages = makePages()
