"""Which keys of the inventory's data are labels of the metrics, and by which names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from agent.fleet.inventory.target import Target
from agent.model.errors import InputError
from agent.model.masking.redact import names_a_secret

MOST = 8
"""Keys that may be labels; a label more is one more to keep for every series of Prometheus."""
_OURS = frozenset({"device", "state", "deadline", "reason", "kind", "version", "le"})
_THEIRS = frozenset({"job", "instance"})
_NO_LETTER = re.compile(r"[^A-Za-z0-9_]")


def metrics_labels(keys: Sequence[str], targets: Sequence[Target]) -> Mapping[str, str]:
    """The keys by their labels' names; a router that lacks one has ``""`` there.

    A label's name is ``[a-zA-Z_][a-zA-Z0-9_]*``: any other letter of the key is written as ``_``.

    Raises:
        InputError: a key makes no label, one that is there already, or is of none of the routers.
    """
    labels: dict[str, str] = {}
    for key in dict.fromkeys(keys):
        label = _label(key)
        if label in labels:
            raise InputError(
                f"the data's {labels[label]!r} and {key!r} are one label, {label!r}",
                hint="leave one --metrics-label out",
            )
        labels[label] = key
    if len(labels) > MOST:
        raise InputError(
            f"{len(labels)} labels for each router's metrics", hint=f"give --metrics-label up to {MOST} times"
        )
    known = {key for target in targets for key in target.data}
    for key in labels.values():
        if key not in known:
            there = ", ".join(sorted(one for one in known if not names_a_secret(one))[:10])
            hint = f"they have: {there}" if there else "--metrics-label takes a key of an inventory's data"
            raise InputError(f"no router has {key!r} in its data", hint=hint)
    return labels


def _label(key: str) -> str:
    label = _NO_LETTER.sub("_", key)
    label = f"_{label}" if label[:1].isdigit() else label
    if not label.strip("_") or label.startswith("__"):
        raise InputError(
            f"{key!r} makes no label of Prometheus", hint="--metrics-label takes a key of the inventory's data"
        )
    if label in _OURS or label in _THEIRS:
        whose = "the metrics have themselves" if label in _OURS else "Prometheus gives itself"
        raise InputError(f"{label!r} is a label that {whose}", hint="take another key of the inventory's data")
    if names_a_secret(key):
        raise InputError(
            f"{key!r} names a secret, and metrics are served without login", hint="take another --metrics-label"
        )
    return label
