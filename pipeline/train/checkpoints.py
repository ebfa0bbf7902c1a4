"""Checkpoints: a training that was killed goes on after the last one, and ends with the weights of one that nobody killed.

They lie outside DVC's outputs in a folder named by all that determines the weights. One holds weights, optimizer, schedule, the
curve so far (whose length is the position in the data) and the random state; two are kept, so that a kill while one is written
leaves the one before.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.core.files import check_room, json_fingerprint, replacing, work_folder
from pipeline.core.hold import locked
from pipeline.train.optimizer import Optimizer
from pipeline.train.student import Student

_KEPT = 2


class Checkpoints:
    """Of the training that ``determined_by`` (JSON) describes, one every ``every`` steps; none where it is 0."""

    def __init__(self, determined_by: Mapping[str, Any], every: int) -> None:
        self.folder = work_folder() / f"distill-{json_fingerprint(determined_by)[:16]}"
        self._every = every

    def check_room(self, student: Student, steps: int) -> None:
        """Raise InputError when the disk has no room for those that a training of ``steps`` steps writes."""
        # Weights and AdamW's two states; one is written while two stand.
        if self._every and steps >= self._every:
            check_room(self.folder, 3 * student.bytes * min(steps // self._every, _KEPT + 1))

    def save(self, student: Student, optimizer: Optimizer, curve: list[dict[str, float]]) -> None:
        """Write one where as many steps as ``curve`` has rows make one due."""
        import torch

        if not self._every or len(curve) % self._every:
            return
        state = {
            "weights": student.model.state_dict(),
            "optimizer": optimizer.state(),
            "curve": curve,
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state_all() if student.device == "cuda" else [],
        }
        with replacing(self.folder / f"step-{len(curve):08d}.pt") as fresh:
            torch.save(state, fresh)
        for path in self._paths()[:-_KEPT]:
            path.unlink()

    def load(self, student: Student, optimizer: Optimizer) -> list[dict[str, float]]:
        """Bring ``student`` and ``optimizer`` to the last checkpoint that can be read; returns its curve, empty without one."""
        import torch

        for path in reversed(self._paths()):
            try:
                state = torch.load(path, map_location="cpu", weights_only=True)
            except Exception:  # cut short by the machine's end: the one before will do
                continue
            student.model.load_state_dict(state["weights"])
            optimizer.restore(state["optimizer"])
            torch.set_rng_state(state["random"])
            if state["random_cuda"]:
                torch.cuda.set_rng_state_all(state["random_cuda"])
            return list(state["curve"])
        return []

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other runs from them, and drop them at the end of a block that publishes the student.

        Raises InputError when another run, in a copy of the project too, trains the same.
        """
        with locked(self.folder):
            yield
            shutil.rmtree(self.folder, ignore_errors=True)

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob("step-*.pt"))
