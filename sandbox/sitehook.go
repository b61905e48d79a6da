package sandbox

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strconv"
)

// deliveryView is a webhook as the pages show it.
type deliveryView struct {
	*delivery
	To string
}

func (v *visit) hookURL(id int64) string {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if h := v.st.hooks[id]; h != nil {
		u, err := url.Parse(h.URL)
		if err != nil {
			return ""
		}
		return u.Redacted()
	}
	return "a hook that is gone"
}

func deliveriesPage(v *visit) (any, error) {
	before, err := strconv.ParseInt(v.r.URL.Query().Get("before"), 10, 64)
	if err != nil {
		before = 1 << 62
	}
	const page = 100
	list, err := v.deliveries(v.r.Context(), `id < ? ORDER BY id DESC LIMIT ?`, before, page)
	if err != nil {
		return nil, err
	}
	var out []deliveryView
	for _, d := range list {
		out = append(out, deliveryView{d, v.hookURL(d.Hook)})
	}
	var next int64
	if len(list) == page {
		next = list[page-1].ID
	}
	return view{"deliveries", "Webhook deliveries", map[string]any{"Lines": out, "Next": next}}, nil
}

func (v *visit) delivery() (*delivery, error) {
	id, _ := strconv.ParseInt(v.r.PathValue("delivery"), 10, 64)
	list, err := v.deliveries(v.r.Context(), `id = ?`, id)
	if err == nil && len(list) == 0 {
		err = notFound()
	}
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

func deliveryPage(v *visit) (any, error) {
	d, err := v.delivery()
	if err != nil {
		return nil, err
	}
	return view{"delivery", "Delivery " + d.GUID, map[string]any{"D": deliveryView{d, v.hookURL(d.Hook)}, "Body": indent(d.Body), "Sent": indent([]byte(d.ReqHeader)), "Got": indent([]byte(d.Header))}}, nil
}

func deliverAgain(v *visit) (any, error) {
	d, err := v.delivery()
	if err != nil {
		return nil, err
	}
	return redirect("/-/deliveries"), v.redeliver(v.r.Context(), d)
}

// indent makes JSON readable.
func indent(b []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, b, "", "  ") != nil {
		return string(b)
	}
	return out.String()
}
