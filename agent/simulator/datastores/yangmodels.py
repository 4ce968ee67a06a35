"""The device's own view of its YANG modules: which nodes exist, which lists have which keys, which values are valid."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
import xml.etree.ElementTree as ET
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from lxml import etree
from yangson import DataModel
from yangson.enumerations import ContentType, ValidationScope
from yangson.exceptions import YangsonException
from yangson.instance import RootNode

from agent.simulator.personas.platforms import ModuleFile


class Model:
    """One module, compiled."""

    def __init__(self, file: ModuleFile) -> None:
        self.namespace = file.namespace
        self._nodes: dict[tuple[str, ...], Any] = {}
        self._validating = threading.Lock()  # yangson keeps what a validation finds in the model
        first = next(line for line in file.path.read_text(encoding="utf-8").splitlines() if "revision" in line)
        revision = first.split()[1].strip('";{')
        module = {"name": file.name, "revision": revision, "namespace": file.namespace, "conformance-type": "implement"}
        library = {"ietf-yang-library:modules-state": {"module-set-id": "simulator", "module": [module]}}
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(file.path, Path(folder, f"{file.name}@{revision}.yang"))
            self._model = DataModel(json.dumps(library), (folder,))

    def node(self, path: list[str]) -> Any:
        """The schema node below the root, or None."""
        key = tuple(path)
        if key not in self._nodes:
            self._nodes[key] = self._find(path)
        return self._nodes[key]

    def _find(self, path: list[str]) -> Any:
        node: Any = self._model.schema
        for name in path:
            node = next((child for child in getattr(node, "children", ()) if child.name == name), None)
            if node is None:
                return None
        return node

    def key(self, path: list[str]) -> str | None:
        """The key leaf of the list at *path*, None for other nodes."""
        keys = getattr(self.node(path), "keys", None)
        return str(keys[0][0]) if keys else None

    def wrong(self, root: etree._Element, operation: str | None = None) -> str | None:
        """What is invalid about a tree of configuration or the input of rpc *operation*, None if nothing is."""
        return _wrong(self, etree.tostring(root), operation)

    def validated(self, data: bytes, operation: str | None) -> str | None:
        """The same as XML."""
        schema = self.node([operation, "input"]) if operation else self._model.schema
        if schema is None:
            return None
        # It was parsed safely before.
        wrapped = ET.fromstring(data if operation else b"<data>" + data + b"</data>")  # noqa: S314
        try:
            with self._validating:
                value = schema.from_xml(wrapped)
                RootNode(value, schema, self._model.schema_data, value.timestamp).validate(
                    ValidationScope.all, ContentType.all
                )
        except YangsonException as error:
            return str(error)
        return None


@lru_cache(maxsize=1024)
def _wrong(model: Model, data: bytes, operation: str | None) -> str | None:
    """The same, remembered: most devices of a fleet are sent the same."""
    return model.validated(data, operation)


@cache
def model(file: ModuleFile) -> Model:
    """The compiled module; one for all devices of the process."""
    return Model(file)
