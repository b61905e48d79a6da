package sandbox

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"maps"
	"strings"
	"time"
)

// AppOptions describe a GitHub App.
type AppOptions struct {
	Slug        string
	Owner       string            // an account
	Permissions map[string]string // read or write, by GitHub's names
	Keys        []*rsa.PublicKey
}

// CreateApp makes a GitHub App, which writes as "slug[bot]", and returns its id and
// client id. One that exists gets the permissions and keys.
func (f *Forge) CreateApp(ctx context.Context, o AppOptions) (id int64, clientID string, err error) {
	if !goodLogin(o.Slug) || strings.HasSuffix(o.Slug, "[bot]") {
		return 0, "", fmt.Errorf("sandbox: App %q: want letters, digits and single hyphens", o.Slug)
	}
	keys, err := publicKeys(o.Keys)
	if err != nil {
		return 0, "", err
	}
	if err := f.CreateUser(ctx, o.Slug+"[bot]", ""); err != nil {
		return 0, "", err
	}
	err = f.as(ctx, o.Owner, func(t *tx, owner *account) error {
		a := t.st.appBySlug(o.Slug)
		if a == nil {
			bot := t.st.logins[lower(o.Slug+"[bot]")]
			a = &app{ID: t.id(), Slug: o.Slug, Owner: owner.ID, Bot: bot.ID, Created: t.o.Now()}
			a.ClientID = fmt.Sprintf("Iv23li%014d", a.ID)
			bot.App = a.ID
			t.create(a)
			t.save(bot)
		}
		a.Permissions, a.Keys = maps.Clone(o.Permissions), keys
		t.save(a)
		id, clientID = a.ID, a.ClientID
		return nil
	})
	return id, clientID, err
}

func publicKeys(keys []*rsa.PublicKey) ([][]byte, error) {
	var out [][]byte
	for _, k := range keys {
		der, err := x509.MarshalPKIXPublicKey(k)
		if err != nil {
			return nil, fmt.Errorf("sandbox: key of an App: %w", err)
		}
		out = append(out, der)
	}
	return out, nil
}

func (s *state) appBySlug(slug string) *app {
	for _, a := range s.apps {
		if strings.EqualFold(a.Slug, slug) {
			return a
		}
	}
	return nil
}

// SetAppKeys replaces the keys of an App; what the old ones signed is refused.
func (f *Forge) SetAppKeys(ctx context.Context, slug string, keys ...*rsa.PublicKey) error {
	ders, err := publicKeys(keys)
	if err != nil {
		return err
	}
	return f.ofApp(ctx, slug, func(t *tx, a *app) error {
		a.Keys = ders
		t.save(a)
		return nil
	})
}

func (f *Forge) ofApp(ctx context.Context, slug string, change func(t *tx, a *app) error) error {
	return f.write(ctx, func(t *tx) error {
		a := t.st.appBySlug(slug)
		if a == nil {
			return absent("App " + slug)
		}
		return change(t, a)
	})
}

// InstallApp installs an App at an account, or accepts its newest permissions.
func (f *Forge) InstallApp(ctx context.Context, slug, account string) error {
	return f.ofApp(ctx, slug, func(t *tx, a *app) error {
		at := t.st.logins[lower(account)]
		if at == nil {
			return absent("account " + account)
		}
		i := t.st.installed(a.ID, at.ID)
		if i == nil {
			i = &installation{ID: t.id(), App: a.ID, Account: at.ID, Created: t.o.Now()}
			t.create(i)
		}
		i.Permissions = maps.Clone(a.Permissions)
		t.save(i)
		return nil
	})
}

func (f *Forge) ofInstallation(ctx context.Context, slug, account string, change func(t *tx, i *installation)) error {
	return f.ofApp(ctx, slug, func(t *tx, a *app) error {
		at := t.st.logins[lower(account)]
		if at == nil {
			return absent("account " + account)
		}
		i := t.st.installed(a.ID, at.ID)
		if i == nil {
			return absent("installation of " + slug + " in " + account)
		}
		change(t, i)
		return nil
	})
}

// UninstallApp removes an App from an account; its tokens there end.
func (f *Forge) UninstallApp(ctx context.Context, slug, account string) error {
	return f.ofInstallation(ctx, slug, account, func(t *tx, i *installation) { t.remove(i) })
}

// SuspendApp suspends an App at an account, or takes that back.
func (f *Forge) SuspendApp(ctx context.Context, slug, account string, suspended bool) error {
	return f.ofInstallation(ctx, slug, account, func(t *tx, i *installation) {
		i.Suspended = time.Time{}
		if suspended {
			i.Suspended = t.o.Now()
		}
		t.save(i)
	})
}

// EndTokens ends all tokens of an App's installation now.
func (f *Forge) EndTokens(ctx context.Context, slug, account string) error {
	return f.ofInstallation(ctx, slug, account, func(t *tx, i *installation) {
		for _, g := range i.Grants {
			delete(t.st.grants, g.Token)
		}
		i.Grants = nil
		t.save(i)
	})
}
