package plugin

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// quoteLimit bounds how much of a person's text a reply quotes, in bytes.
const quoteLimit = 8 << 10

// replyLimit bounds an answer, so that with its quote it stays below GitHub's
// 65,536 characters.
const replyLimit = 48 << 10

// Footer is the section `replies` of plugins.yaml: where people learn about the
// bot, at the end of everything it says.
type Footer struct {
	// CommandsURL is the address of the list of commands. Default: https://go.k8s.io/bot-commands Example: https://prow.example.com/command-help
	CommandsURL string `json:"commands_url,omitempty"`
	// ReportURL is where people report what is odd. Default: Prow's own tracker Example: https://github.com/org/infra/issues/new
	ReportURL string `json:"report_url,omitempty"`
	// Text stands instead of the sentence made of the two. Example: "Questions? Ask in #testing."
	Text string `json:"text,omitempty"`
}

const footerKey = "replies"

// Reply answers the person whose comment this call is about: it mentions them,
// says text, and quotes what they wrote, collapsed. Several replies of one
// call make one comment, and the same reply said again changes nothing, so a
// handler that runs twice for one event answers once. Where nobody spoke, it
// is Say.
func (c *Call) Reply(ctx context.Context, text string) error {
	e, ok := c.Event.(prow.CommentEvent)
	if !ok || e.By == "" {
		return c.Say(ctx, text)
	}
	key := unseen("reply:" + c.Plugin + ":" + e.ID)
	answer := c.gather(key, text)
	body := fmt.Sprintf("@%s: %s\n\n<details>\n\nYou wrote [this](%s):\n\n%s\n\n%s\n</details>",
		e.By, answer, e.URL, Quote(e.Body), c.footer())
	return c.comment(ctx, key, body)
}

// Say answers nobody in particular. It is keyed like Reply, apart from it.
func (c *Call) Say(ctx context.Context, text string) error {
	key := unseen("say:" + c.Plugin + ":" + c.Event.Delivery())
	return c.comment(ctx, key, c.plain(c.gather(key, text)))
}

// Note keeps one comment of this plugin by that key, whoever caused it: another
// text replaces it.
func (c *Call) Note(ctx context.Context, key, text string) error {
	return c.comment(ctx, c.noteKey(key), c.plain(text))
}

// Keep is Note for a text that is complete as it is.
func (c *Call) Keep(ctx context.Context, key, body string) error {
	return c.comment(ctx, c.noteKey(key), body)
}

// Kept reports whether body is that of a comment by Note or Keep with the key.
func (c *Call) Kept(key, body string) bool {
	return strings.Contains(body, "<!-- "+c.noteKey(key)+" -->")
}

// Unnote deletes the comment kept by Note or Keep.
func (c *Call) Unnote(ctx context.Context, key string) error {
	return c.Forge.Uncomment(ctx, c.At, c.noteKey(key))
}

func (c *Call) comment(ctx context.Context, key, body string) error {
	if err := c.Forge.Comment(ctx, c.At, key, body); err != nil {
		return fmt.Errorf("comment on %s: %w", c.At, err)
	}
	return nil
}

// gather adds text to what this call has answered already under the key.
func (c *Call) gather(key, text string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.said == nil {
		c.said = map[string][]string{}
	}
	if !slices.Contains(c.said[key], text) {
		c.said[key] = append(c.said[key], text)
	}
	return cut(strings.Join(c.said[key], "\n\n"), replyLimit)
}

func (c *Call) plain(text string) string {
	return fmt.Sprintf("%s\n\n<details>\n\n%s\n</details>", text, c.footer())
}

func (c *Call) noteKey(key string) string { return unseen(c.Plugin + ":" + key) }

// unseen makes s fit for an HTML comment.
func unseen(s string) string {
	return strings.NewReplacer("--", "-", "<", "", ">", "", "\n", " ").Replace(s)
}

func (c *Call) footer() string {
	f := c.replies()
	if f.Text != "" {
		return f.Text
	}
	return fmt.Sprintf("[What you can say to me](%s). Did I do something odd? [Report it](%s).", f.CommandsURL, f.ReportURL)
}

// CommandsURL is where people find the commands of the call's repository.
func (c *Call) CommandsURL() string {
	at := c.replies().CommandsURL
	if strings.Contains(at, "?") {
		return at
	}
	return at + "?repo=" + url.QueryEscape(c.At.Repo.String())
}

func (c *Call) replies() Footer {
	var f Footer
	if raw, ok := section(c.Config, footerKey); ok {
		_ = json.Unmarshal(raw, &f) // it was checked when it was loaded
	}
	f.CommandsURL = cmp.Or(f.CommandsURL, "https://go.k8s.io/bot-commands")
	f.ReportURL = cmp.Or(f.ReportURL, "https://github.com/kubernetes-sigs/prow/issues/new?title=Prow%20issue:")
	return f
}

func section(cfg *config.Config, key string) (json.RawMessage, bool) {
	if cfg == nil || cfg.Plugins == nil {
		return nil, false
	}
	raw, ok := cfg.Plugins.Sections[key]
	return raw, ok
}

// Quote returns text as a Markdown quotation in which nothing is a command, a
// tag or a hidden mark. A long text is cut.
func Quote(text string) string {
	text = strings.ReplaceAll(strings.TrimRight(cut(text, quoteLimit), "\r\n"), "\r", "")
	return ">" + strings.ReplaceAll(strings.ReplaceAll(text, "<", "&lt;"), "\n", "\n>")
}

// cut returns at most n bytes of s, whole runes, and says when there was more.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "\n… (cut)"
}
