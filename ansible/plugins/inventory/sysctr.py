# Part of sysctr. SPDX-License-Identifier: Apache-2.0

from __future__ import absolute_import, division, print_function
__metaclass__ = type

DOCUMENTATION = r'''
name: sysctr
short_description: The system containers of one or many hosts
description:
  - Lists containers with C(sysctr list), on this machine or over C(ssh), so that plays run inside them with the connection plugin of the same name.
  - A container on this machine is called by its name, one on another host C(NAME.HOST).
  - Each is in the groups C(sysctr), C(sysctr_profile_P), C(sysctr_state_S), C(sysctr_tag_T) for each of its tags, C(sysctr_host_H) on another host, and
    with I(verdicts) C(sysctr_verdict_V). What is no letter, digit or underscore becomes an underscore.
  - The configuration's file name ends in C(sysctr.yml) or C(sysctr.yaml).
author: The sysctr authors (@sysctr)
version_added: 0.1.0
extends_documentation_fragment:
  - constructed
  - inventory_cache
options:
  plugin:
    description: This plugin.
    required: true
    choices: [sysctr.sysctr.sysctr]
  hosts:
    description: Hosts as C(ssh) takes them; C(localhost) is this machine.
    type: list
    elements: str
    default: [localhost]
  targets:
    description: Which containers, as sysctr's targets, such as C(state:running); all without it. A host where none matches adds none.
    type: list
    elements: str
    default: []
  verdicts:
    description: Also look at each container for its verdict, as C(sysctr patch status) does. That takes longer than a list.
    type: bool
    default: false
  ssh_args:
    description: Further arguments of C(ssh).
    type: str
    default: ''
  ssh_executable:
    description: The C(ssh) program.
    type: str
    default: ssh
  sudo:
    description: Run sysctr through C(sudo -n).
    type: bool
    default: false
  executable:
    description: The sysctr program on the hosts.
    type: str
    default: sysctr
'''

EXAMPLES = r'''
# containers.sysctr.yml
plugin: sysctr.sysctr.sysctr
hosts: [admin@host1, admin@host2]
sudo: true
targets: [state:running]
verdicts: true
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/sysctr-inventory
'''

import json
import shlex
import subprocess

from ansible.errors import AnsibleError
from ansible.module_utils.common.text.converters import to_text
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

from ansible_collections.sysctr.sysctr.plugins.module_utils.reach import command


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    NAME = 'sysctr.sysctr.sysctr'

    def verify_file(self, path):
        return super(InventoryModule, self).verify_file(path) and path.endswith(('sysctr.yml', 'sysctr.yaml'))

    def parse(self, inventory, loader, path, cache=True):
        super(InventoryModule, self).parse(inventory, loader, path, cache)
        self._read_config_data(path)
        key = self.get_cache_key(path)
        found = None
        if cache and self.get_option('cache'):
            found = self._cache.get(key)
        if found is None:
            found = {host: self._containers(host) for host in self.get_option('hosts')}
            if self.get_option('cache'):
                self._cache[key] = found
        self.inventory.add_group('sysctr')
        for host in sorted(found):
            for container in found[host]:
                self._add(host, container)

    def _ask(self, host, argv):
        """The items that sysctr prints on a host; none if nothing matches."""
        at = '' if host == 'localhost' else host
        argv = command([self.get_option('executable'), '-o', 'json'] + argv, at, shlex.split(self.get_option('ssh_args')),
                       self.get_option('ssh_executable'), self.get_option('sudo'))
        try:
            p = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        except OSError as e:
            raise AnsibleError('%s: %s' % (argv[0], e))
        if p.returncode == 4:
            return []
        if p.returncode != 0:
            raise AnsibleError('the containers of %s: %s' % (host, to_text(p.stderr).strip()))
        return json.loads(p.stdout)['items']

    def _containers(self, host):
        targets = ['--'] + self.get_option('targets')
        containers = self._ask(host, ['list'] + targets)
        if self.get_option('verdicts') and containers:
            verdicts = {i['name']: i['verdict'] for i in self._ask(host, ['patch', 'status'] + targets)}
            for container in containers:
                container['verdict'] = verdicts.get(container['name'], 'unknown')
        return containers

    def _add(self, host, container):
        strict = self.get_option('strict')
        name, groups = container['name'], ['sysctr']
        connection = dict(ansible_connection='sysctr.sysctr.sysctr', sysctr_container=name, sysctr_executable=self.get_option('executable'),
                          sysctr_sudo=self.get_option('sudo'), ansible_python_interpreter='/usr/bin/python3')
        if host != 'localhost':
            name = '%s.%s' % (name, host.rsplit('@', 1)[-1])
            groups.append('sysctr_host_' + host.rsplit('@', 1)[-1])
            connection.update(sysctr_host=host, sysctr_ssh_args=self.get_option('ssh_args'), sysctr_ssh_executable=self.get_option('ssh_executable'))
        for field in ('profile', 'state', 'verdict'):
            if container.get(field):
                groups.append('sysctr_%s_%s' % (field, container[field]))
        groups += ['sysctr_tag_' + tag for tag in container['tags']]
        self.inventory.add_host(name)
        for key, value in dict(connection, sysctr=container).items():
            self.inventory.set_variable(name, key, value)
        for group in groups:
            self.inventory.add_host(name, group=self.inventory.add_group(self._sanitize_group_name(group)))
        self._set_composite_vars(self.get_option('compose'), container, name, strict=strict)
        self._add_host_to_composed_groups(self.get_option('groups'), container, name, strict=strict)
        self._add_host_to_keyed_groups(self.get_option('keyed_groups'), container, name, strict=strict)
