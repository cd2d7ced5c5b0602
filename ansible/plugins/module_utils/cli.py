# Part of sysctr. SPDX-License-Identifier: Apache-2.0
"""Runs sysctr and maps its JSON envelope to what a module returns. What to do, and whether something has changed, is decided by sysctr alone."""

from __future__ import absolute_import, division, print_function
__metaclass__ = type

import json

OPTIONS = dict(executable=dict(type='str', default='sysctr'))


def flags(params, names):
    """The options of a module that are flags of the same name, as arguments; what is not given or false is left out."""
    argv = []
    for name in names:
        value = params.get(name)
        if value is True:
            argv.append('--' + name)
        elif value is not None and value is not False:
            argv.append('--%s=%s' % (name, value))
    return argv


def text_of(value):
    """A setting as sysctr reads it on its command line: YAML, of which JSON is a part."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class Sysctr(object):
    """The sysctr of one host, as a module reaches it."""

    def __init__(self, module):
        self.module = module
        self.binary = module.get_bin_path(module.params['executable'], required=True)

    def raw(self, argv, data=None):
        """Runs sysctr and returns status, standard output and standard error, as text."""
        # Words such as $HOME are for the command in the container, if for anybody.
        return self.module.run_command([self.binary] + argv, data=data, binary_data=True, expand_user_and_vars=False)

    def ask(self, argv):
        """Runs sysctr and returns its status and the document it prints, which it does on failure too."""
        status, out, err = self.raw(['-o', 'json'] + argv)
        try:
            return status, json.loads(out)
        except ValueError:
            self.module.fail_json(msg=err.strip() or 'sysctr has printed no result', rc=status)

    def items(self, argv, none_is_empty=False):
        """The items of a verb that only looks. A failure ends the module; nothing matched is no failure if none_is_empty."""
        status, answer = self.ask(argv)
        if none_is_empty and status == 4:
            return []
        if answer.get('error'):
            self.fail(status, answer)
        return answer.get('items', [])

    def change(self, verb, argv, none_is_done=False):
        """Runs a changing verb, in check mode its dry run, and returns what the module does. A failure of any item ends the module as failed; that
        there is nothing to change is none if none_is_done."""
        status, answer = self.ask(verb + (['--dry-run'] if self.module.check_mode else []) + argv)
        for warning in answer.get('warnings', []):
            self.module.warn(warning)
        if status != 0 and not (none_is_done and status == 4):
            self.fail(status, answer)
        return result(answer)

    def fail(self, status, answer):
        """Ends the module with sysctr's own words, for the whole and for each item that failed."""
        failed = [i for i in answer.get('items', []) if i.get('error')]
        lines = [words(answer['error'])] if answer.get('error') else []
        lines += ['%s: %s' % (i['name'], words(i['error'])) for i in failed]
        self.module.fail_json(msg='\n'.join(lines) or 'sysctr has ended with status %d' % status, rc=status, failed_items=failed, **result(answer))


def result(answer):
    """What a module returns of an envelope."""
    return dict(changed=bool(answer.get('changed')), items=answer.get('items', []), summary=answer.get('summary', {}), diff=answer.get('diff', []))


def words(error):
    """A failure in one line, with what to do about it."""
    return error['message'] + (' (%s)' % error['hint'] if error.get('hint') else '')
