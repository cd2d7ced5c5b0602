#!/usr/bin/python
# Part of sysctr. SPDX-License-Identifier: Apache-2.0

from __future__ import absolute_import, division, print_function
__metaclass__ = type

DOCUMENTATION = r'''
module: container
short_description: Bring system containers into a state
description:
  - Brings any number of containers into a state with one command, C(sysctr ensure). What is missing is created, what is there gets what its profile
    gives now, and only what is not as asked is touched.
  - A container that fails keeps no other back. The task fails then, with the reason of each, and the next run does the rest.
  - Check mode shows exactly what a run would do.
version_added: 0.1.0
extends_documentation_fragment:
  - sysctr.sysctr.options
options:
  name:
    description:
      - Names and ranges such as C(web7), C(web<1..100>) or C(web[001-100,200]).
    type: list
    elements: str
    required: true
  state:
    description:
      - C(present) creates what is missing and leaves states alone, C(started) has everything run, C(stopped) nothing.
      - C(restarted) starts what is stopped and restarts the others, so it always changes something.
      - C(absent) destroys containers with their deltas, running or not. There is no way back.
    type: str
    choices: [present, started, stopped, restarted, absent]
    default: started
  profile:
    description:
      - The containers' profile. Without it a container keeps its own, and new ones are of C(system).
    type: str
  set:
    description:
      - Fields of the profile that are different for these containers, such as C(limits.memory). They are laid over what was set before.
      - Shown by no task, but stored in the containers' records.
    type: dict
    default: {}
  tags:
    description:
      - The containers' tags, instead of the profile's.
    type: list
    elements: str
  grant:
    description:
      - Also change what gives a container that exists more privilege than its record says.
    type: bool
    default: false
  wait:
    description:
      - Wait until what is started is ready.
    type: bool
    default: true
  timeout:
    description:
      - How long each container may take, such as C(90s) or C(5m). What has begun goes on. Without it there is no limit.
    type: str
  parallel:
    description:
      - How many containers at a time. Without it as many as the host can use.
    type: int
'''

EXAMPLES = r'''
- name: A hundred containers run
  sysctr.sysctr.container:
    name: web<1..100>
    profile: web
    state: started

- name: One has more memory
  sysctr.sysctr.container:
    name: web7
    set:
      limits.memory: 1G
    tags: [canary]

- name: These are gone
  sysctr.sysctr.container:
    name: [web<101..200>, old1]
    state: absent
'''

RETURN = r'''
items:
  description: What was done with each container, or would be in check mode.
  returned: always
  type: list
  elements: dict
  sample:
    - name: web1
      action: create+start
      changed: true
      state: running
      ready: true
failed_items:
  description: The items that failed; C(error) has C(code), C(message) and C(hint).
  returned: failure
  type: list
  elements: dict
diff:
  description: What changes of each container, as C(sysctr ensure) tells it; the same in check mode as in the run that follows.
  returned: always
  type: list
  elements: dict
summary:
  description: The number of items, C(total), C(changed), C(unchanged) and C(failed).
  returned: always
  type: dict
rc:
  description: The exit status of sysctr.
  returned: failure
  type: int
'''

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.sysctr.sysctr.plugins.module_utils.cli import OPTIONS, Sysctr, flags, text_of


def main():
    module = AnsibleModule(
        argument_spec=dict(
            OPTIONS,
            name=dict(type='list', elements='str', required=True),
            state=dict(type='str', choices=['present', 'started', 'stopped', 'restarted', 'absent'], default='started'),
            profile=dict(type='str'),
            set=dict(type='dict', default={}),
            tags=dict(type='list', elements='str'),
            grant=dict(type='bool', default=False),
            wait=dict(type='bool', default=True),
            timeout=dict(type='str'),
            parallel=dict(type='int'),
        ),
        supports_check_mode=True,
    )
    settings = dict(module.params['set'])
    if module.params['tags'] is not None:
        settings['tags'] = dict(replace=module.params['tags'])
    argv = flags(module.params, ['state', 'profile', 'grant', 'timeout', 'parallel'])
    argv += ['--set=%s=%s' % (key, text_of(settings[key])) for key in sorted(settings)]
    if not module.params['wait']:
        argv.append('--no-wait')
    module.exit_json(**Sysctr(module).change(['ensure'], argv + ['--'] + module.params['name']))


if __name__ == '__main__':
    main()
