#!/usr/bin/python
# Part of sysctr. SPDX-License-Identifier: Apache-2.0

from __future__ import absolute_import, division, print_function
__metaclass__ = type

DOCUMENTATION = r'''
module: profile
short_description: Write a profile of system containers
description:
  - Writes a profile as a file, or removes it. What C(sysctr profile validate) refuses is not written, and the task fails with its words, the line
    and the column.
  - A profile that changes changes no container; the next task with M(sysctr.sysctr.container) does, or C(sysctr apply).
version_added: 0.1.0
extends_documentation_fragment:
  - sysctr.sysctr.options
options:
  name:
    description: The profile's name.
    type: str
    required: true
  state:
    description: Whether there is such a profile.
    type: str
    choices: [present, absent]
    default: present
  content:
    description: The profile in YAML, as it is to be in the file. Required with C(state=present).
    type: str
  directory:
    description: Where the profiles are.
    type: path
    default: /etc/sysctr/profiles
'''

EXAMPLES = r'''
- name: What a web server is
  sysctr.sysctr.profile:
    name: web
    content: |
      extends: system
      limits: {memory: 512M, cpu: 2}
      tags: [front]
'''

RETURN = r'''
diff:
  description: The file before and after.
  returned: always
  type: dict
rc:
  description: The exit status of sysctr.
  returned: failure
  type: int
path:
  description: The profile's file.
  returned: always
  type: str
'''

import os
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.text.converters import to_bytes, to_text
from ansible_collections.sysctr.sysctr.plugins.module_utils.cli import OPTIONS, Sysctr, words


def validate(module, sysctr, content):
    """Has sysctr check the content under the profile's own file name, in a folder of our own."""
    folder = tempfile.mkdtemp(dir=module.tmpdir)
    path = os.path.join(folder, module.params['name'] + '.yaml')
    with open(path, 'wb') as f:
        f.write(content)
    status, answer = sysctr.ask(['profile', 'validate', '--', path])
    if status != 0:
        error = dict(answer['error'], message=answer['error']['message'].replace(folder + '/', ''))
        module.fail_json(msg=words(error), rc=status)
    return path


def main():
    module = AnsibleModule(
        argument_spec=dict(
            OPTIONS,
            name=dict(type='str', required=True),
            state=dict(type='str', choices=['present', 'absent'], default='present'),
            content=dict(type='str'),
            directory=dict(type='path', default='/etc/sysctr/profiles'),
        ),
        required_if=[('state', 'present', ['content'])],
        supports_check_mode=True,
    )
    name, sysctr = module.params['name'], Sysctr(module)
    if '/' in name:  # no name of a profile, and no file's either: sysctr says what is wrong with it
        sysctr.fail(*sysctr.ask(['profile', 'show', '--', name]))
    path = os.path.join(module.params['directory'], name + '.yaml')
    old = None
    if os.path.exists(path):
        with open(path, 'rb') as f:
            old = f.read()
    new = to_bytes(module.params['content']) if module.params['state'] == 'present' else None
    valid = validate(module, sysctr, b'extends: command' if new is None else new)  # the name, if nothing else
    if new != old and not module.check_mode:
        if new is None:
            os.remove(path)
        else:
            os.chmod(valid, 0o644)
            module.atomic_move(valid, path)
    diff = dict(before_header=path, after_header=path, before=to_text(old or b''), after=to_text(new or b''))
    module.exit_json(changed=new != old, path=path, diff=diff)


if __name__ == '__main__':
    main()
