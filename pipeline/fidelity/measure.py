"""The measurement: dense teacher and sparse ones passage by passage, then the gradients, one K after the other.

A dense teacher is dropped as soon as its passage has been compared and has added its gradient, so memory does not grow with the
sample: the weights, two gradients, and a few T x V tables.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline.core.errors import InputError
from pipeline.core.progress import progress_bar
from pipeline.core.runtime import RuntimeParams, pick_device
from pipeline.distill.objective import add_gradient
from pipeline.distill.params import DistillParams
from pipeline.engines.transformers_engine import TransformersEngine
from pipeline.fidelity import compare
from pipeline.fidelity.sample import SEED, Names, open_sample
from pipeline.model.head import load_head
from pipeline.shards.reader import PassageTargets
from pipeline.teacher.average import cut, dense_teacher, kept_tokens
from pipeline.teacher.params import TeacherParams
from pipeline.text.passages import Passage
from pipeline.train.student import Student

_COLUMNS = {
    "K": "K", "total_variation_mean": "TV mean", "total_variation_max": "TV max", "kl_nats_mean": "KL (nats)",
    "tail_mean": "tail", "dense_tail_mean": "true tail", "logit_cosine": "logit cosine", "gradient_cosine": "grad. cosine",
}  # fmt: skip


@dataclass
class Cut:
    """What keeping ``kept`` tokens costs on the passages added."""

    kept: int
    targets: list[PassageTargets] = field(default_factory=list)
    errors: list[dict[str, np.ndarray]] = field(default_factory=list)
    products: list[np.ndarray] = field(default_factory=list)  # see logit_products
    gradient_cosine: float = 0.0

    def add(self, dense_TV: np.ndarray, targets: PassageTargets, student_TV: np.ndarray) -> None:
        """Take in the cut teacher of one passage, ``targets``, with the student's probabilities at its positions."""
        self.targets.append(targets)
        self.errors.append(compare.errors(dense_TV, targets))
        self.products.append(compare.logit_products(student_TV, dense_TV, targets))

    def row(self) -> dict[str, float]:
        """What it costs over all passages."""
        logits, weights = compare.logit_cosine(self.products), self.gradient_cosine
        return {"K": self.kept, **compare.error_summary(self.errors), "logit_cosine": logits, "gradient_cosine": weights}


