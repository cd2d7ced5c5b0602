#!/usr/bin/python
# Part of sysctr. SPDX-License-Identifier: Apache-2.0

from __future__ import absolute_import, division, print_function
__metaclass__ = type

DOCUMENTATION = r'''
module: host
short_description: Prepare a host for system containers
description:
  - Runs C(sysctr host init), which makes and repairs what containers need of the host.
  - Check mode changes nothing, and tells whether C(sysctr doctor) finds anything that C(sysctr host init) is the remedy of, and which hooks it
    would install.
version_added: 0.1.0
extends_documentation_fragment:
  - sysctr.sysctr.options
options:
  hooks:
    description: Also have package managers say when they have changed something.
    type: bool
    default: true
'''

EXAMPLES = r'''
- name: The host is ready for containers
  sysctr.sysctr.host:
'''

RETURN = r'''
items:
  description: What the host needs, and whether it was made now.
  returned: always
  type: list
  elements: dict
rc:
  description: The exit status of sysctr.
  returned: failure
  type: int
'''

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.sysctr.sysctr.plugins.module_utils.cli import OPTIONS, Sysctr


def foreseen(sysctr, hooks):
    """What check mode tells."""
    wanting = [f for f in sysctr.ask(['doctor'])[1].get('items', []) if f['result'] != 'good' and 'sysctr host init' in f['remedy']]
    items = [dict(name=f['check'], action='prepare', changed=True, state=f['detail']) for f in wanting]
    if hooks:
        items += sysctr.ask(['hook', 'install', '--dry-run'])[1].get('items', [])
    return dict(changed=any(i['changed'] for i in items), items=items)


def main():
    module = AnsibleModule(argument_spec=dict(OPTIONS, hooks=dict(type='bool', default=True)), supports_check_mode=True)
    sysctr = Sysctr(module)
    if module.check_mode:
        module.exit_json(**foreseen(sysctr, module.params['hooks']))
    status, answer = sysctr.ask(['host', 'init'] + ([] if module.params['hooks'] else ['--no-hooks']))
    if status != 0:
        sysctr.fail(status, answer)
    module.exit_json(changed=answer['changed'], items=answer['items'])


if __name__ == '__main__':
    main()
