# Part of sysctr. SPDX-License-Identifier: Apache-2.0
"""The options that all modules of the collection have."""

from __future__ import absolute_import, division, print_function
__metaclass__ = type


class ModuleDocFragment(object):
    DOCUMENTATION = r'''
options:
  executable:
    description: The sysctr program on the host, a path or a name in C(PATH).
    type: str
    default: sysctr
requirements:
  - sysctr on the host
notes:
  - Needs root on the host; use C(become).
author:
  - The sysctr authors (@sysctr)
'''
