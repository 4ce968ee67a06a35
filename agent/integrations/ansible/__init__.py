"""The job as Ansible's action plugins do it: by the inventory's usual variables, on the controller, as task results.

The collection in ``integrations/ansible`` calls :mod:`agent.integrations.ansible.tasks`; nothing here imports Ansible.
"""
