"""Open psql on the warehouse: the embedded PostgreSQL of a working directory, or the one of DATABASE_URL.

python workflow/scripts/psql.py DIRECTORY [psql's own arguments]
"""

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from outages.errors import OutagesError
from outages.pgprograms import find_programs
from outages.postgres import Embedded, program_environment


def psql(directory: Path, arguments: list[str], database_url: str | None) -> int:
    """Run psql until it ends and return its exit code; the embedded server runs as long."""
    with ExitStack() as stack:
        if not database_url:
            cluster = directory / "results" / "postgres"
            if not cluster.is_dir():
                raise SystemExit(f"{directory} has no database yet ({cluster}): build first, or set DATABASE_URL")
            embedded = Embedded(cluster)
            database_url = stack.enter_context(embedded.running()).url
        environment = os.environ | program_environment(database_url)
        return subprocess.run([find_programs() / "psql", *arguments], env=environment).returncode


if __name__ == "__main__":
    try:
        sys.exit(psql(Path(sys.argv[1]), sys.argv[2:], os.environ.get("DATABASE_URL")))
    except OutagesError as error:
        sys.exit(f"psql: {error}")
