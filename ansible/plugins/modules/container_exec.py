#!/usr/bin/python
# Part of sysctr. SPDX-License-Identifier: Apache-2.0

from __future__ import absolute_import, division, print_function
__metaclass__ = type

DOCUMENTATION = r'''
module: container_exec
short_description: Run a command in a system container
description:
  - Runs one command as root in one container, with C(sysctr exec) and without a shell.
  - For more than a command, use the connection plugin P(sysctr.sysctr.sysctr#connection) and ordinary modules.
  - In check mode nothing is run; with C(creates) or C(removes) it is told whether it would be.
version_added: 0.1.0
extends_documentation_fragment:
  - sysctr.sysctr.options
options:
  name:
    description: The container, which must run.
    type: str
    required: true
  argv:
    description: The command and its arguments.
    type: list
    elements: str
    required: true
  chdir:
    description: The working directory in the container, also for C(creates) and C(removes).
    type: path
  creates:
    description: A path in the container. If it exists, the command is not run.
    type: path
  removes:
    description: A path in the container. If it does not exist, the command is not run.
    type: path
  env:
    description: Variables of the command's environment.
    type: dict
    default: {}
  stdin:
    description: The command's standard input.
    type: str
'''

EXAMPLES = r'''
- name: Make the database once
  sysctr.sysctr.container_exec:
    name: db1
    argv: [/usr/bin/createdb, shop]
    creates: /var/lib/shop/created
'''

RETURN = r'''
rc:
  description: The command's own status; 125 if sysctr itself failed.
  returned: when the command was run
  type: int
stdout:
  description: The command's standard output.
  returned: when the command was run
  type: str
stderr:
  description: The command's standard error.
  returned: when the command was run
  type: str
'''

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.sysctr.sysctr.plugins.module_utils.cli import OPTIONS, Sysctr


def inside(params):
    """The command line that runs something in the container."""
    return ['exec', params['name']] + (['--dir=' + params['chdir']] if params['chdir'] else [])


def foreseen(sysctr, module):
    """In check mode, of a container that a task before this one would make or start, nothing more can be told."""
    status, answer = sysctr.ask(['list', '--', module.params['name']])
    if status not in (0, 4):
        sysctr.fail(status, answer)
    if not any(i['state'] == 'running' for i in answer.get('items', [])):
        module.exit_json(changed=True, msg='not run in check mode, and %s does not run yet' % module.params['name'])


def exists(sysctr, module, path):
    """Whether a path is there in the container. A container that cannot be asked fails the module."""
    status, dummy, err = sysctr.raw(inside(module.params) + ['--', '/usr/bin/test', '-e', path])
    if status not in (0, 1):
        module.fail_json(msg=err.strip(), rc=status)
    return status == 0


def main():
    module = AnsibleModule(
        argument_spec=dict(
            OPTIONS,
            name=dict(type='str', required=True),
            argv=dict(type='list', elements='str', required=True),
            chdir=dict(type='path'),
            creates=dict(type='path'),
            removes=dict(type='path'),
            env=dict(type='dict', default={}),
            stdin=dict(type='str'),
        ),
        supports_check_mode=True,
    )
    p = module.params
    sysctr = Sysctr(module)
    if module.check_mode:
        foreseen(sysctr, module)
    if p['creates'] and exists(sysctr, module, p['creates']):
        module.exit_json(changed=False, msg='skipped, since %s exists' % p['creates'])
    if p['removes'] and not exists(sysctr, module, p['removes']):
        module.exit_json(changed=False, msg='skipped, since %s does not exist' % p['removes'])
    if module.check_mode:
        module.exit_json(changed=True, msg='not run in check mode')
    argv = inside(p) + ['--env=%s=%s' % (key, p['env'][key]) for key in sorted(p['env'])]
    status, out, err = sysctr.raw(argv + ['--'] + p['argv'], data=p['stdin'])
    answer = dict(changed=status != 125, rc=status, stdout=out, stderr=err)
    if status != 0:
        module.fail_json(msg=err.strip() or 'the command has ended with status %d' % status, **answer)
    module.exit_json(**answer)


if __name__ == '__main__':
    main()
