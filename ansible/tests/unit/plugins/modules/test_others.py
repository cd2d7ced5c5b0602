# Part of sysctr. SPDX-License-Identifier: Apache-2.0

from __future__ import absolute_import, division, print_function
__metaclass__ = type

from ansible_collections.sysctr.sysctr.plugins.modules import container_exec, container_info, host


def test_check_mode_of_a_command(sysctr):
    for answer in (dict(status=4, items=[]), dict(items=[dict(name='db1', state='stopped')])):
        sysctr.answers('list', **answer)
        got = sysctr.run(container_exec, name='db1', argv=['/bin/true'], creates='/x', check=True)
        assert got['changed'] and got['msg'] == 'not run in check mode, and db1 does not run yet'
    sysctr.answers('list', status=2, error=dict(code='bad_input', message='bad name "Db1"', hint=''))
    got = sysctr.run(container_exec, name='Db1', argv=['/bin/true'], check=True)
    assert got['failed'] and got['msg'] == 'bad name "Db1"'
    assert all('exec' not in words for words in sysctr.said())


def test_command(sysctr):
    sysctr.answers('exec', text='out\n')
    got = sysctr.run(container_exec, name='db1', argv=['/bin/cat', '$HOME', '--fly'], chdir='/srv', env=dict(B='2', A='1 $X'), stdin='in')
    assert got['changed'] and got['stdout'] == 'out\n' and got['rc'] == 0
    assert sysctr.said() == [['exec', 'db1', '--dir=/srv', '--env=A=1 $X', '--env=B=2', '--', '/bin/cat', '$HOME', '--fly']]
    sysctr.answers('exec', status=125, text='')
    got = sysctr.run(container_exec, name='db1', argv=['/bin/true'])
    assert got['failed'] and not got['changed'] and got['msg'] == 'sysctr: what people read'


def test_information(sysctr):
    sysctr.answers('list', items=[dict(name='web1')])
    assert sysctr.run(container_info, target=['@front'])['containers'] == [dict(name='web1')]
    sysctr.answers('show', items=[dict(name='web1', spec={})])
    assert sysctr.run(container_info, effective=True, check=True)['containers'] == [dict(name='web1', spec={})]
    assert sysctr.said() == [['-o', 'json', 'list', '--', '@front'], ['-o', 'json', 'show', '--effective', '--', 'all']]


def test_host(sysctr):
    sysctr.answers('init', changed=True, items=[dict(name='subuid', changed=True)])
    assert sysctr.run(host)['changed']
    sysctr.run(host, hooks=False)
    assert sysctr.said() == [['-o', 'json', 'host', 'init'], ['-o', 'json', 'host', 'init', '--no-hooks']]
    sysctr.answers('init', status=7, changed=False, items=[], error=dict(code='host', message='the root is an overlay', hint=''))
    assert sysctr.run(host)['msg'] == 'the root is an overlay'


def test_check_mode_of_a_host(sysctr):
    sysctr.answers('doctor', status=7, items=[
        dict(check='subuid', result='bad', detail='no range', remedy="run 'sysctr host init'"),
        dict(check='kernel', result='bad', detail='old', remedy='boot another'),
        dict(check='groups', result='good', detail='', remedy='')])
    sysctr.answers('hook', items=[dict(name='apt', changed=False)])
    got = sysctr.run(host, check=True)
    assert got['changed'] and [i['name'] for i in got['items']] == ['subuid', 'apt']
    sysctr.answers('doctor', items=[])
    assert not sysctr.run(host, check=True)['changed']
    assert all('init' not in words for words in sysctr.said())
