"""The root that licensing servers chained to before: what affected devices have built in.

QuoVadis Root CA 2 is a public certificate; this copy is Mozilla's, as Debian's ca-certificates ships it.
"""

from __future__ import annotations

from agent.model.local.resources import directory

QUOVADIS = (directory("simulator") / "personas" / "quovadis.pem").read_text(encoding="ascii")
