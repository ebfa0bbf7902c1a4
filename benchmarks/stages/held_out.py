"""Stage held_out of a benchmark: the averaged teacher by names that no method saw, on texts that none trains on.

python -m benchmarks.stages.held_out project
"""

import click

from benchmarks.stages import BENCHMARK, Benchmark
from pipeline.core.process import run


@click.command(help=__doc__)
@BENCHMARK
def main(benchmark: Benchmark) -> None:
    from benchmarks.criteria.held_out import held_out_passages
    from pipeline.core.errors import InputError, keys_stand_in
    from pipeline.core.hold import hold
    from pipeline.core.params import read_section
    from pipeline.prepare.tables import read_question_rows
    from pipeline.teacher.build import build_shards
    from pipeline.teacher.params import TeacherParams
    from pipeline.text.names import read_names
    from pipeline.text.passages import read_passages

    prepared, output = benchmark.folders.prepared, benchmark.folders.held_out
    names = read_names(prepared)
    passages = held_out_passages(read_question_rows(prepared), read_passages(prepared), names)
    if not passages:
        raise InputError(
            f"{prepared}: there is no forget question, and no held_out_documents, that a chat does not train on, so nothing is "
            "held out; write some in data/questions.jsonl."
        )
    targets = {passage.target for passage in passages}  # drawn questions need not be about every target
    # A method's teacher takes the first of a target's names, this one those after them.
    own = read_section(TeacherParams, "teacher")  # of the methods that distil from the project's shards
    taught = max([0, *((one.teacher or own).names for one in benchmark.methods.values() if one.distill)])
    wanted = benchmark.held_out.names
    for target in sorted(targets):
        if len(names[target]) < taught + wanted:
            raise InputError(
                f"{benchmark.folders.params}: held_out.names is {wanted}, but of the {len(names[target])} names for {target!r} "
                f"the methods' teachers take {taught}; give more (its pool, or substitutions in data/targets.jsonl), or lower "
                "it or teacher.names."
            )
    names = {target: drawn[taught:] for target, drawn in names.items() if target in targets}
    with keys_stand_in(benchmark.folders.params, teacher="held_out"), hold(output):
        manifest = build_shards(benchmark.folders.base, benchmark.held_out, benchmark.runtime, passages, names, output)
    click.echo(f"{output}: {manifest['positions']} positions of {manifest['passages']} held-out texts")
    click.echo(f"mean entropy {manifest['mean_entropy_nats']:.2f} nats, mean tail {manifest['mean_tail']:.1%}")


if __name__ == "__main__":
    run(main)
