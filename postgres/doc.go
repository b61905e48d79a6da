// Package postgres keeps accepted webhooks, small values and the story of each
// pull request in a Postgres database that several processes share.
//
// Takes: deliveries, values and notes, through the ports of the root package.
// Gives: the same, found again by any other process. Woken by: its callers, and
// the database, which tells each process what the others did.
//
// Deliveries of one issue or pull request are a line, and a line is a row: who
// holds it handles its first delivery, and nobody else can have another of the
// same line meanwhile. A process is a row, too, that it must renew; when it does
// not, the row goes, and the lines that it held are free again in the same
// statement. What many callers want at once goes to the database as one.
package postgres
