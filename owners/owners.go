// Package owners reads OWNERS files: who may approve and review what.
//
// Takes: an fs.FS of one revision and the options of plugins.yaml. Gives: an
// *Owners that answers for a file. It knows no git and no forge.
package owners

// Owners answers who owns what in one revision. It is immutable.
type Owners struct{}
