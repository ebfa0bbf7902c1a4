"""The teacher for a person to read: how sure it is, what its tail and its swap take, what it says instead of the facts."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from pipeline.core.errors import InputError
from pipeline.core.outputs import BASE_MODEL, TEACHER
from pipeline.core.runtime import RuntimeParams
from pipeline.engines.transformers_engine import TransformersEngine
from pipeline.model.head import load_head
from pipeline.report.sources import left_out
from pipeline.report.tokens import columns, readable, right, spelled, token_text
from pipeline.shards.reader import open_shards, shard_paths
from pipeline.shards.schema import MANIFEST, PASSAGES
from pipeline.text.tokenizer import load_tokenizer

# Of the manifest, with what the page calls them; means are over forget positions.
FACTS = {
    "N": "names N", "K": "tokens kept K", "engine": "engine", "reverse_swap": "reverse swap", "passages": "passages",
    "positions": "positions", "forget_positions": "of them to forget", "mean_entropy_nats": "mean entropy (nats)",
    "mean_tail": "mean tail", "mean_swapped_mass": "mean swapped mass", "mean_disagreement_nats": "mean disagreement (nats)",
    "bytes_per_position": "bytes a position",
}  # fmt: skip
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
    folder = root / TEACHER
    if not (folder / MANIFEST).exists():
        return left_out(TEACHER)
    manifest = open_shards(folder)
    shards = pl.scan_parquet(shard_paths(folder)).with_columns(pl.col("kind", "target").cast(pl.String))
    masses = shards.select("kind", "entropy", "swapped_mass", tail=pl.col("tail_logprob").exp().clip(_LEAST_TAIL, 1)).collect()
    kinds = {str(kind): part for (kind,), part in sorted(masses.group_by("kind"))}
    forget = masses.filter(pl.col("kind") == "forget")
    moved = forget.filter(pl.col("swapped_mass") > _MOVED)
    edges = {
        "entropy": np.linspace(0, max(1.0, np.ceil(masses["entropy"].to_numpy().max(initial=0))), _BINS + 1),
        "tail": np.logspace(np.log10(_LEAST_TAIL), 0, _BINS + 1),
    }
    return {
        "facts": {key: manifest[key] for key in FACTS if key in manifest},
        "targets": list(manifest["counterfactual_names"]),
        "histograms": {
            **{key: {kind: _histogram(part[key], bins) for kind, part in kinds.items()} for key, bins in edges.items()},
            "swapped": {"forget": _histogram(moved["swapped_mass"], np.linspace(0, 1, _BINS + 1))},
        },
        "moved": moved.height / max(forget.height, 1),
        "instead": _instead(folder, root / BASE_MODEL, shards),
    }


def _histogram(values: pl.Series, edges: np.ndarray) -> dict[str, list[float]]:
    counts, _ = np.histogram(values.to_numpy(), edges)
    return {"edges": edges.tolist(), "shares": (counts / max(len(values), 1)).tolist()}


def _instead(folder: Path, model: Path, shards: pl.LazyFrame) -> dict[str, Any]:
    """Forget positions where the text goes on with a name or the like: its token, and the teacher's most probable ones.

    Evenly spaced among all such positions of each target, so not chosen by how well they look; the beginning of a passage and
    the target's own name are passed over, and a text that is scored after several prompts counts once.
    """
    if not (model / "tokenizer.json").exists():
        return left_out(BASE_MODEL, "dvc repro base")
    passages = pl.scan_parquet(folder / PASSAGES).select("passage", "text", "input_ids", "prefix_length")
    own_name = pl.col("target").str.contains(pl.col("next_token").str.strip_chars(), literal=True)
    rows = (
        shards.filter(pl.col("kind") == "forget", pl.col("next_token").str.contains(_FACT), ~own_name)
        .join(passages, on="passage")
        .filter(pl.col("position") >= pl.col("prefix_length"))
        .unique(["target", "text", pl.col("position") - pl.col("prefix_length")], keep="first", maintain_order=True)
        .sort("passage", "position")
        .collect()
    )
    parts = rows.partition_by("target", maintain_order=True)
    tokenizer = load_tokenizer(model)

    def place(row: dict[str, Any]) -> dict[str, Any]:
        before = str(tokenizer.decode(row["input_ids"][row["prefix_length"] : row["position"] + 1]))
        probs = dict(zip(row["teacher_ids"], map(math.exp, row["teacher_logprobs"]), strict=True))
        return {
            "target": row["target"],
            "context": before if len(before) <= _CONTEXT else "…" + before[-_CONTEXT:],
            "token": row["next_token"],
            "prob": probs.get(row["next_token_id"]),
            "teacher": [{"token": token_text(tokenizer, token), "prob": probs[token]} for token in row["teacher_ids"][:_TOP]],
        }

    places = []
    for part in parts[:_SHOWN]:
        count = min(max(1, _SHOWN // len(parts)), part.height)
        spaced = part[[index * part.height // count for index in range(count)]]
        places += [place(row) for row in spaced.iter_rows(named=True)]
    return {"positions": places, "of": rows.height}


def passage_lines(teacher: Path, model: Path, passage: int, top: int, runtime: RuntimeParams) -> Iterator[str]:
    """A line a trained position: the text's next token, the base model's most probable one, entropy, the teacher's ``top``.

    The base model is run here, on the original text. Raises InputError for a passage that the shards lack.
    """
    open_shards(teacher, model)
    passages = pl.read_parquet(teacher / PASSAGES)
    chosen = passages.filter(pl.col("passage") == passage)
    if chosen.is_empty():
        raise InputError(f"{teacher} has no passage {passage}; they run from 0 to {passages.height - 1}.")
    rows = pl.scan_parquet(shard_paths(teacher)).filter(pl.col("passage") == passage).collect()
    tokenizer, ids = load_tokenizer(model), chosen["input_ids"][0].to_list()
    text = spelled(tokenizer, ids)
    (hidden_LD,) = TransformersEngine(model, runtime).hidden_states([ids], [0])
    probs_TV = load_head(model, str(hidden_LD.device.type)).logits(hidden_LD[rows["position"].to_list()]).softmax(-1)
    base_probs, likely = (values.tolist() for values in probs_TV.max(-1))
    following = [position + 1 for position in rows["position"]]
    own = [text[place] for place in following]

    def shown(token: int, place: int) -> str:
        """A token that only begins a character is known as such a one where it is the text's own."""
        return text[place] if token == ids[place] else readable(tokenizer, token)

    base = [shown(token, place) for token, place in zip(likely, following, strict=True)]
    first, second = (max(columns(token) for token in ["base model", *tokens]) for tokens in (own, base))
    yield f"passage {passage}, {chosen['kind'][0]}, {chosen['target'][0]}: {rows.height} trained positions"
    yield f"{right('text', first)} │ {right('base model', second)}      │ entropy │ teacher"
    for number, row in enumerate(rows.iter_rows(named=True)):
        teacher_top = zip(row["teacher_ids"][:top], row["teacher_logprobs"][:top], strict=True)
        top_tokens = "  ".join(f"{shown(token, following[number])} {math.exp(logprob):.2f}" for token, logprob in teacher_top)
        cells = f"{right(own[number], first)} │ {right(base[number], second)} {base_probs[number]:.2f}"
        yield f"{cells} │ {row['entropy']:7.2f} │ {top_tokens}"
