"""Where a benchmark keeps what it works on and what it makes: ``benchmarks/results/NAME``, laid out alike for all of them.

What is the project's own (its base model, its data, its shards) is linked or copied there first, so that every later stage
reads one folder and ``benchmarks/dvc.yaml`` is one matrix.
"""

from pathlib import Path

CONFIGS = Path("benchmarks/configs")
RESULTS = Path("benchmarks/results")
NO_METHOD = "base"  # the row of the model that has to forget, as it was
GOLD = "retain_only"  # the row of the model that was trained without what is to be forgotten


class BenchmarkFolders:
    """The paths of the benchmark that keeps its results in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.params = CONFIGS / f"{folder.name}.yaml"
        self.prepared = folder / "prepared"
        self.elicited = self.prepared / "elicited"  # what the base itself said of the targets, where it was asked
        self.held_out = folder / "held_out"  # shards of texts that no method trains on
        self.base = self.model(NO_METHOD, 0)  # the model that has to forget
        self.table = folder / "table.json"
        self.tuning = folder / "tuning.csv"

    def teacher(self, method: str) -> Path:
        """The shards of ``method``."""
        return self.folder / "teacher" / method

    def run(self, method: str, seed: int) -> Path:
        """The curve, answers and values of ``method`` with ``seed``. The model lies elsewhere."""
        return self.folder / "runs" / f"{method}-{seed}"

    def model(self, method: str, seed: int) -> Path:
        """The model that ``method`` made; the base and the gold standard have one for all seeds."""
        return self.folder / "models" / f"{method}-{0 if method in (NO_METHOD, GOLD) else seed}"
