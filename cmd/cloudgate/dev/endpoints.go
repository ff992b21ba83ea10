package dev

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// endpoints knows where the listeners of the fake cloud's load balancers really answer, which no Gateway status says: the port is
// another one where this user may not listen on the listener's. It asks the fake cloud only for what it does not know yet.
type endpoints struct {
	base      string
	token     string
	client    http.Client
	known     map[endpointKey]string
	learntFor string
	// aws knows it of a load balancer that has a DNS name; nil where there is no fake AWS.
	aws func(name string, port int32, udp bool) (netip.AddrPort, bool)
}

// endpointKey names a listener from outside: TCP and UDP can share a port.
type endpointKey struct {
	address string
	port    int32
	udp     bool
}

func newEndpoints(base, token string) *endpoints {
	return &endpoints{base: base, token: token, client: http.Client{Timeout: 10 * time.Second}}
}

// find returns the endpoint of a listener, or "" when the fake cloud has none.
func (e *endpoints) find(ctx context.Context, address string, port int32, protocol string) (string, error) {
	if _, err := netip.ParseAddr(address); err != nil {
		return e.findAWS(address, port, protocol == "UDP"), nil
	}
	key := endpointKey{address, port, protocol == "UDP"}
	if found, ok := e.known[key]; ok {
		return found, nil
	}
	if err := e.refresh(ctx); err != nil {
		return "", err
	}
	return e.known[key], nil
}

func (e *endpoints) findAWS(name string, port int32, udp bool) string {
	if e.aws == nil {
		return ""
	}
	if at, ok := e.aws(name, port, udp); ok {
		return at.String()
	}
	return ""
}

// keepFor forgets what is known when the Gateways, of which generations tells, are not those that it was learnt for.
func (e *endpoints) keepFor(generations string) {
	if e.learntFor != generations {
		e.known, e.learntFor = nil, generations
	}
}

func (e *endpoints) refresh(ctx context.Context) error {
	balancers, err := list[struct {
		ID  string   `json:"id"`
		IPs []string `json:"ips"`
	}](ctx, e, "/v1/loadbalancers")
	if err != nil {
		return err
	}
	listeners, err := list[struct {
		LoadBalancer string `json:"loadBalancer"`
		Port         int32  `json:"port"`
		Protocol     string `json:"protocol"`
		Endpoint     string `json:"endpoint"`
	}](ctx, e, "/v1/listeners")
	if err != nil {
		return err
	}
	addresses := map[string][]string{}
	for _, b := range balancers {
		addresses[b.ID] = b.IPs
	}
	e.known = map[endpointKey]string{}
	for _, l := range listeners {
		if l.Endpoint == "" {
			continue
		}
		for _, address := range addresses[l.LoadBalancer] {
			e.known[endpointKey{address, l.Port, l.Protocol == "UDP"}] = l.Endpoint
		}
	}
	return nil
}

// list returns all pages of a list.
func list[T any](ctx context.Context, e *endpoints, path string) ([]T, error) {
	var all []T
	for token := ""; ; {
		page, err := listPage[T](ctx, e, path+"?pageSize=500&pageToken="+url.QueryEscape(token))
		if err != nil {
			return nil, fmt.Errorf("ask the fake cloud where it listens: %w", err)
		}
		all = append(all, page.Items...)
		if token = page.NextPageToken; token == "" {
			return all, nil
		}
	}
}

type pageOf[T any] struct {
	Items         []T    `json:"items"`
	NextPageToken string `json:"nextPageToken"`
}

func listPage[T any](ctx context.Context, e *endpoints, path string) (pageOf[T], error) {
	var page pageOf[T]
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, e.base+path, nil)
	if err != nil {
		return page, err
	}
	if e.token != "" {
		request.Header.Set("Authorization", "Bearer "+e.token)
	}
	response, err := e.client.Do(request)
	if err != nil {
		return page, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return page, fmt.Errorf("the fake cloud answered %s", response.Status)
	}
	return page, json.NewDecoder(response.Body).Decode(&page)
}
