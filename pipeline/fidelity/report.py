"""The measurement as JSON for evaluation/fidelity.json, and as a table for the terminal."""

from collections.abc import Iterator
from typing import Any

from pipeline.fidelity.compare import agreement_summary, error_summary
from pipeline.fidelity.measure import Measured, Sparse
from pipeline.fidelity.sample import SEED

_COLUMNS = {
    "K": "K",
    "total_variation_mean": "TV mean",
    "total_variation_max": "TV max",
    "kl_nats_mean": "KL (nats)",
    "tail_mean": "tail",
    "dense_tail_mean": "true tail",
    "logit_cosine": "logit cosine",
    "gradient_cosine": "grad. cosine",
}


def report_of(measured: Measured, target: str | None) -> dict[str, Any]:
    """All numbers, with what determines them. Masses are shares of 1; six significant digits."""
    sample = measured.sample
    facts = {key: value for key, value in sample.facts.items() if key != "counterfactual_names"}
    engines = {"shards": facts["engine"], "reference": "transformers", **agreement_summary(measured.agreements)}
    report = {
        "params": facts,
        "sample": {
            "target": target,
            "seed": SEED,
            "passages": list(sample.rendered),
            "of_passages": sample.candidates,
            "positions": sample.positions,
            "vocabulary": measured.vocabulary,
        },
        "shards": _row(measured.shards),
        "by_top_k": [_row(sparse) for sparse in measured.by_top_k],
        "alignment": {
            "literal_tokens": sample.lost.literal,
            "lost_tokens": sample.lost.lost,
            "lost_share": sample.lost.lost / max(sample.lost.literal, 1),
        },
        "swapped_mass_mean": sum(measured.swapped_mass) / len(measured.swapped_mass),
        "engines": engines,
    }
    rounded: dict[str, Any] = _rounded(report)
    return rounded


def _row(sparse: Sparse) -> dict[str, float]:
    return {
        "K": sparse.K,
        **error_summary(sparse.errors),
        "logit_cosine": sparse.logits.value,
        "gradient_cosine": sparse.gradient_cosine,
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def report_lines(report: dict[str, Any]) -> Iterator[str]:
    """The report for a person: the shards, the table over K, and what does not depend on K."""
    sample, lost, engines = report["sample"], report["alignment"], report["engines"]
    yield (
        f"{len(sample['passages'])} of {sample['of_passages']} forget passages, {sample['positions']} positions, "
        f"{report['params']['N']} names, {sample['vocabulary']} tokens"
    )
    yield f"{'':6}" + "".join(f"{head:>13}" for head in _COLUMNS.values())
    for label, row in [("shards", report["shards"]), *(("", row) for row in report["by_top_k"])]:
        cells = (f"{row[key]:>13}" if key == "K" else f"{row[key]:>13.5f}" for key in _COLUMNS)
        yield f"{label:6}" + "".join(cells)
    yield f"lost to alignment: {lost['lost_tokens']} of {lost['literal_tokens']} tokens ({lost['lost_share']:.2%})"
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
