package hook

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	prow "github.com/prow-ci/prow"
	"sigs.k8s.io/yaml"
)

// everywhere is the selector of a secret for all repositories.
const everywhere = "*"

// Secrets are the tokens that webhooks are signed with: by "owner/name", by
// owner, and for all others. The zero value accepts nothing.
type Secrets struct{ of map[string][][]byte }

// ParseSecrets reads an HMAC file: a YAML map from "owner/name", owner or "*" to
// a list of {value, created_at}, or else one token that is good for all.
func ParseSecrets(file []byte) (Secrets, error) {
	file = bytes.TrimSpace(file)
	if len(file) == 0 {
		return Secrets{}, errors.New("the HMAC secret file is empty: write the webhook's secret into it")
	}
	var levels map[string][]struct {
		Value string `json:"value"`
	}
	if err := yaml.Unmarshal(file, &levels); err != nil || len(levels) == 0 {
		return Secrets{of: map[string][][]byte{everywhere: {file}}}, nil
	}
	s := Secrets{of: map[string][][]byte{}}
	for selector, tokens := range levels {
		s.of[selector] = nil // a level without tokens refuses
		for i, t := range tokens {
			if t.Value == "" {
				return Secrets{}, fmt.Errorf("HMAC secret file: token %d of %q has no value", i+1, selector)
			}
			s.of[selector] = append(s.of[selector], []byte(t.Value))
		}
	}
	return s, nil
}

// For returns the tokens for r: those of the narrowest selector that is there.
func (s Secrets) For(r prow.Repo) [][]byte {
	if r.Name != "" {
		if tokens, ok := s.of[r.String()]; ok {
			return tokens
		}
	}
	if tokens, ok := s.of[r.Owner]; ok && r.Owner != "" {
		return tokens
	}
	return s.of[everywhere]
}

// Signed reports whether signature, as "sha256=<hex>", is body's under one of r's
// tokens.
func (s Secrets) Signed(r prow.Repo, body []byte, signature string) bool {
	text, ok := strings.CutPrefix(signature, "sha256=")
	if !ok {
		return false
	}
	got, err := hex.DecodeString(text)
	if err != nil {
		return false
	}
	good := false
	for _, token := range s.For(r) {
		mac := hmac.New(sha256.New, token)
		mac.Write(body)
		good = hmac.Equal(got, mac.Sum(nil)) || good
	}
	return good
}
