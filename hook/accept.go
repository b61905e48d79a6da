package hook

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	prow "github.com/prow-ci/prow"
)

// maxBody is the largest webhook GitHub sends.
const maxBody = 25 << 20

// maxName is far more than an id or the name of an event takes.
const maxName = 200

// refusedRequest is why a webhook is not accepted.
type refusedRequest struct {
	code int
	why  string
}

func (e *refusedRequest) Error() string {
	return fmt.Sprintf("%d %s: %s", e.code, http.StatusText(e.code), e.why)
}

func refuse(code int, why string) error { return &refusedRequest{code, why} }

// ServeHTTP accepts one webhook: it checks it, stores it in the Inbox, and only
// then answers 200. A delivery that is known already is answered the same way
// and not handled again.
func (w *Worker) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.accepting.Add(1)
	defer w.accepting.Add(-1)
	text, err := w.accept(rw, r)
	code := http.StatusOK
	if err != nil {
		code, text = http.StatusInternalServerError, "500 Internal Server Error: the webhook could not be stored"
		var no *refusedRequest
		if errors.As(err, &no) {
			code, text = no.code, no.Error()
		} else if r.Context().Err() == nil {
			w.Log.Error("webhook not stored", "delivery", r.Header.Get("X-GitHub-Delivery"), "error", err)
		}
	}
	w.Metrics.answered(code)
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	rw.Header().Set("X-Content-Type-Options", "nosniff")
	rw.WriteHeader(code)
	_, _ = io.WriteString(rw, text+"\n") // the sender has its code
}

func (w *Worker) accept(rw http.ResponseWriter, r *http.Request) (string, error) {
	head, err := checkHead(r)
	if err != nil {
		return "", err
	}
	body, err := readBody(rw, r)
	if err != nil {
		return "", err
	}
	seen, err := peek(body)
	if err != nil {
		return "", refuse(http.StatusForbidden, "the payload is not JSON")
	}
	if !w.Secrets().Signed(seen.Where.Repo, body, head.signature) {
		return "", refuse(http.StatusForbidden, "X-Hub-Signature-256 does not fit the payload; see that both sides have the same secret")
	}
	fresh, err := w.Inbox.Accept(r.Context(), &prow.Delivery{
		ID: head.id, Event: head.event, Action: seen.Action, Where: seen.Where, By: seen.By,
		Received: w.Now(), Header: r.Header.Clone(), Body: body, State: prow.DeliveryWaiting,
	})
	if err != nil {
		return "", err
	}
	w.Metrics.received(head.event)
	if !fresh {
		return "Known already.", nil
	}
	return "Accepted.", nil
}

type head struct{ event, id, signature string }

// checkHead makes the checks that need no body, in the order the original made
// them.
func checkHead(r *http.Request) (h head, err error) {
	h = head{r.Header.Get("X-GitHub-Event"), r.Header.Get("X-GitHub-Delivery"), r.Header.Get("X-Hub-Signature-256")}
	switch {
	case r.Method != http.MethodPost:
		return h, refuse(http.StatusMethodNotAllowed, "webhooks come by POST")
	case h.event == "":
		return h, refuse(http.StatusBadRequest, "the header X-GitHub-Event is missing")
	case h.id == "":
		return h, refuse(http.StatusBadRequest, "the header X-GitHub-Delivery is missing")
	case h.signature == "":
		return h, refuse(http.StatusForbidden, "Missing X-Hub-Signature-256")
	case r.Header.Get("Content-Type") != "application/json":
		return h, refuse(http.StatusBadRequest, "set the webhook's content type to application/json")
	case len(h.id) > maxName || len(h.event) > maxName:
		return h, refuse(http.StatusBadRequest, "X-GitHub-Delivery or X-GitHub-Event is longer than "+strconv.Itoa(maxName)+" characters")
	case r.ContentLength > maxBody:
		return h, tooLarge()
	}
	return h, nil
}

func tooLarge() error {
	return refuse(http.StatusRequestEntityTooLarge, "the payload is larger than "+strconv.Itoa(maxBody>>20)+" MiB")
}

// trusted is how much memory a request gets on its word alone; a larger body has
// to arrive first.
const trusted = 1 << 20

func readBody(rw http.ResponseWriter, r *http.Request) ([]byte, error) {
	limited := http.MaxBytesReader(rw, r.Body, maxBody)
	var body []byte
	var err error
	if n := r.ContentLength; n >= 0 && n <= trusted {
		body = make([]byte, n)
		_, err = io.ReadFull(limited, body)
	} else {
		body, err = io.ReadAll(limited)
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, tooLarge()
	case err != nil:
		return nil, refuse(http.StatusInternalServerError, "the payload ended too early")
	}
	return body, nil
}
