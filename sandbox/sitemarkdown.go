package sandbox

import (
	"html/template"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"
)

// markdown draws what people write as GitHub does, tables and line breaks too.
// HTML in it is left out, and so are addresses such as javascript:, so what comes
// out is safe to show.
func markdown() func(text string) template.HTML {
	md := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithHardWraps()))
	return func(text string) template.HTML {
		var b strings.Builder
		if err := md.Convert([]byte(text), &b); err != nil {
			return template.HTML("<pre>" + template.HTMLEscapeString(text) + "</pre>")
		}
		return template.HTML(strings.ReplaceAll(b.String(), "<!-- raw HTML omitted -->", ""))
	}
}
