package server

import (
	"net"
	"net/http"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// may lets everyone on this machine rerun, abort and replay; who comes from
// elsewhere may what a rerun_auth_config gives to anyone.
func (s *Server) may(r *http.Request, action string, j *prow.Job) (string, error) {
	if loopback(r) {
		return "someone on this machine", nil
	}
	if j != nil && rerunByAnyone(s.live.Current(), j) {
		return "someone", nil
	}
	return "", prow.Refuse("You may not %s this from here. Do it on the machine that Prow runs on, or allow it to anyone with rerun_auth_config.", action)
}

// loopback reports whether a request was made on this machine, to this machine.
// One that a proxy hands on is not, wherever the proxy runs, and neither is one
// that was sent to a name that someone else may have pointed here.
func loopback(r *http.Request) bool {
	for _, h := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(h) != "" {
			return false
		}
	}
	return loopbackHost(r.RemoteAddr) && loopbackHost(r.Host)
}

func loopbackHost(hostPort string) bool {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		host = strings.Trim(hostPort, "[]")
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// rerunByAnyone reports whether the job's rerun_auth_config, or the last of deck's
// that applies to it, says allow_anyone.
func rerunByAnyone(cfg *config.Config, j *prow.Job) bool {
	if c := j.Spec.RerunAuthConfig; c != nil && c.AllowAnyone {
		return true
	}
	var repo prow.Repo
	if refs := j.MainRefs(); refs != nil {
		repo = refs.RepoID()
	}
	var last *prow.RerunAuthConfig
	for _, e := range cfg.Deck.DefaultRerunAuthConfigs {
		if (e.OrgRepo == "" || e.OrgRepo == "*" || e.OrgRepo == repo.Owner || e.OrgRepo == repo.String()) &&
			(e.Cluster == "" || e.Cluster == "*" || e.Cluster == j.Spec.Cluster) {
			last = e.Config
		}
	}
	return last != nil && last.AllowAnyone
}
