# A thin door. On a fresh Debian 12, Debian 13 or Ubuntu:
#   sudo make up     installs sysctr and boots web<1..100>; N=10 for fewer. sudo make down takes it away
#   sudo make test   runs all tests
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build
.PHONY: build up down test faults bench lint test-hosts install uninstall packages

N ?= 100
DESTDIR ?=
PREFIX ?= /usr/local

# sudo may keep the caller's HOME, and root must not leave its files in the caller's Go caches. Git refuses to tell root the version of a tree that
# is not root's unless it is told that the tree is safe.
ifeq ($(shell id -u),0)
export HOME := $(shell getent passwd 0 | cut -d: -f6)
endif
export GIT_CONFIG_COUNT := 1
export GIT_CONFIG_KEY_0 := safe.directory
export GIT_CONFIG_VALUE_0 := $(CURDIR)
export CGO_ENABLED := 1

find_go := GO=$$(cmd/e2e/find-go.sh); export PATH="$$(dirname "$$GO"):$$PATH"
sysctr  := $(DESTDIR)$(PREFIX)/bin/sysctr

build:
	@$(find_go); go build -trimpath -buildvcs=auto -o bin/sysctr ./cmd/sysctr

packages:
	@cmd/e2e/packages.sh gcc libc6-dev pkg-config make git liblxc-common 'lxc-dev|liblxc-dev' libseccomp-dev

install: build
	@install -d $(dir $(sysctr))
	@# By rename: a starter that runs keeps its file, and nobody ever sees half of one.
	@install -m 0755 bin/sysctr $(dir $(sysctr)).sysctr.new && mv -T $(dir $(sysctr)).sysctr.new $(sysctr)
	@# The script that package managers run, by rename as well.
	@install -d $(DESTDIR)$(PREFIX)/lib/sysctr && sed 's,@BINARY@,$(PREFIX)/bin/sysctr,g' hooks/pkg-hook | \
		install -m 0755 /dev/stdin $(DESTDIR)$(PREFIX)/lib/sysctr/.pkg-hook.new && cd $(DESTDIR)$(PREFIX)/lib/sysctr && mv -T .pkg-hook.new pkg-hook
	@for unit in systemd/units/*; do \
		mkdir -p $(DESTDIR)$(PREFIX)/lib/systemd/system; \
		sed 's,@BINARY@,$(PREFIX)/bin/sysctr,g' $$unit | install -m 0644 /dev/stdin $(DESTDIR)$(PREFIX)/lib/systemd/system/$${unit##*/}; \
	done
	@install -d $(DESTDIR)$(PREFIX)/share/{bash-completion/completions,zsh/site-functions,fish/vendor_completions.d}
	@bin/sysctr completion bash | install -m 0644 /dev/stdin $(DESTDIR)$(PREFIX)/share/bash-completion/completions/sysctr
	@bin/sysctr completion zsh | install -m 0644 /dev/stdin $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_sysctr
	@bin/sysctr completion fish | install -m 0644 /dev/stdin $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/sysctr.fish
	@install -d $(DESTDIR)$(PREFIX)/share/man/man{5,7,8} && bin/sysctr _man $(DESTDIR)$(PREFIX)/share/man
	@if [ -z "$(DESTDIR)" ] && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi

uninstall:
	@for unit in systemd/units/*; do rm -f $(DESTDIR)$(PREFIX)/lib/systemd/system/$${unit##*/}; done
	@rm -f $(sysctr) $(DESTDIR)$(PREFIX)/lib/sysctr/pkg-hook
	@rm -f $(DESTDIR)$(PREFIX)/share/{bash-completion/completions/sysctr,zsh/site-functions/_sysctr,fish/vendor_completions.d/sysctr.fish}
	@rm -f $(DESTDIR)$(PREFIX)/share/man/{man8/sysctr{,-*}.8,man7/sysctr{,-patch}.7,man5/sysctr-profile.5}
	@# Directories that install may have made, where nobody else uses them.
	@for dir in lib/sysctr lib/systemd/system lib/systemd share/{bash-completion/completions,bash-completion,zsh/site-functions,zsh} \
		share/{fish/vendor_completions.d,fish,man/man5,man/man7,man/man8}; do rmdir $(DESTDIR)$(PREFIX)/$$dir 2>/dev/null || true; done
	@if [ -z "$(DESTDIR)" ] && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi

up: packages install
	@$(sysctr) host init
	@$(sysctr) create 'web<1..$(N)>' --start --missing
	@$(sysctr) list

# Exit status 4 of destroy: there was no container.
down:
	@if [ -x $(sysctr) ]; then $(sysctr) destroy all --yes --force || [ $$? = 4 ]; $(sysctr) host remove; fi
	@$(MAKE) --no-print-directory uninstall
	@echo "Kept: distribution packages (liblxc and what builds sysctr), bin/ and .cache/ of this tree$$([ ! -e /etc/sysctr ] || echo ', /etc/sysctr')."

test-hosts: packages
	@cmd/e2e/packages.sh lxc mmdebstrap debian-archive-keyring e2fsprogs zstd qemu-system-x86 uidmap dbus rpm gpg groff perl python3 strace sudo ansible-core ansible-lint python3-apt python3-voluptuous \
		dropbear-bin openssh-client nftables iproute2 python3-pytest-xdist python3-pytest-mock python3-pytest-forked pycodestyle yamllint
	@$(find_go); go test -count=1 -timeout 20m -run '^TestRecipe$$' ./cmd/e2e

# Without root the tests that need it are skipped, and say so.
test:
	@if [ "$$(id -u)" = 0 ]; then $(MAKE) --no-print-directory test-hosts; else $(MAKE) --no-print-directory packages; fi
	@$(find_go); unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "gofmt: $$unformatted"; exit 1; }; go vet ./...
	@$(find_go); go test -race -count=1 -timeout 36m $(TESTFLAGS) ./...

# Every verb broken at every kind of system call, well over a thousand times, and the rounds of commands at once: an hour or more. go test breaks
# a part of it. SYSCTR_FAULTS_LOG names a file to watch it in.
faults: packages
	@$(find_go); SYSCTR_FAULTS=all go test -count=1 -v -timeout 3h $(TESTFLAGS) ./cmd/e2e/faults

# N containers of a batch, R rounds, BENCHFLAGS for the rest (-help). The comparison with Debian's own tools wants their packages, lxc and lxcfs, the
# one with Ansible's loop ansible and python3-lxc too. What follows a patch by dpkg is measured in test hosts, if `make test-hosts` was run.
bench: packages build
	@$(find_go); go build -trimpath -o bin/bench ./cmd/e2e/bench/run
	@bin/bench -sysctr bin/sysctr -n $(N) $(BENCHFLAGS)
	@$(find_go); go test -count=1 -run '^$$' -bench . -benchtime 1x -timeout 1h ./cmd/e2e

lint: packages
	@$(find_go); cmd/e2e/lint.sh
