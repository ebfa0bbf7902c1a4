"""Stage base: bring the model that has to forget into models/base.

python -m stages.base
"""

import click

from pipeline.core.hold import hold
from pipeline.core.outputs import BASE_MODEL
from pipeline.core.process import run


@click.command(help=__doc__)
@hold(BASE_MODEL)
def main() -> None:
    from pipeline.core.files import published_folder
    from pipeline.core.outputs import commit_of
    from pipeline.core.params import read_section
    from pipeline.model.folder import model_fingerprint, tokenizer_fingerprint
    from pipeline.model.params import ModelParams
    from pipeline.model.source import bring_model

    params = read_section(ModelParams, "model")
    with published_folder(BASE_MODEL) as folder:
        bring_model(params, folder)
    commit = f" at commit {found}" if (found := commit_of(BASE_MODEL)) else ""
    size = sum(path.stat().st_size for path in BASE_MODEL.iterdir())
    click.echo(
        f"{BASE_MODEL}: {params.source}{commit}, {size / 2**20:.0f} MiB, model {model_fingerprint(BASE_MODEL)[:12]}, "
        f"tokenizer {tokenizer_fingerprint(BASE_MODEL)[:12]}"
    )


if __name__ == "__main__":
    run(main)
