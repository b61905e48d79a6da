package review

import (
	"testing"

	"github.com/prow-ci/prow/prowtest/story"
)

func TestStories(t *testing.T) { story.Run(t, "testdata", All()...) }
