# Part of sysctr. SPDX-License-Identifier: Apache-2.0

from __future__ import absolute_import, division, print_function
__metaclass__ = type

from ansible_collections.sysctr.sysctr.plugins.modules import patch

ITEMS = [dict(name='web1', verdict='patched'), dict(name='web2', verdict='stale', because='answers /usr/lib/x'), dict(name='web3', verdict='unknown')]


def test_not_patched(sysctr):
    sysctr.answers('verify', status=8, items=ITEMS)
    got = sysctr.run(patch, action='verify', target=['web<1..3>'])
    assert sysctr.said() == [['-o', 'json', 'patch', 'verify', '--', 'web<1..3>']]
    assert got['failed'] and got['rc'] == 8 and got['msg'] == 'not patched: web2: stale, web3: unknown'
    assert got['items'] == ITEMS and got['verdicts'] == dict(patched=1, stale=1, unknown=1)


def test_status_of_the_same(sysctr):
    sysctr.answers('status', items=ITEMS)
    got = sysctr.run(patch, action='status')
    assert not got.get('failed') and not got['changed'] and got['verdicts']['stale'] == 1


def test_nothing_to_plan(sysctr):
    sysctr.answers('plan', status=4, items=[])
    got = sysctr.run(patch, action='plan')
    assert not got.get('failed') and not got['changed'] and got['items'] == []


def test_roll(sysctr):
    sysctr.answers('roll', changed=True, items=[dict(name='web2', action='restart', changed=True)])
    assert sysctr.run(patch, action='roll', all=True, target=['@front'])['changed']
    sysctr.run(patch, action='roll', force=True, check=True)
    assert sysctr.said() == [['-o', 'json', 'patch', 'roll', '--all', '--', '@front'], ['-o', 'json', 'patch', 'roll', '--dry-run', '--force']]


def test_gate(sysctr):
    sysctr.answers('roll', status=9, changed=True, items=[], error=dict(code='gate', message='halted: web2', hint="cure it, then 'sysctr patch resume'"))
    got = sysctr.run(patch, action='roll')
    assert got['failed'] and got['changed'] and got['rc'] == 9 and got['msg'] == "halted: web2 (cure it, then 'sysctr patch resume')"


def test_resume(sysctr):
    got = sysctr.run(patch, action='resume', check=True)
    assert not got['changed'] and sysctr.said() == []
    sysctr.answers('resume', status=4, changed=False, items=[], error=dict(code='not_found', message='no roll', hint=''))
    got = sysctr.run(patch, action='resume')
    assert not got['changed'] and not got.get('failed')
