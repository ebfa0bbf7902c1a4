"""Say what teacher and distill will cost: tokens, operations, bytes, memory, time.

python -m stages.plan --people 100 --config configs/8b --card h100

Counts data/prepared, and data/elicited if it is there, and measures for ten seconds how fast this machine scores and trains.
"""

from pathlib import Path

import click

from pipeline.core.process import run
from pipeline.plan.rates import CARDS, card_rates, measured_rates


@click.command(help=__doc__)
@click.option("--people", type=click.IntRange(min=1), help="As many targets, each like those there are.")
@click.option(
    "--config", type=click.Path(path_type=Path, exists=True, file_okay=False), help="A folder with another config.json."
)
@click.option("--card", type=click.Choice(list(CARDS)), help="Expect what such a GPU should reach, in place of measuring here.")
@click.option("--cards", default=1, show_default=True, type=click.IntRange(min=1), help="As many of them.")
def main(people: int | None, config: Path | None, card: str | None, cards: int) -> None:
    from pipeline.core.errors import InputError
    from pipeline.core.outputs import BASE_MODEL, ELICITED, PREPARED, check_folder, check_model
    from pipeline.core.params import read_section
    from pipeline.core.runtime import RuntimeParams, pick_device
    from pipeline.distill.params import DistillParams
    from pipeline.plan.cost import cost_of, count_work, model_shape
    from pipeline.plan.report import plan_lines
    from pipeline.teacher.params import TeacherParams
    from pipeline.teacher.passages import PassageSource
    from pipeline.text.names import read_names
    from pipeline.text.tokenizer import load_tokenizer

    teacher, distill = read_section(TeacherParams, "teacher"), read_section(DistillParams, "distill")
    runtime = read_section(RuntimeParams, "runtime")
    check_model(BASE_MODEL)
    check_folder(PREPARED)
    if config and not card:
        raise InputError("--config describes a model that is not here, so its rate can't be measured; give a --card as well.")
    given = teacher if ELICITED.is_dir() else teacher.changed(forget_from=("given",), retain_from=("given",))
    names, shape = read_names(PREPARED), model_shape(config or BASE_MODEL)
    device = "cuda" if card else pick_device(runtime.device)
    passages, tokenizer = PassageSource(given, PREPARED, ELICITED), load_tokenizer(BASE_MODEL)
    work = count_work(passages, names, given, tokenizer, device, distill.passages_per_step)
    if people:
        work = work.times(people / len(names))
    rates = card_rates(card, cards) if card else measured_rates(BASE_MODEL, shape, runtime)
    cost = cost_of(work, shape, teacher, distill, runtime, cuda=device == "cuda")
    for line in plan_lines(work, shape, cost, rates, people or len(names)):
        click.echo(line)
    if not ELICITED.is_dir() and "elicited" in teacher.forget_from:
        click.echo(f"{ELICITED} is missing, so elicited passages are not counted; make them first (dvc repro elicit).")


if __name__ == "__main__":
    run(main)
