# Part of sysctr. SPDX-License-Identifier: Apache-2.0

from __future__ import absolute_import, division, print_function
__metaclass__ = type

DOCUMENTATION = r'''
name: sysctr
short_description: Run tasks inside system containers
description:
  - Runs tasks in a container with C(sysctr exec), and copies files with C(sysctr cp). Nothing but Python has to be in the container, which has the
    host's.
  - The container's host is this machine, or one that C(ssh) reaches. Then one connection of C(ssh) serves all containers of the host.
  - Tasks run as the container's root. C(become) with C(sudo) or C(su) goes on to another user; no password is ever asked for.
author: The sysctr authors (@sysctr)
version_added: 0.1.0
extends_documentation_fragment:
  - connection_pipelining
options:
  container:
    description: The container's name.
    default: inventory_hostname
    vars:
      - name: inventory_hostname
      - name: sysctr_container
  host:
    description: The host of the container as C(ssh) takes it, such as C(admin@host1). Without it the container is on this machine.
    default: ''
    vars:
      - name: sysctr_host
  ssh_args:
    description: Further arguments of C(ssh), such as C(-p 2222 -i key).
    default: ''
    vars:
      - name: sysctr_ssh_args
  ssh_executable:
    description: The C(ssh) program.
    default: ssh
    vars:
      - name: sysctr_ssh_executable
  sudo:
    description: Run sysctr on its host through C(sudo -n), for users that are not root there.
    type: bool
    default: false
    vars:
      - name: sysctr_sudo
  executable:
    description: The sysctr program on its host.
    default: sysctr
    vars:
      - name: sysctr_executable
'''

import shlex
import subprocess

from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound
from ansible.module_utils.common.text.converters import to_bytes, to_text
from ansible.plugins.connection import ConnectionBase
from ansible.utils.display import Display

from ansible_collections.sysctr.sysctr.plugins.module_utils.reach import command

display = Display()


class Connection(ConnectionBase):
    """One container; there is nothing to keep open, the connection to its host is kept by ssh itself."""

    transport = 'sysctr.sysctr.sysctr'
    has_pipelining = True

    def _connect(self):
        self._connected = True
        return self

    def close(self):
        self._connected = False

    def _run(self, argv, **streams):
        """Runs sysctr on the container's host and returns its status, standard output and standard error."""
        argv = command([self.get_option('executable')] + argv, self.get_option('host'), shlex.split(self.get_option('ssh_args')),
                       self.get_option('ssh_executable'), self.get_option('sudo'))
        display.vvv('RUN %s' % ' '.join(shlex.quote(a) for a in argv), host=self.get_option('container'))
        data = streams.pop('data', None)
        if 'stdin' not in streams:
            streams['stdin'] = subprocess.PIPE
        streams.setdefault('stdout', subprocess.PIPE)
        try:
            p = subprocess.Popen([to_bytes(a) for a in argv], stderr=subprocess.PIPE, **streams)
        except OSError as e:
            raise AnsibleConnectionFailure('%s: %s' % (argv[0], e))
        out, err = p.communicate(data)
        if self.get_option('host') and p.returncode == 255:
            raise AnsibleConnectionFailure('ssh to %s: %s' % (self.get_option('host'), to_text(err).strip()))
        return p.returncode, out, err

    def exec_command(self, cmd, in_data=None, sudoable=True):
        super(Connection, self).exec_command(cmd, in_data=in_data, sudoable=sudoable)
        status, out, err = self._run(['exec', self.get_option('container'), '--', '/bin/sh', '-c', to_text(cmd)], data=in_data)
        if status == 125 and err.startswith(b'sysctr: '):
            raise AnsibleConnectionFailure(to_text(err).strip())
        return status, out, err

    def put_file(self, in_path, out_path):
        super(Connection, self).put_file(in_path, out_path)
        try:
            f = open(to_bytes(in_path), 'rb')
        except OSError as e:
            raise AnsibleFileNotFound('cannot read %s: %s' % (in_path, e))
        with f:
            self._copy(['-', '%s:%s' % (self.get_option('container'), out_path)], stdin=f)

    def fetch_file(self, in_path, out_path):
        super(Connection, self).fetch_file(in_path, out_path)
        with open(to_bytes(out_path), 'wb') as f:
            self._copy(['%s:%s' % (self.get_option('container'), in_path), '-'], stdin=subprocess.DEVNULL, stdout=f)

    def _copy(self, argv, **streams):
        status, dummy, err = self._run(['--quiet', 'cp', '--'] + argv, **streams)
        if status != 0:
            raise AnsibleError('sysctr cp: %s' % to_text(err).strip())
