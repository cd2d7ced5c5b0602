# Part of sysctr. SPDX-License-Identifier: Apache-2.0

from __future__ import absolute_import, division, print_function
__metaclass__ = type

import os
import stat

from ansible_collections.sysctr.sysctr.plugins.modules import profile

TEXT = 'extends: system\n'


def good(sysctr):
    sysctr.answers('validate', items=[])


def test_written_once(sysctr, tmp_path):
    good(sysctr)
    path = str(tmp_path.joinpath('web.yaml'))
    got = sysctr.run(profile, name='web', content=TEXT, directory=str(tmp_path), check=True)
    assert got['changed'] and not os.path.exists(path)
    foreseen = got['diff']
    got = sysctr.run(profile, name='web', content=TEXT, directory=str(tmp_path))
    assert got['changed'] and got['path'] == path and got['diff'] == foreseen == dict(before='', after=TEXT, before_header=path, after_header=path)
    with open(path) as f:
        assert f.read() == TEXT
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o644
    assert not sysctr.run(profile, name='web', content=TEXT, directory=str(tmp_path))['changed']
    assert sysctr.run(profile, name='web', state='absent', directory=str(tmp_path), check=True)['changed'] and os.path.exists(path)
    assert sysctr.run(profile, name='web', state='absent', directory=str(tmp_path))['changed'] and not os.path.exists(path)
    assert not sysctr.run(profile, name='web', state='absent', directory=str(tmp_path))['changed']


def test_bad_text(sysctr, tmp_path):
    good(sysctr)
    sysctr.run(profile, name='web', content=TEXT, directory=str(tmp_path))
    sysctr.answers('validate', status=2, error=dict(code='bad_input', message='web.yaml:2:1: unknown key', hint=''))
    got = sysctr.run(profile, name='web', content='fly: high\n', directory=str(tmp_path))
    assert got['failed'] and got['msg'] == 'web.yaml:2:1: unknown key' and got['rc'] == 2
    assert tmp_path.joinpath('web.yaml').read_text() == TEXT


def test_bad_name(sysctr, tmp_path):
    sysctr.answers('show', status=2, error=dict(code='bad_input', message='bad name "../web"', hint=''))
    tmp_path.joinpath('inner').mkdir()
    tmp_path.joinpath('web.yaml').write_text(TEXT)
    for options in (dict(content='fly: high\n'), dict(state='absent')):
        got = sysctr.run(profile, name='../web', directory=str(tmp_path.joinpath('inner')), **options)
        assert got['failed'] and got['msg'] == 'bad name "../web"'
    assert tmp_path.joinpath('web.yaml').read_text() == TEXT
