package deck

import (
	"hash/fnv"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
)

// fingerprint stands in the addresses of the static files, which browsers keep
// for good: it changes with their content.
func fingerprint() string {
	sum := fnv.New32a()
	files, _ := fs.Glob(staticFiles, "static/*")
	for _, f := range files {
		b, _ := staticFiles.ReadFile(f)
		_, _ = sum.Write(b)
	}
	return strconv.FormatUint(uint64(sum.Sum32()), 36)
}

func (s *Server) static(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	b, err := staticFiles.ReadFile("static/" + name)
	if err != nil {
		s.fail(w, r, err, false)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	s.respond(w, r, http.StatusOK, mime.TypeByExtension(path.Ext(name)), b)
}

func (s *Server) favicon(w http.ResponseWriter, r *http.Request) {
	if cfg := s.Config(); cfg != nil && cfg.Deck.Branding != nil && cfg.Deck.Branding.Favicon != "" {
		http.Redirect(w, r, cfg.Deck.Branding.Favicon, http.StatusFound)
		return
	}
	b, _ := staticFiles.ReadFile("static/prow.svg")
	w.Header().Set("Content-Type", "image/svg+xml")
	_, _ = w.Write(b)
}
