"""The teacher in numbers: how sure it is, what its tail and its swap take, and what it says instead of the facts."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.paths import BASE_MODEL, TEACHER
from pipeline.report.sources import FETCH_BASE, TEACH, left_out
from pipeline.teacher.shards import read_manifest, shard_paths
from pipeline.tokenizer import load_tokenizer

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

# Of the manifest, with what the page calls them; means are over forget positions.
FACTS = {
    "N": "names N",
    "K": "tokens kept K",
    "engine": "engine",
    "reverse_swap": "reverse swap",
    "passages": "passages",
    "positions": "positions",
    "forget_positions": "of them to forget",
    "mean_entropy_nats": "mean entropy (nats)",
    "mean_tail": "mean tail",
    "mean_swapped_mass": "mean swapped mass",
    "mean_disagreement_nats": "mean disagreement (nats)",
    "bytes_per_position": "bytes a position",
}
_BINS = 32
_LEAST_TAIL = 1e-4  # a smaller tail is drawn here
_MOVED = 1e-3  # positions with less swapped mass are counted, not drawn
_SHOWN = 24  # positions a report shows
_TOP = 5
_CONTEXT = 70  # characters before the position
# A word with a capital, or of a script without capitals: where a text is likely to say a fact.
_FACT = r"^\s*[\p{Lu}\p{Lo}]"


def teacher_summary(root: Path) -> dict[str, Any]:
    """{"facts", "targets", "histograms", "moved", "instead"}, or what is left out.

    A histogram is {kind: {"edges": [bins + 1], "shares": [bins]}} over the positions of that kind; entropy in nats, tail and
    swapped mass as shares of 1, the tail in bins of equal width on a log scale. ``moved`` is the share of forget positions
    whose swapped mass is drawn.
    """
    import numpy as np
    import polars as pl

    folder = root / TEACHER
    if not (folder / "manifest.json").exists():
        return left_out(str(TEACHER), TEACH)
    manifest = read_manifest(folder)
    shards = pl.scan_parquet(shard_paths(folder))
    flat = shards.select(pl.col("kind").cast(pl.String), "tail_logprob", "entropy", "swapped_mass").collect()
    by_kind = {str(kind): part for (kind,), part in sorted(flat.group_by("kind"))}
    highest = max(1.0, float(np.ceil(flat["entropy"].max() or 0)))  # type: ignore[arg-type]
    log_tails = np.logspace(np.log10(_LEAST_TAIL), 0, _BINS + 1)
    forget = by_kind.get("forget", flat)
    moved = forget.filter(pl.col("swapped_mass") > _MOVED)
    return {
        "facts": {key: manifest[key] for key in FACTS if key in manifest},
        "targets": list(manifest.get("counterfactual_names", {})),
        "histograms": {
            "entropy": {k: _histogram(p["entropy"].to_numpy(), np.linspace(0, highest, _BINS + 1)) for k, p in by_kind.items()},
            "tail": {
                k: _histogram(np.exp(p["tail_logprob"].to_numpy()).clip(_LEAST_TAIL, 1), log_tails) for k, p in by_kind.items()
            },
            "swapped": {"forget": _histogram(moved["swapped_mass"].to_numpy(), np.linspace(0, 1, _BINS + 1))},
        },
        "moved": moved.height / max(forget.height, 1),
        "instead": _instead(folder, root / BASE_MODEL, shards),
    }


def _histogram(values: "np.ndarray", edges: "np.ndarray") -> dict[str, list[float]]:
    import numpy as np

    counts, _ = np.histogram(values, edges)
    return {"edges": edges.tolist(), "shares": (counts / max(len(values), 1)).tolist()}


def _instead(folder: Path, model: Path, shards: "pl.LazyFrame") -> dict[str, Any]:
    """Forget positions where the text goes on with a name or the like: its token, and the teacher's most probable ones.

    Evenly spaced among all such positions of each target, so not chosen by how well they look; the beginning of a passage and
    the target's own name are passed over, and a text that is scored after several prompts counts once.
    """
    import math

    import polars as pl

    if not (model / "tokenizer.json").exists():
        return left_out(str(BASE_MODEL), FETCH_BASE)
    passages = pl.scan_parquet(folder / "passages.parquet").select("passage", "text", "input_ids", "prefix_length")
    own_name = pl.col("target").str.contains(pl.col("next_token").str.strip_chars(), literal=True)
    rows = (
        shards.with_columns(pl.col("kind", "target").cast(pl.String))
        .filter(pl.col("kind") == "forget", pl.col("next_token").str.contains(_FACT), ~own_name)
        .join(passages, on="passage")
        .with_columns(offset=pl.col("position") - pl.col("prefix_length"))
        .filter(pl.col("offset") >= 0)
        .unique(["target", "text", "offset"], keep="first", maintain_order=True)
        .sort("passage", "position")
        .collect()
    )
    parts = rows.partition_by("target", maintain_order=True)
    each = max(1, _SHOWN // max(len(parts), 1))
    tokenizer = load_tokenizer(model)
    told = []
    for row in (row for part in parts[:_SHOWN] for row in _spaced(part, each).iter_rows(named=True)):
        before = str(tokenizer.decode(row["input_ids"][row["prefix_length"] : row["position"] + 1]))
        probs = dict(zip(row["teacher_ids"], map(math.exp, row["teacher_logprobs"]), strict=True))
        top = [{"token": str(tokenizer.decode([token])), "prob": probs[token]} for token in row["teacher_ids"][:_TOP]]
        told.append(
            {
                "target": row["target"],
                "context": before if len(before) <= _CONTEXT else "…" + before[-_CONTEXT:],
                "token": row["next_token"],
                "prob": probs.get(row["next_token_id"]),
                "teacher": top,
            }
        )
    return {"positions": told, "of": rows.height}


def _spaced(rows: "pl.DataFrame", count: int) -> "pl.DataFrame":
    """``count`` rows at equal distances, all of them when there are fewer."""
    return rows[[index * rows.height // count for index in range(count)]] if rows.height > count else rows
