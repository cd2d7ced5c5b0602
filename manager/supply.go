package manager

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/network"
)

// maxFile bounds what is read of a single file of the host. The largest are mount tables.
const maxFile = 16 << 20

// tree is a host's root directory; tests have one of their own.
type tree string

// read returns a file of the host, which may be of a pseudo file system and so have no size.
func (t tree) read(path string) ([]byte, error) {
	file, err := os.OpenFile(filepath.Join(string(t), path), os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if len(content) > maxFile {
		err = errors.New(path + " is too large to be what it should be")
	}
	return content, errors.Join(err, file.Close())
}

// number reads a file that holds one number.
func (t tree) number(path string) (int64, error) {
	content, err := t.read(path)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(content)), 10, 64)
}

func (t tree) exists(path string) bool {
	_, err := os.Lstat(filepath.Join(string(t), path))
	return err == nil
}

// sysctl reads a kernel setting by its sysctl(8) key.
func (t tree) sysctl(key string) (int64, error) { return t.number(sysctlPath(key)) }

func sysctlPath(key string) string { return "proc/sys/" + strings.ReplaceAll(key, ".", "/") }

// ReadSupply reads how much the host below root has of each of Resources; state is the state directory, and pool where id ranges come from.
// What cannot be read is left out.
func ReadSupply(root, state string, pool idrange.Pool) Supply {
	t := tree(root)
	s := Supply{"id ranges": int64(pool.Count - 1), "ports of the bridge": network.MaxPorts} // the first range is that of isolation: shared
	if fixed, err := LoadFixed(lxc.Dirs{State: filepath.Join(root, state)}); err == nil {
		s["addresses"] = int64(fixed.Size())
	}
	for _, r := range Resources() {
		if r.Sysctl == "" {
			continue
		}
		if n, err := t.sysctl(r.Sysctl); err == nil {
			s[r.Name] = n
		}
	}
	if text, err := t.read("proc/meminfo"); err == nil {
		s.addMemory(parseMeminfo(text))
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(filepath.Join(root, state), &fs); err == nil {
		s.addFilesystem(fs)
	}
	return s
}

func (s Supply) addMemory(info map[string]int64) {
	if total, ok := info["MemTotal"]; ok {
		s["memory"] = total + info["SwapTotal"]
	}
	if available, ok := info["MemAvailable"]; ok {
		s["available memory"] = available
	}
}

// addFilesystem takes in what root may write. Filesystems that make inodes as they need them, such as btrfs, have a total of 0.
func (s Supply) addFilesystem(fs unix.Statfs_t) {
	block := uint64(max(fs.Frsize, 1))
	s["disk space"] = int64(min(fs.Bavail, math.MaxInt64/block) * block)
	if fs.Files > 0 {
		s["inodes"] = int64(min(fs.Ffree, math.MaxInt64))
	}
}

// parseMeminfo reads the text of /proc/meminfo, proc_meminfo(5), into bytes by name. Lines it does not understand are left out.
func parseMeminfo(text []byte) map[string]int64 {
	info := map[string]int64{}
	for line := range bytes.Lines(text) {
		fields := strings.Fields(string(line))
		if len(fields) != 3 || fields[2] != "kB" {
			continue
		}
		if n, err := strconv.ParseInt(fields[1], 10, 64); err == nil && n >= 0 && n < math.MaxInt64/1024 {
			info[strings.TrimSuffix(fields[0], ":")] = n * 1024
		}
	}
	return info
}
