// Package qemu holds the story that sysctr tells on Debian's own kernel, in the virtual machine of package e2e. It is a package of its own so that
// the emulator, which takes minutes of processor time and waits for nobody, runs beside the stories of the test hosts and not after them.
package qemu
