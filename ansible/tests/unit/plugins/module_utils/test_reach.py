# Part of sysctr. SPDX-License-Identifier: Apache-2.0

from __future__ import absolute_import, division, print_function
__metaclass__ = type

import shlex

from ansible_collections.sysctr.sysctr.plugins.module_utils.reach import command


def test_here():
    assert command(['sysctr', 'list'], '', []) == ['sysctr', 'list']
    assert command(['sysctr', 'list'], '', [], sudo=True) == ['sudo', '-n', '--', 'sysctr', 'list']


def test_there():
    words = ['sysctr', 'exec', 'web1', '--', '/bin/sh', '-c', "echo 'a  b' \"$HOME\"; true\n"]
    argv = command(words, 'admin@host1', ['-p', '2222', '-o', 'ControlPersist=no'], 'ssh', True)
    assert argv[:3] == ['ssh', '-p', '2222']
    assert argv[-3:-1] == ['--', 'admin@host1']
    assert shlex.split(argv[-1]) == ['sudo', '-n', '--'] + words
    # Of ssh's options the first counts: what is given comes before ours.
    assert argv.index('ControlPersist=no') < argv.index('ControlPersist=60s')
