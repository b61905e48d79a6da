package plugin

import "strings"

// LinkTo is where people find path on the forge whose pages begin at base, by
// default GitHub's.
func LinkTo(base, path string) string {
	if base == "" {
		base = "https://github.com"
	}
	return strings.TrimRight(base, "/") + path
}

// ForgeURL is LinkTo for the forge that is configured, `github.link_url`.
func (c *Call) ForgeURL(path string) string {
	base := ""
	if c.Config != nil {
		base = c.Config.GitHub.LinkURL
	}
	return LinkTo(base, path)
}
