package sandbox

import "net/http"

func (f *Forge) sites() http.Handler { return http.NotFoundHandler() }
