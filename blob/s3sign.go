package blob

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// linkLife is how long a signed link is good for.
const linkLife = 10 * time.Minute

const amzTime = "20060102T150405Z"

// signS3 signs a request with Amazon's signature, version 4.
func signS3(r *http.Request, body []byte, k s3Settings, region string, now time.Time) {
	at := now.UTC().Format(amzTime)
	sum := sha256.Sum256(body)
	r.Header.Set("X-Amz-Date", at)
	r.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
	if k.SessionToken != "" {
		r.Header.Set("X-Amz-Security-Token", k.SessionToken)
	}
	signed := []string{"host"}
	for h := range r.Header {
		if l := strings.ToLower(h); strings.HasPrefix(l, "x-amz-") || l == "content-type" || l == "content-encoding" || l == "range" || l == "if-match" {
			signed = append(signed, l)
		}
	}
	slices.Sort(signed)
	var headers strings.Builder
	for _, h := range signed {
		v := r.Header.Get(h)
		if h == "host" {
			v = r.URL.Host
		}
		headers.WriteString(h + ":" + strings.Join(strings.Fields(v), " ") + "\n")
	}
	canonical := strings.Join([]string{
		r.Method, escapePath(r.URL.Path), r.URL.RawQuery, headers.String(), strings.Join(signed, ";"), hex.EncodeToString(sum[:]),
	}, "\n")
	scope := at[:8] + "/" + region + "/s3/aws4_request"
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+k.AccessKey+"/"+scope+
		", SignedHeaders="+strings.Join(signed, ";")+", Signature="+amzSignature(k.SecretKey, scope, at, canonical))
}

// presignS3 returns an address that anybody may GET for a while.
func presignS3(address string, k s3Settings, region string, now time.Time, life time.Duration) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	at := now.UTC().Format(amzTime)
	scope := at[:8] + "/" + region + "/s3/aws4_request"
	q := url.Values{
		"X-Amz-Algorithm": {"AWS4-HMAC-SHA256"}, "X-Amz-Credential": {k.AccessKey + "/" + scope}, "X-Amz-Date": {at},
		"X-Amz-Expires": {strconv.Itoa(int(life.Seconds()))}, "X-Amz-SignedHeaders": {"host"},
	}
	if k.SessionToken != "" {
		q.Set("X-Amz-Security-Token", k.SessionToken)
	}
	u.RawQuery = escapeQuery(q)
	canonical := strings.Join([]string{"GET", escapePath(u.Path), u.RawQuery, "host:" + u.Host + "\n", "host", "UNSIGNED-PAYLOAD"}, "\n")
	u.RawQuery += "&X-Amz-Signature=" + amzSignature(k.SecretKey, scope, at, canonical)
	return u.String()
}

func amzSignature(secret, scope, at, canonical string) string {
	sum := sha256.Sum256([]byte(canonical))
	key := []byte("AWS4" + secret)
	for part := range strings.SplitSeq(scope, "/") {
		key = hmacSHA256(key, part)
	}
	return hex.EncodeToString(hmacSHA256(key, "AWS4-HMAC-SHA256\n"+at+"\n"+scope+"\n"+hex.EncodeToString(sum[:])))
}

func hmacSHA256(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// escapePath escapes all but what signatures leave alone, and the slashes.
func escapePath(p string) string { return escape(p, true) }

func escape(s string, slashes bool) string {
	const hexes = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == '~', c == '/' && slashes:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', hexes[c>>4], hexes[c&15]})
		}
	}
	return b.String()
}

// escapeQuery is a query as signatures want it: sorted, and a space is %20.
func escapeQuery(q url.Values) string {
	var pairs []string
	for k, vs := range q {
		for _, v := range vs {
			pairs = append(pairs, escape(k, false)+"="+escape(v, false))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}
