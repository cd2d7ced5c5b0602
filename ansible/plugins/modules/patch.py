#!/usr/bin/python
# Part of sysctr. SPDX-License-Identifier: Apache-2.0

from __future__ import absolute_import, division, print_function
__metaclass__ = type

DOCUMENTATION = r'''
module: patch
short_description: Bring a host's patches into its system containers, and prove it
description:
  - C(status) and C(plan) look, C(verify) looks and fails unless each container is patched or unaffected, C(roll) restarts what the patches affect,
    C(resume) goes on with a roll that a gate has halted, if there is one, C(report) tells which packages arrived where.
version_added: 0.1.0
extends_documentation_fragment:
  - sysctr.sysctr.options
options:
  action:
    description: What to do.
    type: str
    choices: [status, plan, verify, roll, resume, report]
    required: true
  target:
    description: Which containers, as sysctr's targets; all without it. Not for C(resume) and C(report), which are about all.
    type: list
    elements: str
    default: []
  all:
    description: With C(roll), restart what is not affected, too.
    type: bool
    default: false
  force:
    description: With C(roll), also what must wait for a human, and what its profile leaves out.
    type: bool
    default: false
'''

EXAMPLES = r'''
- name: Restart what the patches affect
  sysctr.sysctr.patch:
    action: roll

- name: Every container has them
  sysctr.sysctr.patch:
    action: verify
  register: proof
'''

RETURN = r'''
items:
  description: Of C(roll) and C(resume) what was done with each container, of the others what sysctr tells about each.
  returned: always
  type: list
  elements: dict
verdicts:
  description: The number of containers by verdict.
  returned: with C(status) and C(verify)
  type: dict
  sample: {patched: 9, stale: 1}
diff:
  description: What C(roll) and C(resume) change of each container.
  returned: with C(roll) and C(resume)
  type: list
  elements: dict
summary:
  description: The number of items, C(total), C(changed), C(unchanged) and C(failed).
  returned: with C(roll) and C(resume)
  type: dict
rc:
  description: The exit status of sysctr, 8 if C(verify) fails, 9 if a gate stopped the roll.
  returned: failure
  type: int
'''

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.sysctr.sysctr.plugins.module_utils.cli import OPTIONS, Sysctr, flags


def looked(module, sysctr, action, argv):
    """The answer of an action that changes nothing. A failed verify has printed its items and says why on standard error."""
    status, answer = sysctr.ask(argv)
    items = answer.get('items', [])
    verdicts = {}
    for item in items:
        if action in ('status', 'verify'):
            verdicts[item['verdict']] = verdicts.get(item['verdict'], 0) + 1
    if status == 8:
        bad = ['%s: %s' % (i['name'], i['verdict']) for i in items if i['verdict'] not in ('patched', 'unaffected')]
        module.fail_json(msg='not patched: ' + ', '.join(bad), rc=status, items=items, verdicts=verdicts)
    if status not in (0, 4):
        sysctr.fail(status, answer)
    module.exit_json(changed=False, items=items, verdicts=verdicts)


def main():
    module = AnsibleModule(
        argument_spec=dict(
            OPTIONS,
            action=dict(type='str', choices=['status', 'plan', 'verify', 'roll', 'resume', 'report'], required=True),
            target=dict(type='list', elements='str', default=[]),
            all=dict(type='bool', default=False),
            force=dict(type='bool', default=False),
        ),
        supports_check_mode=True,
    )
    action, target = module.params['action'], module.params['target']
    sysctr = Sysctr(module)
    rest = ['--'] + target if target else []
    if action == 'roll':
        module.exit_json(**sysctr.change(['patch', 'roll'], flags(module.params, ['all', 'force']) + rest))
    if action == 'resume':
        if module.check_mode:
            module.exit_json(changed=False, skipped=True, msg='what resume would do cannot be told without doing it')
        module.exit_json(**sysctr.change(['patch', 'resume'], [], none_is_done=True))
    looked(module, sysctr, action, ['patch', action] + rest)


if __name__ == '__main__':
    main()
