"""The before/after table on the terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_ROWS = (
    ("probability", "probability of the right answer"),
    ("paraphrased_probability", "  the question in other words"),
    ("accuracy", "right answer on top"),
    ("rouge_l_recall", "ROUGE-L recall"),
    ("distinct_4grams", "distinct 4-grams"),
    ("self_consistency", "sampled answers agree"),
)


def _cell(value: Mapping[str, float]) -> str:
    return f"{value['mean']:.3f} [{value['low']:.2f}, {value['high']:.2f}]"


def before_after(base: Mapping[str, Any], student: Mapping[str, Any]) -> Iterator[str]:
    """Lines of the table: a block a split, means with 95 % intervals."""
    yield f"{'':34}{'base':>22}{'student':>22}"
    for split, metrics in student.items():
        yield f"{split} ({metrics['distinct_4grams']['count']} questions)"
        for measure, label in _ROWS:
            if measure in metrics and measure in base[split]:
                yield f"  {label:32}{_cell(base[split][measure]):>22}{_cell(metrics[measure]):>22}"
        if "floor_probability" in base[split]:
            yield f"  {'floor (names the model never met)':33}{_cell(base[split]['floor_probability']):>21}"
        if "floor_consistency" in base[split]:
            yield f"  {'floor of the agreement':32}{_cell(base[split]['floor_consistency']):>22}"


def sample_answers(base: Sequence[Mapping[str, Any]], student: Sequence[Mapping[str, Any]], each: int = 2) -> Iterator[str]:
    """Lines with the first ``each`` questions of every split (and target), and both models' answers."""
    shown: dict[tuple[str, str | None], int] = {}
    for before, after in zip(base, student, strict=True):
        key = (before["split"], before["target"])
        shown[key] = shown.get(key, 0) + 1
        if shown[key] > each:
            continue
        yield f"[{before['split']}] {before['question']}"
        yield f"  base:    {_one_line(before['response'])}"
        yield f"  student: {_one_line(after['response'])}"


def _one_line(text: str, width: int = 150) -> str:
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1] + "…"
