"""The device's own view of its YANG modules: which nodes exist, which lists have which keys, which values are valid."""

from __future__ import annotations

import json
import shutil
import tempfile
import xml.etree.ElementTree as ET
from functools import cache
from pathlib import Path
from typing import Any

from lxml import etree
from yangson import DataModel
from yangson.enumerations import ContentType, ValidationScope
from yangson.exceptions import YangsonException
from yangson.instance import RootNode

from agent.simulator.persona import ModuleFile


class Model:
    """One module, compiled."""

    def __init__(self, file: ModuleFile) -> None:
        self.namespace = file.namespace
        first = next(line for line in file.path.read_text(encoding="utf-8").splitlines() if "revision" in line)
        revision = first.split()[1].strip('";{')
        library = {
            "ietf-yang-library:modules-state": {
                "module-set-id": "simulator",
                "module": [
                    {
                        "name": file.name,
                        "revision": revision,
                        "namespace": file.namespace,
                        "conformance-type": "implement",
                    }
                ],
            }
        }
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(file.path, Path(folder, f"{file.name}@{revision}.yang"))
            self._model = DataModel(json.dumps(library), (folder,))

    def node(self, path: list[str]) -> Any:
        """The schema node below the root, or None."""
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

    def wrong(self, root: etree._Element) -> str | None:
        """What is invalid about a tree of configuration, None if nothing is."""
        wrapped = ET.fromstring(b"<data>" + etree.tostring(root) + b"</data>")  # noqa: S314 - parsed safely before
        return self._validated(self._model.schema, wrapped)

    def wrong_input(self, body: etree._Element) -> str | None:
        """What is invalid about the input of an rpc."""
        node = self.node([etree.QName(body).localname, "input"])
        if node is None:
            return None
        return self._validated(node, ET.fromstring(etree.tostring(body)))  # noqa: S314 - parsed safely before

    def _validated(self, schema: Any, wrapped: ET.Element) -> str | None:
        try:
            value = schema.from_xml(wrapped)
            RootNode(value, schema, self._model.schema_data, value.timestamp).validate(
                ValidationScope.all, ContentType.all
            )
        except YangsonException as error:
            return str(error)
        return None


@cache
def model(file: ModuleFile) -> Model:
    """The compiled module; one for all devices of the process."""
    return Model(file)
