"""Faults on demand: rules that match a request, and what they do to an answer.

A rule is `{"match": {"fecha"?, "hora"?, "endpoint"?}, "fault": name, "times": n or null, ...}`; the first rule that
matches and is not used up counts, except that `latency` only delays and lets the next rule act too.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]
STATUS = {"429": 429, "500": 500, "502": 502, "503": 503, "504": 504, "block": 403}
NAMES = frozenset(STATUS) | {
    "latency", "hang", "reset", "html", "challenge", "truncated", "tiny", "empty", "drift", "value", "clock_skew",
    "revision", "cp1252",
}  # fmt: skip

PAGES = {
    "html": "<html><head><title>Interrupciones en Línea</title></head><body>Sitio en mantención</body></html>",
    "challenge": "<html><head><title>Just a moment...</title></head><body>Checking your browser: captcha</body></html>",
    "block": "<html><head><title>403 Forbidden</title></head><body>Access denied</body></html>",
    "error": "<html><head><title>Runtime Error</title></head><body>Server Error in '/INTONLINEv1'</body></html>",
}


@dataclass
class Rule:
    """One rule, and how often it may still act (None: always)."""

    fault: str
    match: dict[str, Any] = field(default_factory=dict)
    times: int | None = None
    options: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, rule: dict[str, Any]) -> "Rule":
        """Rule of a control request; an unknown fault, kind or match is an error, never ignored."""
        rest = dict(rule)
        fault, match, times = str(rest.pop("fault")), rest.pop("match", None) or {}, rest.pop("times", None)
        if fault not in NAMES:
            raise ValueError(f"unknown fault {fault!r}: one of {', '.join(sorted(NAMES))}")
        if unknown := set(match) - {"fecha", "hora", "endpoint"}:
            raise ValueError(f"unknown keys in match: {', '.join(sorted(unknown))}")
        kinds = {"drift": DRIFT, "value": VALUES}.get(fault)
        if kinds is not None and rest.get("kind") not in kinds:
            raise ValueError(f"{fault} needs a kind: one of {', '.join(kinds)}")
        return cls(fault, match, times, rest)

    def matches(self, endpoint: str, fecha: str | None, hora: int | None) -> bool:
        """Whether the rule is for this request and not used up."""
        asked = {"endpoint": endpoint, "fecha": fecha, "hora": hora}
        return self.times != 0 and all(asked[key] == value for key, value in self.match.items())

    def use(self) -> None:
        """Count one use."""
        if self.times is not None:
            self.times -= 1


def choose(rules: Iterable[Rule], endpoint: str, fecha: str | None, hora: int | None) -> tuple[Rule | None, float]:
    """The rule that acts on a request, if any, and the milliseconds that latency rules add."""
    delay = 0.0
    for rule in rules:
        if rule.matches(endpoint, fecha, hora):
            rule.use()
            if rule.fault != "latency":
                return rule, delay
            delay += float(rule.options.get("ms", 1000))
    return None, delay


def _each(change: Callable[[Row], Row]) -> Callable[[list[Row], int], Any]:
    return lambda rows, _: [change(row) for row in rows]


def _one(change: Callable[[Row], Row]) -> Callable[[list[Row], int], Any]:
    def changed(rows: list[Row], number: int) -> list[Row]:
        return [change(row) if n == number else row for n, row in enumerate(rows)]

    return changed


def _renamed(row: Row) -> Row:
    return {("CLIENTES" if key == "CLIENTES_AFECTADOS" else key): value for key, value in row.items()}


def _removed(row: Row) -> Row:
    return {key: value for key, value in row.items() if key != "NOMBRE_COMUNA"}


def _set(**values: Any) -> Callable[[Row], Row]:
    """Change of the named fields, where a row has them."""
    return lambda row: row | {key: value for key, value in values.items() if key in row}


# Changes of shape or type that no reader may let pass; one row (option `row`, 0) unless the keys themselves change.
DRIFT: dict[str, Callable[[list[Row], int], Any]] = {
    "added": _each(lambda row: row | {"NIVEL_TENSION": "MT"}),
    "removed": _each(_removed),
    "renamed": _each(_renamed),
    "retyped": _one(_set(NOMBRE_COMUNA=13101)),
    "boolean": _one(_set(CLIENTES_AFECTADOS=True)),
    "nested": _one(lambda row: row | {"CLIENTES_AFECTADOS": {"TOTAL": row["CLIENTES_AFECTADOS"]}}),
    "wrapped": lambda rows, _: {"d": rows},
    "negative": _one(lambda row: row | {"CLIENTES_AFECTADOS": -row["CLIENTES_AFECTADOS"]}),
    "fraction": _one(lambda row: row | {"CLIENTES_AFECTADOS": row["CLIENTES_AFECTADOS"] + 0.5}),
}
# Odd values that a reader must take and count.
VALUES: dict[str, Callable[[list[Row], int], Any]] = {
    "digits": _each(lambda row: row | {"CLIENTES_AFECTADOS": str(row["CLIENTES_AFECTADOS"])}),
    "null": _one(_set(CLIENTES_AFECTADOS=None)),
    "blank": _one(_set(CLIENTES_AFECTADOS="")),
    "huge": _one(_set(CLIENTES_AFECTADOS=99_000_000)),
    "nowhere": _one(_set(NOMBRE_COMUNA="Macondo")),
    "nobody": _one(_set(NOMBRE_EMPRESA="ELECTRICA MACONDO")),
    "future": _one(_set(FECHA_INT_STR="1/1/2099", DIA_INT=1, MES_INT=1, ANHO_INT=2099)),
    "unparsable": _one(_set(FECHA_INT_STR="ayer", DIA_INT=None, MES_INT=None, ANHO_INT=None)),
    "disagree": _one(lambda row: row | {"DIA_INT": row["DIA_INT"] % 28 + 1} if "DIA_INT" in row else row),
}


def alter(rule: Rule, rows: list[Row]) -> Any:
    """What a rule about contents makes of the rows of an answer."""
    if rule.fault in ("drift", "value"):
        kinds = DRIFT if rule.fault == "drift" else VALUES
        return kinds[rule.options["kind"]](rows, int(rule.options.get("row", 0)))
    if rule.fault == "empty":
        return []
    if rule.fault == "tiny":
        named = list(dict.fromkeys((row["NOMBRE_REGION"], row["NOMBRE_COMUNA"]) for row in rows))[:3]
        return [row for row in rows if (row["NOMBRE_REGION"], row["NOMBRE_COMUNA"]) in named]
    if rule.fault == "revision" and rows:
        changed = max(0, rows[0]["CLIENTES_AFECTADOS"] + int(rule.options.get("delta", 24)))
        return [rows[0] | {"CLIENTES_AFECTADOS": changed}, *rows[1:]]
    return rows
