# Part of sysctr. SPDX-License-Identifier: Apache-2.0
"""How the control node reaches sysctr on a host: the one command line that the connection and the inventory plugin share."""

from __future__ import absolute_import, division, print_function
__metaclass__ = type

import shlex

# One connection per host serves all its containers. BatchMode: nobody is there to answer a question.
SSH = ['-o', 'BatchMode=yes', '-o', 'ControlMaster=auto', '-o', 'ControlPersist=60s', '-o', 'ControlPath=~/.ssh/sysctr-%C']


def command(argv, host, ssh_args, ssh='ssh', sudo=False):
    """The command line that runs argv on a host as ssh takes it, on this machine if it is empty."""
    if sudo:
        argv = ['sudo', '-n', '--'] + argv
    if not host:
        return argv
    # What is given comes first: of ssh's options the first counts. The other end is a shell.
    return [ssh] + ssh_args + SSH + ['-T', '--', host, ' '.join(shlex.quote(a) for a in argv)]
