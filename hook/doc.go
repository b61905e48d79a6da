// Package hook receives webhooks and gives them to the plugins.
//
// Takes: HTTP requests of the forge. Gives: each accepted webhook stored in the
// Inbox before it is answered with 200, and handled once by every plugin that is
// enabled for its repository, the external ones too. Woken by: requests, and the
// Inbox's Watch.
//
// Handling is at least once with effects that are once: what a plugin tells the
// forge is said again after a crash, and the port's writes leave alone what is
// already so. Webhooks of one pull request are handled in their order, those of
// different ones side by side.
package hook
