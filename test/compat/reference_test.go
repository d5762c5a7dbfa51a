package compat

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestTheReferenceCanBeReadAndTried opens the page of the API in a browser: every operation, the
// search, a request with and without a token, by keyboard; with axe in light and dark, wide and
// narrow.
func TestTheReferenceCanBeReadAndTried(t *testing.T) {
	s := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", filepath.Join("js", "reference.js"))
	cmd.Env = append(os.Environ(), "MUSTER_URL="+s.url, "COMPAT_TOKEN="+adminToken, "CHROMIUM="+chromium(t))
	if wrong, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, wrong)
	}
}
