"""Stage base: bring the model that has to forget into models/base.

python -m stages.base
"""

import click


@click.command(help=__doc__)
def main() -> None:
    from pipeline.base.source import bring_model
    from pipeline.fingerprint import model_fingerprint, tokenizer_fingerprint
    from pipeline.params import load_params
    from pipeline.paths import BASE_MODEL
    from pipeline.publish import published_folder

    params = load_params()["model"]
    with published_folder(BASE_MODEL) as folder:
        bring_model(params, folder)
    size = sum(path.stat().st_size for path in BASE_MODEL.iterdir())
    click.echo(
        f"{BASE_MODEL}: {params.source}, {size / 2**20:.0f} MiB, model {model_fingerprint(BASE_MODEL)[:12]}, "
        f"tokenizer {tokenizer_fingerprint(BASE_MODEL)[:12]}"
    )


if __name__ == "__main__":
    main()