def measure(
    model: Path,
    teacher: Path,
    params: TeacherParams,
    runtime: RuntimeParams,
    passages: Iterable[Passage],
    names: Names,
    *,
    wanted: int,
    top_ks: Sequence[int],
    target: str | None,
) -> dict[str, Any]:
    """Compare the shards in ``teacher``, and teachers cut to each of ``top_ks``, with the dense teacher.

    On ``wanted`` forget passages, of ``target`` or of all targets. The dense teacher is read by transformers. Returns all
    numbers, with what determines them: masses as shares of 1, six significant digits. Raises InputError where open_sample does,
    and for a K above the size of the vocabulary.
    """
    sample = open_sample(teacher, model, params, passages, names, wanted, target)
    student = Student(model, pick_device(runtime.device))
    student.model.eval()
    reader, head = TransformersEngine(model, runtime, student.model), load_head(model, student.device)
    if max(top_ks) > head.vocabulary:
        raise InputError(f"--top-k holds {max(top_ks)}, but the model's vocabulary has {head.vocabulary} tokens.")
    shards, by_top_k = Cut(params.top_k), [Cut(top_k) for top_k in top_ks]
    agreements: list[tuple[np.ndarray, np.ndarray]] = []
    swapped_mass: list[float] = []
    to_read = sum(len(r.input_ids) for one in sample.rendered.values() for r in one.renderings)
    to_learn, chunk = sum(map(len, sample.input_ids.values())), runtime.logit_chunk
    with progress_bar(to_read + (2 + len(top_ks)) * to_learn, "tok", "fidelity") as bar:

        def learn(targets: PassageTargets) -> None:
            """Add what a passage contributes to the gradient of the mean KL over all positions of the sample."""
            add_gradient(student, [targets], sample.input_ids, DistillParams(), sample.positions, chunk)
            bar.update(len(sample.input_ids[targets.passage]))

        for number, rendered in sample.rendered.items():
            renderings = rendered.renderings
            hidden = reader.hidden_states([r.read_ids for r in renderings], [r.first_row for r in renderings])
            blocks = list(dense_teacher(rendered, hidden, head, params))
            positions = np.concatenate([block.positions for block in blocks])
            probs_TV = torch.cat([block.probs_TV for block in blocks])
            dense_TV = probs_TV.double().cpu().numpy()
            bar.update(sum(len(r.input_ids) for r in renderings))
            chosen_TM = kept_tokens(rendered, hidden, head, params, positions)
            stored = {k: compare.as_stored(number, positions, *cut(probs_TV, chosen_TM, k)) for k in {params.top_k, *top_ks}}
            student_TV = compare.student_probs(student, sample.input_ids[number], positions)
            shards.add(dense_TV, sample.targets[number], student_TV)
            agreements.append(compare.agreement(sample.targets[number], stored[params.top_k]))
            for one in by_top_k:
                one.add(dense_TV, stored[one.kept], student_TV)
            swapped_mass += [mass for block in blocks for mass in block.swapped_mass.tolist()]
            learn(compare.whole_vocabulary(number, positions, dense_TV))
        whole = compare.take_gradient(student)
        for one in (shards, *by_top_k):
            for targets in one.targets:
                learn(targets)
            one.gradient_cosine = compare.cosine(whole, compare.take_gradient(student))
    engines = {"shards": sample.facts["engine"], "reference": "transformers"}
    lost, literal = sample.lost_tokens, sample.literal_tokens
    report = {
        "params": {key: value for key, value in sample.facts.items() if key != "counterfactual_names"},
        "sample": {
            "target": target, "seed": SEED, "passages": list(sample.rendered), "of_passages": sample.candidates,
            "positions": sample.positions, "vocabulary": head.vocabulary,
        },
        "shards": shards.row(),
        "by_top_k": [one.row() for one in by_top_k],
        "alignment": {"literal_tokens": literal, "lost_tokens": lost, "lost_share": lost / max(literal, 1)},
        "swapped_mass_mean": sum(swapped_mass) / len(swapped_mass),
        "engines": engines | compare.agreement_summary(agreements),
    }  # fmt: skip
    rounded: dict[str, Any] = json.loads(json.dumps(report), parse_float=lambda digits: float(f"{float(digits):.6g}"))
    return rounded


def report_lines(report: dict[str, Any]) -> Iterator[str]:
    """The report for a person: the shards, the table over K, and what does not depend on K."""
    sample, loss, engines = report["sample"], report["alignment"], report["engines"]
    yield (
        f"{len(sample['passages'])} of {sample['of_passages']} forget passages, {sample['positions']} positions, "
        f"{report['params']['N']} names, {sample['vocabulary']} tokens"
    )
    yield f"{'':6}" + "".join(f"{head:>13}" for head in _COLUMNS.values())
    for label, row in [("shards", report["shards"]), *(("", row) for row in report["by_top_k"])]:
        cells = (f"{row[key]:>13}" if key == "K" else f"{row[key]:>13.5f}" for key in _COLUMNS)
        yield f"{label:6}" + "".join(cells)
    yield f"lost to alignment: {loss['lost_tokens']} of {loss['literal_tokens']} tokens ({loss['lost_share']:.2%})"
    yield f"moved by the reverse swap: {report['swapped_mass_mean']:.2%} of the mass"
    yield (
        f"{engines['shards']} (shards) and {engines['reference']}: log-probabilities differ by "
        f"{engines['logprob_difference_mean']:.5f} nats on average, {engines['logprob_difference_max']:.5f} at most; same top "
        f"token at {engines['same_top_1_share']:.2%} of the positions"
    )


def summary_line(report: dict[str, Any]) -> str:
    """The three numbers that matter."""
    shards, lost = report["shards"], report["alignment"]["lost_share"]
    return (
        f"at K = {shards['K']}: total variation {shards['total_variation_mean']:.4f}, cosine of the gradients "
        f"{shards['logit_cosine']:.5f} in the logits and {shards['gradient_cosine']:.5f} in the weights; {lost:.2%} of the "
        "positions lost"
    )
