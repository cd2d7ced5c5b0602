# Part of sysctr. SPDX-License-Identifier: Apache-2.0

from __future__ import absolute_import, division, print_function
__metaclass__ = type

import shlex

from ansible_collections.sysctr.sysctr.plugins.module_utils.reach import command


def test_here():
    assert command(['sysctr', 'list'], '', []) == ['sysctr', 'list']
    assert command(['sysctr', 'list'], '', [], sudo=True) == ['sudo', '-n', '--', 'sysctr', 'list']


def test_there(monkeypatch, tmp_path):
    monkeypatch.setenv('HOME', str(tmp_path))
    words = ['sysctr', 'exec', 'web1', '--', '/bin/sh', '-c', "echo 'a  b' \"$HOME\"; true\n"]
    argv = command(words, 'admin@host1', ['-p', '2222', '-o', 'ControlPersist=no'], 'ssh', True)
    assert argv[:3] == ['ssh', '-p', '2222']
    assert argv[-3:-1] == ['--', 'admin@host1']
    assert shlex.split(argv[-1]) == ['sudo', '-n', '--'] + words
    # Of ssh's options the first counts: what is given comes before ours.
    assert argv.index('ControlPersist=no') < argv.index('ControlPersist=60s')
    # A connection is kept per host and arguments, in a folder that is there.
    paths = [[w for w in command(['x'], *to) if w.startswith('ControlPath=')] for to in (('h', []), ('h', []), ('g', []), ('h', ['-A']))]
    assert paths[0] == paths[1] and len({p[0] for p in paths}) == 3
    assert paths[0][0].startswith('ControlPath=%s/.ansible/cp/' % tmp_path) and tmp_path.joinpath('.ansible', 'cp').is_dir()
