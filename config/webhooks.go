package config

import (
	"time"

	prow "github.com/prow-ci/prow"
)

// ManagedWebhooks configures the rotation of webhook secrets.
type ManagedWebhooks struct {
	// RespectLegacyGlobalToken keeps the old secret that all shared valid. Default: false
	RespectLegacyGlobalToken bool `json:"respect_legacy_global_token"`
	// AutoAcceptInvitation accepts invitations to administer the listed organisations and repositories. Default: false
	AutoAcceptInvitation bool `json:"auto_accept_invitation"`
	// OrgRepoConfig lists the "org" or "org/repo" whose webhooks are managed.
	OrgRepoConfig map[string]ManagedWebhook `json:"org_repo_config,omitempty"`
}

// ManagedWebhook is the webhook of one organisation or repository.
type ManagedWebhook struct {
	// TokenCreatedAfter has secrets that are older replaced. Example: 2026-01-02T00:00:00Z
	TokenCreatedAfter time.Time `json:"token_created_after"`
}

func (m *ManagedWebhooks) check(at spot, now time.Time) {
	for _, k := range keysOf(m.OrgRepoConfig) {
		at := at.at("org_repo_config", k)
		if _, err := prow.ParseRepo(k); err != nil && !isOrg(k) {
			at.warn(KindNoEffect, "is no organisation and no repository", "write org or org/repo")
		}
		if m.OrgRepoConfig[k].TokenCreatedAfter.After(now) {
			at.at("token_created_after").hinted("is in the future", "give a time that has been, so that a new secret is newer")
		}
	}
}
