package sinktest

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// DynamoDB is a dynalite process on loopback, which speaks the protocol of DynamoDB and keeps its tables in
// memory. It ends with the test.
type DynamoDB struct {
	t       testing.TB
	URL     string
	port    int
	process *exec.Cmd
}

// dynalite is where test/setup.sh installs it, as seen from the folder of a sink.
var dynalite = filepath.Join("..", "..", "..", "test", "compat", "js", "node_modules", "dynalite", "cli.js")

// StartDynamoDB starts a dynalite. It skips the test where there is none, unless every test is to run.
func StartDynamoDB(t testing.TB) *DynamoDB {
	t.Helper()
	if _, err := os.Stat(dynalite); err != nil {
		if os.Getenv("MUSTER_TEST_ALL") != "" {
			t.Fatal("dynalite is not installed; test/setup.sh installs it")
		}
		t.Skip("dynalite is not installed; test/setup.sh installs it")
	}
	d := &DynamoDB{t: t, port: FreePort(t)}
	d.URL = "http://127.0.0.1:" + strconv.Itoa(d.port)
	t.Cleanup(d.Kill)
	d.Start()
	return d
}

// Start starts the process, on the same port, without a table.
func (d *DynamoDB) Start() {
	d.t.Helper()
	d.process = exec.Command("node", dynalite, "--host", "127.0.0.1", "--port", strconv.Itoa(d.port), "--createTableMs", "0", "--deleteTableMs", "0") //nolint:noctx // it is ended by its own Kill
	var mishaps bytes.Buffer
	d.process.Stderr = &mishaps
	out, err := d.process.StdoutPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	if err := d.process.Start(); err != nil {
		d.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.Contains(line, "listening") {
		d.Kill() // then mishaps is whole
		d.t.Fatalf("dynalite says %q: %v %s", line, err, mishaps.String())
	}
}

// Kill ends the process as a crash does; its tables are gone.
func (d *DynamoDB) Kill() {
	if d.process == nil {
		return
	}
	_ = d.process.Process.Kill()
	_ = d.process.Wait() // it was killed
	d.process = nil
}
