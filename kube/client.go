package kube

import (
	"context"

	"k8s.io/client-go/rest"
)

// Client asks an API server what none of the ports is about: whether an
// installation is whole.
type Client struct{ api *api }

// NewClient asks nothing yet. A call that fails is tried again, not for long.
func NewClient(c *rest.Config) (*Client, error) {
	a, err := newAPI(c)
	if err != nil {
		return nil, err
	}
	a.tries, a.timeout = clusterTries, clusterTimeout
	return &Client{api: a}, nil
}

// Do sends one request and returns the answer. body, JSON, may be nil. Errors are
// those of k8s.io/apimachinery/pkg/api/errors.
func (c *Client) Do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	answer, _, err := c.api.call(ctx, request{method: method, path: path, kind: "application/json", body: body})
	return answer, err
}
