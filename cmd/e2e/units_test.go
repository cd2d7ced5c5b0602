package e2e_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sysctr/sysctr/cmd/e2e"
)

// unitHost is a test host in which sysctr is installed and prepared, so that systemd, its PID 1, starts the containers.
type unitHost struct{ *e2e.Host }

func newUnitHost(t testing.TB, o e2e.Options) unitHost {
	t.Helper()
	h := unitHost{e2e.Boot(t, o)}
	h.Install(t)
	h.Must(t, "sysctr", "host", "init")
	return h
}

// sight is what sysctr and systemctl say of one container.
type sight struct {
	State   string    `json:"state"`
	Ready   bool      `json:"ready"`
	Reason  string    `json:"reason"`
	PID     int       `json:"pid"`
	Unit    bool      `json:"unit"`
	Started time.Time `json:"started"`

	Active, Sub, Result string `json:"-"` // systemctl's
	MainPID, Restarts   int    `json:"-"`
}

// up says that both agree on a container that runs.
func (s sight) up() bool {
	return s.State == "running" && s.Ready && s.Unit && s.PID > 1 && s.Active == "active" && s.Sub == "running" && s.MainPID > 1
}

// rest is what is seen of a container that was stopped because somebody wanted it to.
func rest() sight { return sight{State: "stopped", Active: "inactive", Sub: "dead", Result: "success"} }

func (h unitHost) see(t testing.TB, name string) sight {
	t.Helper()
	var list struct {
		Items []sight `json:"items"`
	}
	if err := json.Unmarshal([]byte(h.Must(t, "sysctr", "list", name, "-o", "json")), &list); err != nil || len(list.Items) != 1 {
		t.Fatalf("list %s: %v: %+v", name, err, list)
	}
	s := list.Items[0]
	for line := range strings.Lines(h.Must(t, "systemctl", "show", "sysctr@"+name+".service", "-p", "ActiveState,SubState,Result,MainPID,NRestarts")) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		number, _ := strconv.Atoi(value)
		switch key {
		case "ActiveState":
			s.Active = value
		case "SubState":
			s.Sub = value
		case "Result":
			s.Result = value
		case "MainPID":
			s.MainPID = number
		case "NRestarts":
			s.Restarts = number
		}
	}
	return s
}

// await looks ten times a second until want says yes.
func (h unitHost) await(t testing.TB, name, what string, want func(sight) bool) sight {
	t.Helper()
	ctx := t.Context()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		s := h.see(t, name)
		if want(s) {
			return s
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal(ctx.Err())
		case <-deadline:
			t.Fatalf("%s: not %s after a minute: %+v\n%s", name, what, s, h.journal(t, name))
		}
	}
}

// again waits until a container runs that is another one than it was.
func (h unitHost) again(t testing.TB, name string, before sight) sight {
	t.Helper()
	return h.await(t, name, "up again", func(s sight) bool { return s.up() && s.PID != before.PID && s.MainPID != before.MainPID })
}

func (h unitHost) journal(t testing.TB, name string) string {
	t.Helper()
	return h.Must(t, "journalctl", "-b", "--no-pager", "-q", "-n", "60", "-u", "sysctr@"+name)
}

// inits returns the pid of init of each running container.
func (h unitHost) inits(t testing.TB) map[string]int {
	t.Helper()
	var list struct {
		Items []struct {
			Name, State string
			PID         int
		}
	}
	if err := json.Unmarshal([]byte(h.Must(t, "sysctr", "list", "-o", "json")), &list); err != nil {
		t.Fatalf("list: %v", err)
	}
	pids := map[string]int{}
	for _, c := range list.Items {
		if c.State == "running" {
			pids[c.Name] = c.PID
		}
	}
	return pids
}
