"""Stage distill: train the student on the teacher's shards.

python -m stages.distill
"""

import click

from pipeline.core.hold import hold
from pipeline.core.outputs import CURVE_FILE, STUDENT
from pipeline.core.process import run


@click.command(help=__doc__)
@hold(STUDENT, CURVE_FILE)
def main() -> None:
    from pipeline.core.errors import keys_stand_in
    from pipeline.core.files import check_room, published_folder
    from pipeline.core.outputs import BASE_MODEL, TEACHER
    from pipeline.core.params import PARAMS_FILE, read_section
    from pipeline.core.runtime import RuntimeParams
    from pipeline.distill.card import training_facts, write_card
    from pipeline.distill.objective import Distillation, determined_by
    from pipeline.distill.params import DistillParams
    from pipeline.model.params import ModelParams
    from pipeline.shards.reader import open_shards
    from pipeline.train.checkpoints import Checkpoints
    from pipeline.train.loop import epoch_mean, train, write_curve
    from pipeline.train.student import open_student

    params, runtime = read_section(DistillParams, "distill"), read_section(RuntimeParams, "runtime")
    manifest = open_shards(TEACHER, BASE_MODEL)
    with keys_stand_in(PARAMS_FILE):
        student = open_student(BASE_MODEL, params.precision, runtime, "distill.precision")
    check_room(STUDENT, student.bytes)
    checkpoints = Checkpoints(determined_by(manifest, params, runtime), runtime.checkpoint_steps)
    with checkpoints.held():
        curve = train(student, Distillation(TEACHER, params), params, runtime, params.seed, checkpoints)
        with published_folder(STUDENT) as folder:
            student.save(folder)
            write_card(folder, training_facts(folder, BASE_MODEL, read_section(ModelParams, "model"), params, manifest, curve))
        write_curve(curve, CURVE_FILE)
    last = params.epochs - 1
    first_kl, last_kl = epoch_mean(curve, 0, "forget_kl"), epoch_mean(curve, last, "forget_kl")
    click.echo(f"{STUDENT}: {len(curve)} steps over {params.epochs} epochs")
    click.echo(
        f"forget KL {first_kl:.3f} nats in the first epoch, {last_kl:.3f} in the last; "
        f"retain KL {epoch_mean(curve, last, 'retain_kl'):.3f} in the last"
    )


if __name__ == "__main__":
    run(main)
