"""What the manifest says: what the shards are made with (their footers say it too), and counts and means over them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.model.folder import model_fingerprint, tokenizer_fingerprint
from pipeline.shards.schema import FORMAT_VERSION
from pipeline.shards.writer import TaughtPassage
from pipeline.teacher.alignment import literal_tokens
from pipeline.teacher.counterfactuals import RenderedPassage
from pipeline.teacher.params import TeacherParams
from pipeline.text.names import CounterfactualName


def teacher_facts(model: Path, params: TeacherParams, names: Mapping[str, Sequence[CounterfactualName]]) -> dict[str, Any]:
    """What the shards are made with."""
    # None of those left out says anything that the other facts and the files do not.
    variant = params.model_dump(exclude={"shard_megabytes", "preset", "names"})
    return {
        "format_version": FORMAT_VERSION,
        "model_fingerprint": model_fingerprint(model),
        "tokenizer_fingerprint": tokenizer_fingerprint(model),
        **variant,
        "N": params.names,
        "K": params.kept,
        "counterfactual_names": {target: [name.name for name in drawn[: params.names]] for target, drawn in names.items()},
    }


def passage_sums(rendered: RenderedPassage, taught: TaughtPassage) -> dict[str, float]:
    """What a passage adds to the counts and, if it is a forget passage, to the sums over positions."""
    import numpy as np

    literal = literal_tokens(rendered.original, rendered.passage.segments)
    positions = len(taught.positions)
    sums: dict[str, float] = {
        "passages": 1,
        "positions": positions,
        "literal": int(literal.sum()),
        "trained": int(literal[taught.positions + 1].sum()),
    }
    if rendered.passage.kind == "forget":
        sums |= {
            "forget_positions": positions,
            "tail": float(np.exp(taught.tail_logprob).sum()),
            "entropy": float(taught.entropy.sum()),
            "disagreement": float(taught.disagreement.sum()),
            "swapped_mass": float(taught.swapped_mass.sum()),
        }
    return sums


def summary(parts: Iterable[Mapping[str, float]], size: int) -> dict[str, Any]:
    """Counts and means over the sums of all ``parts``; ``size`` in bytes. trained_share: of the tokens outside mentions."""
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    forget = max(total["forget_positions"], 1)
    return {
        "passages": total["passages"],
        "positions": total["positions"],
        "forget_positions": total["forget_positions"],
        "trained_share": round(total["trained"] / max(total["literal"], 1), 4),
        "mean_tail": round(total["tail"] / forget, 5),
        "mean_entropy_nats": round(total["entropy"] / forget, 5),
        "mean_disagreement_nats": round(total["disagreement"] / forget, 5),
        "mean_swapped_mass": round(total["swapped_mass"] / forget, 5),
        "bytes": size,
        "bytes_per_position": round(size / max(total["positions"], 1), 1),
    }
