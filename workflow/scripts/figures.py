"""Figures for print: the payloads of one figure in, SVG and PNG in both languages out.

Drawn by vl-convert, without a browser or a network; texts stay texts in the SVG. Units are those of the payloads.
Source: Superintendencia de Electricidad y Combustibles (SEC), Interrupciones en Línea.
"""

from pathlib import Path

from outages.figures import BY_ID, LANGUAGES
from outages.figures.export import png, svg
from outages.files import read_json, replacing
from outages.reporting import run, tell


def figures(payloads: list[Path], meta: Path, pictures: list[Path], figure: str) -> None:
    """Write a figure's pictures, named `{figure}.{lang}.{svg,png}`; equal payloads give equal bytes."""
    about = read_json(meta)[0]
    items = {path.stem: read_json(path) for path in payloads}
    paths = {path.name: path for path in pictures}
    for lang in LANGUAGES:
        drawn = svg(BY_ID[figure].build(lang, about), items)
        for kind, content in (("svg", drawn.encode()), ("png", png(drawn))):
            with replacing(paths[f"{figure}.{lang}.{kind}"]) as part:
                part.write_bytes(content)
    tell(f"{figure}, {len(pictures)} files")


if "snakemake" in globals():
    run(figures, snakemake)
