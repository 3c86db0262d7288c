"""Stage 7a: the runtime that draws the page's figures, as one script; made once for each version of vl-convert.

Vega, Vega-Lite and their embedding, bundled by the wheel vl-convert-python, which takes a second and a half: as long
as everything else that a live round does after its month.
"""

from pathlib import Path

import vl_convert
from outages.files import replacing
from outages.reporting import run, tell


def vega(runtime: Path) -> None:
    """Write the script, which sets `vegaEmbed` and asks nobody for anything."""
    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    # These would end or hide the script in a page, were they not escaped within its texts.
    text = f"(() => {{{bundle}}})();".replace("</script", "<\\/script").replace("<!--", "<\\!--")
    with replacing(runtime) as part:
        part.write_text(text, encoding="utf-8")
    tell(f"{len(text) / 1e6:.1f} MB")


if "snakemake" in globals():
    run(vega, snakemake)
