package manager

import (
	"os"
	"path/filepath"
)

// A restart is a stop and a start, and in between the container is like one that was stopped by hand. A mark in the run directory tells them
// apart: it is there from before the stop until the container has been started again, or is stopped, killed or destroyed on purpose. So a
// restart that was interrupted is finished by the next one.

func (m *Manager) restartMark(container string) string {
	return filepath.Join(m.Dirs.Run, "containers", container, "restart")
}

// mark sets the mark. Where that cannot be done, as on a full disk, the restart goes on: only one that is interrupted needs it.
func (m *Manager) mark(container string) {
	path := m.restartMark(container)
	if os.MkdirAll(filepath.Dir(path), 0o711) != nil { // as record.LiveStore makes it
		return
	}
	_ = os.WriteFile(path, nil, 0o600)
}

// unmark takes the mark away.
func (m *Manager) unmark(container string) {
	path := m.restartMark(container)
	_ = os.Remove(path)               // not there, mostly
	_ = os.Remove(filepath.Dir(path)) // fails where others keep their files, and that is fine
}

func (m *Manager) marked(container string) bool {
	_, err := os.Lstat(m.restartMark(container))
	return err == nil
}
