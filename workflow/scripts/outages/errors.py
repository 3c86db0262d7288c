"""Errors that a person can act on: each has a code, a sentence and the facts behind it.

The table of codes, with causes and remedies, is docs/error-codes.md.
"""

from __future__ import annotations


class OutagesError(Exception):
    """An error of this workflow with a stable code.

    ``code`` is one of docs/error-codes.md, ``message`` a whole sentence, ``facts`` what a log line should
    carry beside it (file, hour, row, field, ...). ``str()`` gives "CODE: message".
    """

    def __init__(self, code: str, message: str, **facts: object) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.facts = facts

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"
