#!/usr/bin/python
# Part of sysctr. SPDX-License-Identifier: Apache-2.0

from __future__ import absolute_import, division, print_function
__metaclass__ = type

DOCUMENTATION = r'''
module: container_info
short_description: Tell about system containers
description:
  - Tells what C(sysctr list) does of containers, or all that C(sysctr show --effective) does. Changes nothing.
version_added: 0.1.0
extends_documentation_fragment:
  - sysctr.sysctr.options
options:
  target:
    description:
      - Which containers, as sysctr's targets, such as C(web<1..100>), C(web*), C(@tag), C(profile:web), C(state:running) or C(patch:stale).
      - All without it. No match is an empty list.
    type: list
    elements: str
    default: []
  effective:
    description:
      - Also tell the whole spec, the layers and the control groups.
    type: bool
    default: false
'''

EXAMPLES = r'''
- name: Look at what runs
  sysctr.sysctr.container_info:
    target: state:running
  register: running

- name: Restart what has changes that wait for it
  sysctr.sysctr.container:
    name: "{{ running.containers | selectattr('pending') | map(attribute='name') }}"
    state: restarted
  when: running.containers | selectattr('pending') | list
'''

RETURN = r'''
containers:
  description: The containers, as C(sysctr list -o json) shows them, with C(effective) as C(sysctr show --effective -o json) does.
  returned: always
  type: list
  elements: dict
  sample:
    - name: web1
      state: running
      ready: true
      profile: web
      tags: [front]
      drift: []
      pending: []
'''

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.sysctr.sysctr.plugins.module_utils.cli import OPTIONS, Sysctr


def main():
    module = AnsibleModule(
        argument_spec=dict(OPTIONS, target=dict(type='list', elements='str', default=[]), effective=dict(type='bool', default=False)),
        supports_check_mode=True,
    )
    argv = ['list', '--'] + module.params['target']
    if module.params['effective']:
        argv = ['show', '--effective', '--'] + (module.params['target'] or ['all'])
    module.exit_json(changed=False, containers=Sysctr(module).items(argv, none_is_empty=True))


if __name__ == '__main__':
    main()
