"""All shards of a run, in one pass: render, align, read, swap, average, cut, write; what an earlier run finished is taken up.

One batch of passages is in memory, with the next one, which is rendered meanwhile, and the one before, which is written.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.core.errors import ParamError
from pipeline.core.files import check_room, published_folder
from pipeline.core.progress import progress_bar
from pipeline.core.runtime import RuntimeParams, pick_device
from pipeline.engines.engine import Prefill
from pipeline.engines.open import open_prefill
from pipeline.model.head import Head, load_head
from pipeline.shards.schema import PASSAGES, PASSAGES_SCHEMA, shard_bytes
from pipeline.shards.writer import TaughtPassage, passage_table, seal, write_row_groups, write_shards
from pipeline.teacher.average import teach
from pipeline.teacher.counterfactuals import RenderedPassage, Renderer
from pipeline.teacher.manifest import passage_sums, summary, teacher_facts
from pipeline.teacher.params import TeacherParams
from pipeline.teacher.passages import in_order
from pipeline.teacher.survey import Names, survey
from pipeline.teacher.work import Work, run_fingerprint
from pipeline.text.passages import Passage
from pipeline.text.segments import text_of
from pipeline.text.tokenizer import Tokenizer, load_tokenizer

# Tokens of all renderings, after which a batch is full. What is read together decides the last bits of the result, so the limit
# is the same everywhere and a batch depends on the input alone.
BATCH_TOKENS = 32_768


def build_shards(
    model: Path, params: TeacherParams, runtime: RuntimeParams, passages: Iterable[Passage], names: Names, output: Path
) -> dict[str, Any]:
    """Write the teacher folder (shards, passages.parquet, manifest.json) to ``output`` and return the manifest.

    ``passages`` is gone through more than once. A crash loses the batch in progress; the next call with the same inputs goes on
    after the last finished one. Raises InputError as ``survey`` does, for a K above the size of the vocabulary, for a disk
    that is too full, and while another run makes the same shards.
    """
    tokenizer = load_tokenizer(model)
    renderer = Renderer(tokenizer, params, names)
    found = survey(passages, names, params, tokenizer, renderer, model)
    head = load_head(model, pick_device(runtime.device))
    if params.top_k > head.vocabulary:
        raise ParamError(
            f"teacher.top_k is {params.top_k}, but the model's whole vocabulary has {head.vocabulary} tokens; lower it."
        )
    facts = teacher_facts(model, params, names)
    work = Work(run_fingerprint(facts, params, runtime, names, found.fingerprint))
    with work.held():
        # Parts and the shards made of them stand side by side at the end.
        check_room(output, 2 * shard_bytes(found.tokens, params.kept) - work.size())
        prefill: Prefill | None = None
        # One thread beside the engine's: a tokenizer is not for two at a time.
        with progress_bar(found.passages, "passage", "teacher") as bar, ThreadPoolExecutor(1) as worker:
            batches = Batches(in_order(passages, params, tokenizer), renderer, work, bar.update)
            rendering, writing = worker.submit(batches.take), None
            while batch := rendering.result():
                rendering = worker.submit(batches.take)
                prefill = prefill or open_prefill(params.engine, model, runtime, longest=found.longest)
                taught = teach_batch(batch, prefill, head, params)
                if writing:
                    writing.result()
                writing = worker.submit(write_part, work, batch, taught, tokenizer)
                bar.update(len(taught))
            if writing:
                writing.result()

        with published_folder(output) as folder:
            write_shards(folder, work.tables(batches.parts, "rows"), facts, params.shard_megabytes * 2**20)
            write_row_groups(folder / PASSAGES, work.tables(batches.parts, "passages"), PASSAGES_SCHEMA)
            size = sum(path.stat().st_size for path in folder.glob("*.parquet"))
            manifest = seal(folder, {**facts, **summary(work.all_sums(batches.parts), size)})
    return manifest


@dataclass(frozen=True)
class Batch:
    """What is read together and makes a part of the shards."""

    part: int
    first: int  # number of the first of ``passages``
    passages: list[RenderedPassage]


class Batches:
    """The passages in order, rendered a batch at a time; those of finished parts are skipped, and ``skipped`` counts them."""

    def __init__(
        self, ordered: Iterator[tuple[Passage, str]], renderer: Renderer, work: Work, skipped: Callable[[int], Any]
    ) -> None:
        self._ordered, self._renderer, self._work, self._skipped = ordered, renderer, work, skipped
        self._passages = 0
        self.parts = 0

    def take(self) -> Batch | None:
        """The next batch; None at the end."""
        while sums := self._work.sums(self.parts):
            done = sum(1 for _ in islice(self._ordered, int(sums["passages"])))
            self._skipped(done)
            self._passages, self.parts = self._passages + done, self.parts + 1
        rendered, tokens = [], 0
        for passage, prompt in self._ordered:
            rendered.append(self._renderer.render(passage, prompt))
            tokens += sum(len(rendering.input_ids) for rendering in rendered[-1].renderings)
            if tokens >= BATCH_TOKENS:
                break
        if not rendered:
            return None
        batch = Batch(self.parts, self._passages, rendered)
        self._passages, self.parts = self._passages + len(rendered), self.parts + 1
        return batch


def teach_batch(batch: Batch, prefill: Prefill, head: Head, params: TeacherParams) -> list[TaughtPassage]:
    """All renderings of a batch are read together, then averaged passage by passage."""
    renderings = [rendering for rendered in batch.passages for rendering in rendered.renderings]
    hidden = iter(prefill.hidden_states([r.read_ids for r in renderings], [r.first_row for r in renderings]))
    return [teach(rendered, [next(hidden) for _ in rendered.renderings], head, params) for rendered in batch.passages]


def write_part(work: Work, batch: Batch, taught: list[TaughtPassage], tokenizer: Tokenizer) -> None:
    """Write what the shards and passages.parquet say of a batch."""
    tables, as_read, sums = [], [], Counter[str]()
    for number, (rendered, one) in enumerate(zip(batch.passages, taught, strict=True), batch.first):
        passage, original = rendered.passage, rendered.original
        tables.append(passage_table(number, passage.target, passage.kind, original.input_ids, one, tokenizer))
        as_read.append(
            {
                "passage": number,
                "target": passage.target,
                "kind": passage.kind,
                "format": passage.format,
                "question": text_of(passage.question) or None,
                "text": original.text[original.segment_starts[0] :],
                "input_ids": original.input_ids,
                "prefix_length": original.prefix_length,
            }
        )
        sums.update(passage_sums(rendered, one))
    work.write(batch.part, pa.concat_tables(tables), pa.Table.from_pylist(as_read, PASSAGES_SCHEMA), sums)
