package github

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// speaker is in whose name a request is sent: with a token always the zero
// speaker, with an App the App itself, or its installation at an owner.
type speaker struct {
	app   bool
	owner string // in lower case
}

type speakerKey struct{}

// by returns the speaker that auth has put into ctx; limits and answers are each
// speaker's own.
func by(ctx context.Context) speaker {
	s, _ := ctx.Value(speakerKey{}).(speaker)
	return s
}

// inNameOf says whose installation is asked, where the address does not tell.
func inNameOf(ctx context.Context, owner string) context.Context {
	return context.WithValue(ctx, speakerKey{}, speaker{owner: strings.ToLower(owner)})
}

// speakerOf reads off a request's address whose it is: what is about the App is
// said by itself, all else by the installation at the owner in the path. base is
// the path of the API.
func speakerOf(req *http.Request, base string) (speaker, error) {
	path := strings.Split(strings.TrimPrefix(req.URL.EscapedPath(), base), "/")
	word := func(n int) string {
		if n >= len(path) {
			return ""
		}
		w, err := url.PathUnescape(path[n])
		if err != nil {
			return path[n]
		}
		return strings.ToLower(w)
	}
	first, installation := word(0), word(len(path)-1) == "installation"
	switch {
	case first == "app":
		return speaker{app: true}, nil
	case installation && (first == "repos" && len(path) == 4 || (first == "orgs" || first == "users") && len(path) == 3):
		return speaker{app: true}, nil
	case (first == "repos" || first == "orgs" || first == "users") && word(1) != "":
		return speaker{owner: word(1)}, nil
	}
	if s := by(req.Context()); s.owner != "" {
		return s, nil
	}
	if req.Response != nil && req.Response.Request != nil {
		return speakerOf(req.Response.Request, base) // redirected, to an address by number
	}
	return speaker{}, fmt.Errorf("a GitHub App asks in the name of an installation, and %s %s names no owner", req.Method, req.URL.Path)
}
