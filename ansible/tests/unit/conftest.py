# Part of sysctr. SPDX-License-Identifier: Apache-2.0
"""A sysctr that answers as it is told, and modules that run with it."""

from __future__ import absolute_import, division, print_function
__metaclass__ = type

import json

import pytest

from ansible.module_utils import basic

# Prints what is prepared for the first of its arguments for which anything is, and notes them all.
PROGRAM = r'''#!/bin/sh
cd "${0%/*}" || exit
[ ! -p /dev/stdin ] || input=$(cat)
(for word in "$@"; do printf '%s\n' "$word"; done; echo) >>said
for word in "$@"; do
    case $word in */*) continue ;; esac
    [ -e "answer-$word" ] || continue
    cat "answer-$word"
    echo "sysctr: what people read" >&2
    exit "$(cat "status-$word")"
done
echo "sysctr: not expected: $*" >&2
exit 1
'''


class Stub(object):
    def __init__(self, folder, monkeypatch, capsys):
        self.folder, self.monkeypatch, self.capsys = folder, monkeypatch, capsys
        self.program = folder.joinpath('sysctr')
        self.program.write_text(PROGRAM)
        self.program.chmod(0o755)

    def answers(self, verb, status=0, **answer):
        """What sysctr prints from now on if the verb is among its arguments."""
        text = answer.pop('text', None)
        self.folder.joinpath('answer-' + verb).write_text(json.dumps(answer) if text is None else text)
        self.folder.joinpath('status-' + verb).write_text(str(status))

    def said(self):
        """The command lines so far, as lists of words."""
        log = self.folder.joinpath('said')
        return [line.split('\n') for line in log.read_text().split('\n\n') if line] if log.exists() else []

    def run(self, module, check=False, **options):
        """Runs a module and returns what it printed."""
        options.update(executable=str(self.program), _ansible_check_mode=check, _ansible_remote_tmp=str(self.folder))
        self.monkeypatch.setattr(basic, '_ANSIBLE_ARGS', json.dumps(dict(ANSIBLE_MODULE_ARGS=options)).encode())
        self.monkeypatch.setattr(basic, '_ANSIBLE_PROFILE', 'legacy', raising=False)  # of ansible-core 2.19
        with pytest.raises(SystemExit):
            module.main()
        return json.loads(self.capsys.readouterr().out)


@pytest.fixture
def sysctr(tmp_path, monkeypatch, capsys):
    return Stub(tmp_path, monkeypatch, capsys)
