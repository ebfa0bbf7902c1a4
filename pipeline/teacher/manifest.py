"""What the manifest says: what the shards are made with (their footers say it too), and counts and means over them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.model.folder import model_fingerprint, tokenizer_fingerprint
from pipeline.shards.schema import FORMAT_VERSION
from pipeline.teacher.alignment import literal_tokens
from pipeline.teacher.counterfactuals import RenderedPassage
from pipeline.teacher.params import TeacherParams
from pipeline.text.names import CounterfactualName


def teacher_facts(model: Path, params: TeacherParams, names: Mapping[str, Sequence[CounterfactualName]]) -> dict[str, Any]:
    """What the shards are made with."""
    # Neither of those left out says anything that the other facts and the files do not.
    variant = params.model_dump(exclude={"passages_per_shard", "preset", "names"})
    return {
        "format_version": FORMAT_VERSION,
        "model_fingerprint": model_fingerprint(model),
        "tokenizer_fingerprint": tokenizer_fingerprint(model),
        **variant,
        "N": params.names,
        "K": 1 if params.targets == "hard" else params.top_k,
        "counterfactual_names": {target: [name.name for name in drawn[: params.names]] for target, drawn in names.items()},
    }


def summary(folder: Path, rendered: Sequence[RenderedPassage]) -> dict[str, Any]:
    """Counts and means over the shards in ``folder``. trained_share: of the tokens outside mentions, those trained."""
    import polars as pl

    # Files, not the folder: passages.parquet lies beside the shards.
    shards = pl.read_parquet(sorted(folder.glob("shard-*.parquet")))
    size = sum(path.stat().st_size for path in folder.glob("*.parquet"))
    forget = shards.filter(pl.col("kind") == "forget")
    literal = [literal_tokens(one.original, one.passage.segments) for one in rendered]
    trained = sum(bool(literal[passage][position + 1]) for passage, position in shards.select("passage", "position").rows())

    def mean(values: Any) -> float:
        return round(float(values.cast(float).mean() or 0.0), 5)

    return {
        "passages": len(rendered),
        "positions": shards.height,
        "forget_positions": forget.height,
        "trained_share": round(trained / sum(int(tokens.sum()) for tokens in literal), 4),
        "mean_tail": mean(forget["tail_logprob"].exp()),
        "mean_entropy_nats": mean(forget["entropy"]),
        "mean_disagreement_nats": mean(forget["disagreement"]),
        "mean_swapped_mass": mean(forget["swapped_mass"]),
        "bytes": size,
        "bytes_per_position": round(size / max(shards.height, 1), 1),
    }
