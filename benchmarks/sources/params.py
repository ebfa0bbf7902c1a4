"""Section ``prepare`` of a benchmark."""

from typing import Literal

from pipeline.prepare.params import PrepareParams


class SourceParams(PrepareParams):
    """As the project's own, and where the rows come from. ``path``: the folder with a benchmark's files; empty is the hub."""

    source: Literal["files", "wpu", "tofu", "rwku"] = "files"  # the project's own form, or a benchmark's
    subset: str = ""  # of the benchmark: forget_2_1, forget01, passages, ...
