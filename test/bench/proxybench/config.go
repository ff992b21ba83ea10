//go:build linux

package main

import (
	"fmt"
	"path/filepath"
	"strings"
)

// The configurations make every proxy do the same work: one worker, one upstream with its connections kept, Host passed on,
// X-Forwarded-For and -Proto set, no log, TLS 1.3 with the cipher that Go chooses on machines with AES instructions. Where a default would
// cost a proxy something that the others do not pay (buffers too small for a body, no splicing, connections closed after so many requests),
// it is changed.

const cipher = "TLS_AES_128_GCM_SHA256"

func findStreamModule() string {
	for _, pattern := range []string{"/usr/lib/nginx/modules/ngx_stream_module.so", "/usr/lib*/nginx/modules/ngx_stream_module.so"} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

func nginxConfig(folder, streamModule string, at, behind map[string]string, cert certificate) string {
	var s strings.Builder
	if streamModule != "" {
		fmt.Fprintf(&s, "load_module %s;\n", streamModule)
	}
	fmt.Fprintf(&s, `daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid %[1]s/pid;
error_log stderr crit;
events {
	worker_connections 8192;
	multi_accept on;
}
http {
	access_log off;
	keepalive_timeout 75s;
	keepalive_requests 1000000000;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	upstream web {
		server %[2]s;
		keepalive 512;
		keepalive_requests 1000000000;
	}
	proxy_http_version 1.1;
	proxy_set_header Connection "";
	proxy_set_header Host $http_host;
	proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
	proxy_set_header X-Forwarded-Proto $scheme;
	proxy_max_temp_file_size 0;
	ssl_certificate %[3]s;
	ssl_certificate_key %[4]s;
	ssl_protocols TLSv1.3;
	ssl_conf_command Ciphersuites %[5]s;
	ssl_ecdh_curve X25519;
	server {
		listen %[6]s backlog=4096;
		listen %[7]s ssl http2 backlog=4096;
		location / {
			proxy_pass http://web;
		}
		location /64k {
			proxy_pass http://web;
			proxy_buffer_size 32k;
			proxy_buffers 4 64k;
			proxy_busy_buffers_size 128k;
		}
	}
}
`, folder, behind["web"], cert.chain, cert.key, cipher, at[plain], at[secure])
	if streamModule != "" {
		fmt.Fprintf(&s, `stream {
	access_log off;
	tcp_nodelay on;
	proxy_buffer_size 64k;
	server {
		listen %s backlog=4096;
		proxy_pass %s;
	}
	server {
		listen %s backlog=4096;
		proxy_pass %s;
	}
}
`, at[echo], behind[echo], at[flood], behind[flood])
	}
	return s.String()
}

func haproxyConfig(at, behind map[string]string, cert certificate) string {
	return fmt.Sprintf(`global
	nbthread 1
	maxconn 4000
	ssl-default-bind-options ssl-min-ver TLSv1.3
	ssl-default-bind-ciphersuites %[1]s
	ssl-default-bind-curves X25519
defaults
	timeout connect 5s
	timeout client 75s
	timeout server 75s
	timeout http-keep-alive 75s
	backlog 4096
frontend http
	mode http
	bind %[2]s
	bind %[3]s ssl crt %[4]s alpn h2,http/1.1
	option forwardfor
	http-request set-header X-Forwarded-Proto http unless { ssl_fc }
	http-request set-header X-Forwarded-Proto https if { ssl_fc }
	default_backend web
backend web
	mode http
	http-reuse always
	option splice-response
	server web %[5]s
listen echo
	mode tcp
	bind %[6]s
	server echo %[7]s
listen flood
	mode tcp
	option splice-response
	bind %[8]s
	server flood %[9]s
`, cipher, at[plain], at[secure], cert.both, behind["web"], at[echo], behind[echo], at[flood], behind[flood])
}
