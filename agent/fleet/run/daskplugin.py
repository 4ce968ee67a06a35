"""What brings a parcel to every worker of a Dask cluster, to those as well that come or are restarted later."""

from __future__ import annotations

from distributed import WorkerPlugin

from agent.fleet.run.parcel import Parcel


class Bring(WorkerPlugin):
    """Registered once for a run: the scheduler hands it to each worker before the worker takes a call."""

    idempotent = True

    def __init__(self, parcel: Parcel) -> None:
        self.parcel = parcel
        self.name = f"xr-agent-{parcel.key}"

    def setup(self, worker: object) -> None:  # noqa: ARG002 - distributed's signature
        """A worker begins."""
        self.parcel.bring()

    def teardown(self, worker: object) -> None:  # noqa: ARG002 - distributed's signature
        """The run is over, or the worker ends."""
        self.parcel.take_away()
