"""What both action plugins share: a task's options and its host's variables, handed to xr-agent's library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from ansible import constants, context
from ansible.errors import AnsibleActionFail, AnsibleError, AnsibleFileNotFound, AnsibleUndefinedVariable
from ansible.parsing.vault import AnsibleVaultError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.xr_agent.trust.plugins.doc_fragments.router import ModuleDocFragment

# Imported where the plugin is loaded, which is before the workers are forked: none of them has to.
try:
    from agent.integrations.ansible import tasks
except ImportError as error:
    MISSING: ImportError | None = error
else:
    MISSING = None

INSTALL = "pip install . in a copy of xr-agent's repository, with the pip of the Python that runs Ansible"
BRACES = "mend its braces; a value that has some itself is tagged !unsafe"
display = Display()
_NO_TEXT = (bool, int, float, list, dict)
"""What is handed on as it is; text may be a kind of Ansible's own, as of a vault."""


class ControllerAction(ActionBase):
    """An action that reaches the router from the controller, by its host's variables, and sends no module to it."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def host(self, task_vars: dict[str, Any], documentation: str, *, files: tuple[str, ...]) -> tasks.Host:
        """The host of the task; *files* are the options that name a file of the role or playbook.

        Raises:
            AnsibleActionFail: the library is not there, or an option or a variable cannot be used.
        """
        name = str(task_vars["inventory_hostname"])
        if MISSING is not None:
            raise AnsibleActionFail(f"{name}: the library of xr-agent cannot be used: {MISSING}; next: {INSTALL}")
        if self._task.delegate_to:
            raise AnsibleActionFail(f"{name}: it runs on the controller by itself; next: leave delegate_to out")
        options = self._options(documentation)
        for option in files:
            if options.get(option):
                options[option] = self._file(name, option, options[option])
        said = {**self._keywords(), **self._variables(name, task_vars)}
        return tasks.Host(
            name, said, options, Path(constants.DEFAULT_LOCAL_TMP), lambda line: display.vv(line, host=name)
        )

    def _options(self, documentation: str) -> dict[str, Any]:
        """The task's options of the types that the documentation gives, plain: values may carry tags of Ansible's."""
        given = self.validate_argument_spec(argument_spec=_argument_spec(documentation))[1]
        plain: dict[str, Any] = json.loads(json.dumps(given, default=str))
        return plain

    def _file(self, host: str, option: str, path: str) -> str:
        try:
            return str(self._find_needle("files", path))
        except AnsibleFileNotFound:
            said = f"{host}: the option {option}: {path} is not there; next: put it into files/ of the role or playbook"
            raise AnsibleActionFail(said) from None  # whose text has a line for each folder

    def _keywords(self) -> dict[str, Any]:
        """What keywords, the configuration and the command line say where no variable does."""
        return {
            "remote_user": self._task.remote_user,
            "private_key_file": self._play_context.private_key_file,
            "conn_pass": self._play_context.password or None,
            "connection": self._task.connection,
            "ssh_common_args": context.CLIARGS.get("ssh_common_args"),
        }

    def _variables(self, host: str, task_vars: dict[str, Any]) -> dict[str, Any]:
        """The variables that are looked at, templated; what a vault has is decrypted by that."""
        found: dict[str, Any] = {}
        for name in tasks.VARIABLES:
            if task_vars.get(name) is not None:
                try:
                    value = self._templar.template(task_vars[name])
                    found[name] = value if value is None or isinstance(value, _NO_TEXT) else str(value)
                except AnsibleError as error:
                    # All else may quote what is templated, which may be a password.
                    told = isinstance(error, AnsibleUndefinedVariable | AnsibleVaultError)
                    said = " ".join(str(error).split()) if told else f"it is no template of Jinja; next: {BRACES}"
                    raise AnsibleActionFail(f"{host}: the variable {name}: {said}") from None  # it is said whole
        return found


def _argument_spec(documentation: str) -> dict[str, dict[str, Any]]:
    """What the documentation says of the options, in the form in which Ansible checks them."""
    spec: dict[str, dict[str, Any]] = {}
    for text in (ModuleDocFragment.DOCUMENTATION, documentation):
        for name, about in yaml.safe_load(text)["options"].items():
            spec[name] = {key: value for key, value in about.items() if key != "description"}
    return spec
