package sandbox

import (
	"context"
	"fmt"
	"regexp"
	"strings"
)

var loginForm = regexp.MustCompile(`^[A-Za-z0-9](-?[A-Za-z0-9])*(\[bot\])?$`)

func goodLogin(s string) bool {
	return len(s) <= 50 && loginForm.MatchString(s) && !strings.Contains(apiRoots, " "+lower(s)+" ")
}

// CreateUser makes a user who is known by token; one whose name ends in [bot] is a
// bot. An existing user gets the token too.
func (f *Forge) CreateUser(ctx context.Context, login, token string) error {
	if !goodLogin(login) {
		return fmt.Errorf("sandbox: login %q: want letters, digits and single hyphens", login)
	}
	return f.write(ctx, func(t *tx) error {
		a := t.st.logins[lower(login)]
		if a == nil {
			a = &account{ID: t.id(), Login: login, Type: "User", Created: t.o.Now()}
			if strings.HasSuffix(login, "[bot]") {
				a.Type = "Bot"
			}
			a.Email = fmt.Sprintf("%d+%s@users.noreply.github.com", a.ID, login)
			t.create(a)
		}
		if h := hashToken(token); token != "" && t.st.tokens[h] == nil {
			a.Tokens = append(a.Tokens, h)
			t.st.tokens[h] = a
			t.save(a)
		}
		return nil
	})
}

// SetEmail says which mail address makes a commit this user's.
func (f *Forge) SetEmail(ctx context.Context, login, email string) error {
	return f.as(ctx, login, func(t *tx, a *account) error {
		a.Email = email
		t.st.emails[lower(email)] = a
		t.save(a)
		return nil
	})
}

// SetAdmin makes a user administrator of everything.
func (f *Forge) SetAdmin(ctx context.Context, login string) error {
	return f.as(ctx, login, func(t *tx, a *account) error {
		a.Admin = true
		t.save(a)
		return nil
	})
}

// CreateOrg makes an organisation with its owners.
func (f *Forge) CreateOrg(ctx context.Context, name string, owners ...string) error {
	if !goodLogin(name) {
		return fmt.Errorf("sandbox: organisation %q: want letters, digits and single hyphens", name)
	}
	if err := f.write(ctx, func(t *tx) error {
		if t.st.logins[lower(name)] == nil {
			t.create(&account{ID: t.id(), Login: name, Type: "Organization", Members: map[int64]string{}, BasePermission: "read", Created: t.o.Now()})
		}
		return nil
	}); err != nil {
		return err
	}
	for _, o := range owners {
		if err := f.AddMember(ctx, name, o, "admin"); err != nil {
			return err
		}
	}
	return nil
}

// as runs change with the account of that name.
func (f *Forge) as(ctx context.Context, login string, change func(t *tx, a *account) error) error {
	return f.write(ctx, func(t *tx) error {
		a := t.st.logins[lower(login)]
		if a == nil {
			return absent("account " + login)
		}
		return change(t, a)
	})
}

// AddMember makes a user a member ("member") or owner ("admin") of an organisation.
func (f *Forge) AddMember(ctx context.Context, org, login, role string) error {
	return f.as(ctx, org, func(t *tx, o *account) error {
		a := t.st.logins[lower(login)]
		if a == nil {
			return absent("user " + login)
		}
		t.setMember(o, a, role)
		return nil
	})
}

// AddTeam makes a team of members, who become members of the organisation.
func (f *Forge) AddTeam(ctx context.Context, org, name string, members ...string) error {
	return f.as(ctx, org, func(t *tx, o *account) error {
		g := t.teamOf(o.ID, slug(name))
		if g == nil {
			g = t.newTeam(o, name, "")
		}
		for _, m := range members {
			a := t.st.logins[lower(m)]
			if a == nil {
				return absent("user " + m)
			}
			if o.Members[a.ID] == "" {
				t.setMember(o, a, "member")
			}
			g.Members[a.ID] = "member"
		}
		t.save(g)
		return nil
	})
}
