// Package sandbox is a GitHub of our own, for trial and for tests: REST, the
// GraphQL that tide and gh ask for, webhooks, git over HTTP, and pages to click.
//
// Takes: HTTP requests as GitHub takes them, and Go calls that set a scene. Gives:
// GitHub's answers, and webhooks. Woken by: requests and pushes; a worker per
// webhook address delivers what is owed, also after a restart.
//
// What people see lives in memory and, before it is answered, in one SQLite file;
// code lives in bare git repositories beside it. The address is meant for one's own
// machine: anybody who reaches the pages may act as any user.
package sandbox
