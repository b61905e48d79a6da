package podutil

import (
	"bytes"
	"mime"
	"os"
	"path"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
)

const (
	gzipped      = "gzip"
	plainText    = "text/plain; charset=utf-8"
	compressFrom = 1 << 10 // smaller files are not worth it
)

// objectName is the name of an artifact in a store that serves it: without the
// suffix of gzip, which is told by its encoding, and without #, which ends an
// address. A folder keeps names as they are.
func (u *upload) objectName(name string) string {
	if !u.far() {
		return name
	}
	name, _ = cutGzip(name)
	return strings.ReplaceAll(name, "#", "%23")
}

func cutGzip(name string) (string, bool) {
	for _, suffix := range []string{".gz", ".gzip"} {
		if before, ok := strings.CutSuffix(name, suffix); ok && path.Base(name) != suffix {
			return before, true
		}
	}
	return name, false
}

// served is how a file of ours is served.
func (u *upload) served(name string) prow.Served {
	return prow.Served{ContentType: u.mediaType(name)}
}

// serving is how an artifact is served, and whether it is compressed on its way.
func (u *upload) serving(name string, f *os.File) (s prow.Served, compress bool) {
	if !u.far() {
		return prow.Served{}, false
	}
	inner, zipped := cutGzip(name)
	s.ContentType = u.mediaType(inner)
	if zipped {
		if s.ContentType == "" {
			s.ContentType = "application/gzip"
		} else {
			s.ContentEncoding = gzipped
		}
		return s, false
	}
	if !u.compresses(name) {
		return s, false
	}
	head := make([]byte, compressFrom+1)
	n, _ := f.ReadAt(head, 0) // what cannot be read fails when it is copied
	if n <= compressFrom || bytes.HasPrefix(head, []byte{0x1f, 0x8b}) {
		return s, false
	}
	if s.ContentType == "" {
		s.ContentType = plainText
	}
	s.ContentEncoding = gzipped
	return s, true
}

func (u *upload) compresses(name string) bool {
	if u.how == nil {
		return false
	}
	types := u.how.CompressFileTypes
	return slices.Contains(types, "*") || slices.Contains(types, strings.TrimPrefix(path.Ext(name), "."))
}

// mediaType is what the configuration, else the system, says of an extension.
func (u *upload) mediaType(name string) string {
	ext := strings.TrimPrefix(path.Ext(name), ".")
	if ext == "" {
		return ""
	}
	if u.how != nil && u.how.MediaTypes[ext] != "" {
		return u.how.MediaTypes[ext]
	}
	// What a browser is to show is not left to the tables of an image.
	switch ext {
	case "txt", "log":
		return plainText
	case "json":
		return "application/json"
	case "xml":
		return "application/xml"
	case "yaml", "yml":
		return "application/yaml"
	}
	return mime.TypeByExtension("." + ext)
}
