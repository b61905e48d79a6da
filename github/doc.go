// Package github is the Forge on GitHub's REST and GraphQL interfaces, and the
// reader of its webhooks.
//
// Takes: an address, a token, calls of the port. Gives: prow.Forge, and a
// webhook's body as prow.Events. Woken by: its callers only.
//
// What GitHub itself does not tell, the port cannot either: a pull request lists
// at most 3,000 files and 250 commits, an issue's events go back to the time
// GitHub keeps them.
//
// A request passes, outside in: the token (auth.go), patience (retry.go), the
// memory of answers (cache.go), the count of what is left (budget.go). Lists are
// read with 100 a page to their end.
package github
