# Part of sysctr. SPDX-License-Identifier: Apache-2.0
"""How the control node reaches sysctr on a host: the one command line that the connection and the inventory plugin share."""

from __future__ import absolute_import, division, print_function
__metaclass__ = type

import hashlib
import os
import shlex

# One connection per host serves all its containers. BatchMode: nobody is there to answer a question.
SSH = ['-o', 'BatchMode=yes', '-o', 'ControlMaster=auto', '-o', 'ControlPersist=60s']


def control_path(words):
    """Where the connection of such a command line of ssh is kept: short, as sockets want it, and where Ansible keeps its own."""
    folder = os.path.expanduser('~/.ansible/cp')
    os.makedirs(folder, 0o700, exist_ok=True)  # ssh fails without it
    return os.path.join(folder, 'sysctr-' + hashlib.sha256('\0'.join(words).encode()).hexdigest()[:10])


def command(argv, host, ssh_args, ssh='ssh', sudo=False):
    """The command line that runs argv on a host as ssh takes it, on this machine if it is empty."""
    if sudo:
        argv = ['sudo', '-n', '--'] + argv
    if not host:
        return argv
    # What is given comes first: of ssh's options the first counts. The other end is a shell.
    kept = ['-o', 'ControlPath=' + control_path([ssh, host] + ssh_args)]
    return [ssh] + ssh_args + SSH + kept + ['-T', '--', host, ' '.join(shlex.quote(a) for a in argv)]
