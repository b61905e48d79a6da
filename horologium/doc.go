// Package horologium starts periodic jobs when their time has come.
//
// Takes: the configured periodics, their newest runs, and which tick was handled
// last. Gives: jobs, one per tick. Woken by: the next due time of each periodic,
// the end of its run, and a change of the configuration; between those it
// sleeps.
//
// A tick is the time a run was due at. It stands in the run, and in Memory, so
// a restart starts nothing twice, and of what was due while nobody was here it
// starts one run, not many and not none.
package horologium
