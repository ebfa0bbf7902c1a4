"""Stage distill: train the student on the teacher's shards.

python -m stages.distill
"""

import click


@click.command(help=__doc__)
def main() -> None:
    from pipeline.distill.curve import epoch_mean, write_curve
    from pipeline.distill.data import check_same_model
    from pipeline.distill.loop import train
    from pipeline.distill.student import open_student
    from pipeline.errors import keys_stand_in
    from pipeline.params import PARAMS_FILE, load_params
    from pipeline.paths import BASE_MODEL, STUDENT, TEACHER
    from pipeline.publish import published_folder

    params = load_params()
    check_same_model(TEACHER, BASE_MODEL)
    with keys_stand_in(PARAMS_FILE):
        student = open_student(BASE_MODEL, params["distill"].precision, params["runtime"], "distill.precision")
    curve = train(student, TEACHER, params["distill"], params["runtime"])
    with published_folder(STUDENT) as folder:
        student.save(folder)
    write_curve(curve)
    last = params["distill"].epochs - 1
    first_kl, last_kl = epoch_mean(curve, 0, "forget_kl"), epoch_mean(curve, last, "forget_kl")
    click.echo(f"{STUDENT}: {len(curve)} steps over {last + 1} epochs")
    click.echo(
        f"forget KL {first_kl:.3f} nats in the first epoch, {last_kl:.3f} in the last; "
        f"retain KL {epoch_mean(curve, last, 'retain_kl'):.3f} in the last"
    )


if __name__ == "__main__":
    main()
