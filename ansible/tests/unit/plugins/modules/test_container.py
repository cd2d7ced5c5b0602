# Part of sysctr. SPDX-License-Identifier: Apache-2.0

from __future__ import absolute_import, division, print_function
__metaclass__ = type

import pytest

from ansible_collections.sysctr.sysctr.plugins.modules import container

DONE = dict(
    changed=True, warnings=['privileged containers are root'], summary=dict(total=2, changed=1, unchanged=1, failed=0), diff=[dict(before='a', after='b')],
    items=[dict(name='web1', action='create+start', changed=True), dict(name='web2', action='none', changed=False)],
)


@pytest.mark.parametrize('options,words', [
    (dict(), ['--state=started', '--', 'web<1..2>']),
    (dict(state='absent', timeout='90s', parallel=4), ['--state=absent', '--timeout=90s', '--parallel=4', '--', 'web<1..2>']),
    (dict(profile='web', wait=False, grant=True), ['--state=started', '--profile=web', '--grant', '--no-wait', '--', 'web<1..2>']),
    (dict(set={'limits.memory': '1G', 'priority': 7, 'mounts': [dict(source='/srv', target='/srv')]}), [
        '--state=started', '--set=limits.memory=1G', '--set=mounts=[{"source": "/srv", "target": "/srv"}]', '--set=priority=7', '--', 'web<1..2>']),
    (dict(tags=['front']), ['--state=started', '--set=tags={"replace": ["front"]}', '--', 'web<1..2>']),
    (dict(tags=[]), ['--state=started', '--set=tags={"replace": []}', '--', 'web<1..2>']),
])
def test_words(sysctr, options, words):
    sysctr.answers('ensure', **DONE)
    sysctr.run(container, name=['web<1..2>'], **options)
    sysctr.run(container, name=['web<1..2>'], check=True, **options)
    start = ['-o', 'json', 'ensure']
    assert sysctr.said() == [start + words, start + ['--dry-run'] + words]


def test_answer(sysctr):
    sysctr.answers('ensure', **DONE)
    got = sysctr.run(container, name=['web<1..2>'])
    assert got['changed'] and not got.get('failed')
    assert got['warnings'] == DONE['warnings']
    assert {k: got[k] for k in ('items', 'summary', 'diff')} == {k: DONE[k] for k in ('items', 'summary', 'diff')}


def test_some_fail(sysctr):
    bad = dict(name='web2', changed=False, error=dict(code='start', message='bind /srv: no such directory', hint='make it'))
    sysctr.answers('ensure', status=3, **dict(DONE, items=[DONE['items'][0], bad]))
    got = sysctr.run(container, name=['web<1..2>'])
    assert got['failed'] and got['changed'] and got['rc'] == 3
    assert got['msg'] == 'web2: bind /srv: no such directory (make it)'
    assert got['failed_items'] == [bad] and len(got['items']) == 2


def test_nothing_begins(sysctr):
    sysctr.answers('ensure', status=2, changed=False, items=[], error=dict(code='bad_input', message='bad name "Web1"', hint=''))
    got = sysctr.run(container, name=['Web1'])
    assert got['failed'] and not got['changed'] and got['msg'] == 'bad name "Web1"'


def test_no_json(sysctr):
    sysctr.answers('ensure', status=137, text='')
    got = sysctr.run(container, name=['web1'])
    assert got['failed'] and got['rc'] == 137 and got['msg'] == 'sysctr: what people read'
