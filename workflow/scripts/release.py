"""Build results/release of a finished run, for a data repository: data, columns, RO-Crate, checksums, README.

python workflow/scripts/release.py DIRECTORY VERSION [configuration files, as make takes them]

Without configuration files the configuration is that which the run left in results/config.json, else the defaults;
one that is not the run's is refused. An archive of the folder is laid beside it.
"""

import os
import sys
from pathlib import Path

from outages import settings
from outages.errors import OutagesError
from outages.files import read_json
from outages.lifecycle import at_work
from outages.release import FOLDER, release


def main(directory: str, version: str, files: list[str]) -> int:
    """The command."""
    try:
        given = [Path(file).resolve() for file in files]
        os.chdir(directory)
        busy = at_work(Path(".snakemake/run.lock"))
        if busy:
            raise OutagesError("RUN_BUSY", f"a run (process {busy}) is at work in {directory}; wait until it ends")
        known = not given and settings.LAST.exists()
        config = read_json(settings.LAST) if known else settings.merged(given)
        archive = release(Path("results"), version, config)
    except OutagesError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"release: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"{Path(directory) / 'results' / FOLDER}/  README.md tells what is in it and how to cite it")
    print(f"{Path(directory) / archive}  the same as one file, to be deposited (docs/release.md)")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
