package review

import (
	"fmt"
	"testing"

	"github.com/prow-ci/prow/plugin"
)

func TestWishes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ body, want string }{
		{"/assign", "[me] []"},
		{"/assign @Ann ben", "[ann ben] []"},
		{"/unassign ann\n/assign ann", "[ann] []"},
		{"/assign ann ben\n/unassign ben", "[ann] [ben]"},
		{"/assign ann  ben\r\n/UNASSIGN", "[ann ben] [me]"},
		{"/assign $HOME", "[] []"},
		{"/assign ann, ben", "[] []"},
		{"/assign org/team", "[] []"},
	} {
		cmd := Assign().Commands[0]
		lines := cmd.Among(plugin.Lines(tt.body))
		add, remove := wishes(lines, "assign", "Me")
		if got := fmt.Sprint(add, " ", remove); got != tt.want {
			t.Errorf("%q: %s, want %s", tt.body, got, tt.want)
		}
	}
}
