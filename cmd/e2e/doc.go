// Package e2e gives tests whole machines to try sysctr on, and holds the stories that sysctr as a whole must tell.
//
// There are two kinds of test host, both Debian 12 and both made by recipe/root.sh once, then cached:
//
//   - a [Host] has systemd as PID 1 inside LXC on this machine: it boots in a second, shares this machine's kernel and costs a copied
//     root directory. The root is a plain directory and never an overlay, since sysctr refuses hosts whose root is one.
//   - a [VM] is emulated by QEMU in software with Debian's own kernel 6.1, AppArmor and pure cgroup v2. It needs about half a minute to boot and
//     can reboot.
//
// One life of a Host, in a test:
//
//	h := e2e.Boot(t, e2e.Options{})
//	h.Install(t)
//	h.Must(t, "sysctr", "create", "web1", "--start")
//	h.Reboot(t)
//	got := h.Run(t, "sysctr", "list", "-o", "name")
//
// The end of the test stops it and removes its processes, cgroups and files. A test process that is killed leaves them behind; the next Boot of
// any test process finds what no living process owns and removes it.
//
// The package needs root, the Debian packages that `make test-hosts` installs, and the network once, for the cache. The cache is .cache/ in the
// source tree, or what SYSCTR_CACHE says; it must not lie on an overlay or on a tmpfs of a kernel below 6.3. fs.inotify.max_user_instances is
// raised to 8192 on the machine and stays so until its next boot: the kernel's 128 are used up by three systemds.
//
// What this package does not do: it knows nothing of sysctr but how to install it.
package e2e
