package blob

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// MakeAzureContainer makes what tests write to; Prow itself makes no buckets.
func MakeAzureContainer(ctx context.Context, name, credentials string) error {
	a, err := openAzure(Options{AzureCredentials: credentials}, name, world{newClient(), time.Now})
	if err != nil {
		return err
	}
	_, _, err = a.readAzure(ctx, "", url.Values{"restype": {"container"}}, call{method: http.MethodPut, body: []byte{}})
	return err
}
