"""Stage distill: train the student on the teacher's shards.

python -m stages.distill
"""

import click


@click.command(help=__doc__)
def main() -> None:
    from pipeline.core.errors import keys_stand_in
    from pipeline.core.files import published_folder
    from pipeline.core.outputs import BASE_MODEL, CURVE_FILE, STUDENT, TEACHER
    from pipeline.core.params import PARAMS_FILE, read_section
    from pipeline.core.runtime import RuntimeParams
    from pipeline.distill.card import training_facts, write_card
    from pipeline.distill.objective import Distillation
    from pipeline.distill.params import DistillParams
    from pipeline.model.params import ModelParams
    from pipeline.shards.reader import check_same_model, read_manifest
    from pipeline.train.loop import epoch_mean, train, write_curve
    from pipeline.train.student import open_student

    params, runtime = read_section(DistillParams, "distill"), read_section(RuntimeParams, "runtime")
    check_same_model(TEACHER, BASE_MODEL)
    with keys_stand_in(PARAMS_FILE):
        student = open_student(BASE_MODEL, params.precision, runtime, "distill.precision")
    curve = train(student, Distillation(TEACHER, params), params, runtime, params.seed)
    with published_folder(STUDENT) as folder:
        student.save(folder)
        facts = training_facts(folder, read_section(ModelParams, "model"), params, read_manifest(TEACHER), curve)
        write_card(folder, facts)
    write_curve(curve, CURVE_FILE)
    last = params.epochs - 1
    first_kl, last_kl = epoch_mean(curve, 0, "forget_kl"), epoch_mean(curve, last, "forget_kl")
    click.echo(f"{STUDENT}: {len(curve)} steps over {params.epochs} epochs")
    click.echo(
        f"forget KL {first_kl:.3f} nats in the first epoch, {last_kl:.3f} in the last; "
        f"retain KL {epoch_mean(curve, last, 'retain_kl'):.3f} in the last"
    )


if __name__ == "__main__":
    main()
