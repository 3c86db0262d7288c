"""From answers to observations: summing, which answer counts, imputation, cap, ghosts, hours, conservation."""

from datetime import date
from typing import Any

import polars as pl
import pytest
from outages import silver
from outages.clock import month_end
from outages.errors import OutagesError
from outages.fingerprint import REPOSITORY
from outages.names import Names
from outages.rows import parse_start
from outages.shapes import Drift
from outages.store import Answer

from .answers import answer, row_a, row_b

NAMES = Names.load(REPOSITORY / "resources")
THROUGH = "2025-02-01T03:00:00.000Z"


def build(
    answers: list[Answer], accept: bool = False, caps: dict[str, int | None] | None = None, hours: Any = "all"
) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, Any]]:
    """Observations, states of hours and receipt of January 2025."""
    reading = silver.read_answers(answers, accept)
    observations, counts = silver.observe(reading, NAMES, caps or {}, 7)
    states = silver.hour_states("2025-01", reading, observations, hours, month_end("2025-01"))
    return observations, states, silver.reconcile("2025-01", reading, observations, states, counts, hours, THROUGH)


def test_equal_rows_are_separate_outages_and_are_summed() -> None:
    rows = [row_a(clientes=3), row_a(clientes=3), row_a(clientes=4, NOMBRE_EMPRESA="EMELAT"), row_a(inicio="28/1/2025")]
    found, _, receipt = build([answer("2025-01-29", 12, *rows)])
    sums = found.select("nombre_empresa", "fecha_inicio", "clientes_afectados", "filas", "antiguedad_dias").rows()
    assert sorted(sums) == [
        ("CGE", date(2025, 1, 28), 1, 1, 1),
        ("CGE", date(2025, 1, 29), 6, 2, 0),
        ("EMELAT", date(2025, 1, 29), 4, 1, 0),
    ]
    assert receipt["rows"] == {"read": 4, "summed": 4, "superseded": 0, "implausible": 0}


def test_spellings_of_one_commune_are_summed() -> None:
    rows = [row_a("Copiapo", 1), row_a("COPIAPÓ ", 2), row_a("copiapó", 4)]
    found, _, _ = build([answer("2025-01-29", 12, *rows)])
    assert found.select("codigo_comuna", "nombre_comuna", "nombre_region", "clientes_afectados").rows() == [
        ("03101", "Copiapó", "ATACAMA", 7)
    ]


def test_shape_a_beats_b_and_within_a_shape_the_last_asked_counts() -> None:
    early = answer("2025-01-29", 12, row_a(clientes=5), asked_at="2025-01-29T16:00:00.000Z")
    late = answer("2025-01-29", 12, row_a(clientes=6), asked_at="2025-02-02T16:00:00.000Z", version=1)
    newest = answer(
        "2025-01-29", 12, row_b(clientes=9), row_b("Caldera"), asked_at="2026-08-01T00:00:00.000Z", version=2
    )
    for order in ([early, late, newest], [newest, late, early]):
        found, states, receipt = build(order)
        assert found.select("formato", "clientes_afectados").rows() == [("A", 6)]
        assert receipt["rows"] == {"read": 4, "summed": 1, "superseded": 3, "implausible": 0}
        assert states.filter(pl.col("estado") == "observed")["revisiones"].to_list() == [2]
    untold = answer("2025-01-29", 12, row_a(clientes=7), source="recorded")
    assert build([early, untold])[0]["clientes_afectados"].to_list() == [5]
    later_import = answer("2025-01-29", 12, row_a(clientes=8), source="recorded", version=1)
    assert build([untold, later_import])[0]["clientes_afectados"].to_list() == [8]


@pytest.mark.parametrize("value", [None, ""])
def test_missing_customers_are_imputed_as_zero_and_counted(value: object) -> None:
    found, _, receipt = build(
        [answer("2025-01-29", 12, row_a(clientes=value), row_a("Caldera", "12"), row_a("Caldera", 0))]
    )
    assert sorted(found.select("nombre_comuna", "clientes_afectados", "imputado").rows()) == [
        ("Caldera", 12, False),
        ("Copiapó", 0, True),
    ]
    assert receipt["counts"]["imputado"] == 1


def test_unknown_places_and_companies_keep_what_resolves() -> None:
    rows = [
        row_a("Ninguna Parte", 1),
        row_a("", 2, NOMBRE_REGION=""),
        row_a(None, 4, NOMBRE_REGION=None),  # type: ignore[arg-type]
        row_a("Caldera", 8, NOMBRE_EMPRESA="NADIE S.A."),
        row_a("Caldera", 16, NOMBRE_EMPRESA=None),
    ]
    found, _, receipt = build([answer("2025-01-29", 12, *rows)])
    told = found.select(
        "codigo_comuna", "nombre_region", "nombre_comuna", "nombre_empresa", "clientes_afectados"
    ).rows()
    assert sorted(told) == [
        ("00000", "UNKNOWN", "UNKNOWN", "CGE", 6),
        ("03000", "ATACAMA", "UNKNOWN", "CGE", 1),
        ("03102", "ATACAMA", "Caldera", "UNKNOWN", 24),
    ]
    counts = receipt["counts"]
    assert (counts["geo_desconocida"], counts["empresa_desconocida"], counts["empresa_no_publicada"]) == (3, 2, 0)
    assert {"region": "Atacama", "comuna": "Ninguna Parte", "filas": 1} in counts["unresolved_places"]
    assert {"empresa": "NADIE S.A.", "filas": 1} in counts["unresolved_companies"]


def test_shape_b_has_no_company_which_is_counted_apart() -> None:
    found, _, receipt = build([answer("2025-01-29", 12, row_b(clientes=3))])
    row = found.to_dicts()[0]
    assert (row["nombre_empresa"], row["empresa_desconocida"], row["fecha_inicio"]) == ("UNKNOWN", False, None)
    assert (receipt["counts"]["empresa_desconocida"], receipt["counts"]["empresa_no_publicada"]) == (0, 1)


@pytest.mark.parametrize("start", [None, "", "30/1/2025", "31/2/2025", "ayer", "2025-01-29", "1/1/99999"])
def test_a_start_that_cannot_be_is_replaced_by_the_local_date(start: str | None) -> None:
    found, _, receipt = build([answer("2025-01-29", 12, row_a(inicio=start))])
    row = found.to_dicts()[0]
    assert (row["fecha_inicio"], row["fecha_sustituida"], row["antiguedad_dias"]) == (date(2025, 1, 29), True, 0)
    assert receipt["counts"]["fecha_sustituida"] == 1


@pytest.mark.parametrize("start", ["1/1/" + "9" * 20, "1/1/" + "9" * 5000, "²/1/2025", "٢٩/١/٢٠٢٥", "-1/1/2025", "//"])
def test_a_start_that_is_no_day_is_none(start: str) -> None:
    assert parse_start(start) is None


def test_a_start_that_its_parts_deny_counts_as_written() -> None:
    found, _, receipt = build([answer("2025-01-29", 12, row_a(DIA_INT=28), row_a())])
    assert found["fecha_inicio"].to_list() == [date(2025, 1, 29)]
    assert receipt["counts"]["fecha_discordante"] == 1


def test_an_observation_is_capped_at_the_customers_of_its_region() -> None:
    rows = [row_a(clientes=80), row_a(clientes=80), row_a("Caldera", 100), row_a("", 500, NOMBRE_REGION="")]
    found, states, receipt = build([answer("2025-01-29", 12, *rows)], caps={"03": 100})
    told = found.select("nombre_comuna", "clientes_afectados", "clientes_reportados", "recortado").rows()
    assert sorted(told) == [("Caldera", 100, 100, False), ("Copiapó", 100, 160, True), ("UNKNOWN", 500, 500, False)]
    assert receipt["counts"]["capped"] == 1
    assert states.filter(pl.col("estado") == "observed")["clientes"].to_list() == [700]


def test_ghosts_are_older_than_the_limit() -> None:
    rows = [row_a(inicio="22/1/2025"), row_a("Caldera", inicio="21/1/2025"), row_a("Caldera", 511, inicio="19/2/2024")]
    found, _, receipt = build([answer("2025-01-29", 12, *rows)])
    assert sorted(found.select("antiguedad_dias", "fantasma").rows()) == [(7, False), (8, True), (345, True)]
    assert receipt["counts"]["ghosts"] == 2


def test_the_states_of_hours() -> None:
    answers = [
        answer("2025-01-01", 0, row_b()),
        *[answer("2025-01-01", 6, asked_at=f"2025-02-0{day}T00:00:00.000Z", version=day) for day in (5, 6, 7)],
        answer("2025-01-01", 12, asked_at="2025-02-05T00:00:00.000Z"),
        *[answer("2025-01-01", 18, row_b(), outcome="implausible", asked_at=THROUGH, version=n) for n in range(3)],
        answer("2025-01-02", 1, row_b()),
        answer("2025-01-02", 6, source="recorded"),
    ]
    found, states, receipt = build(answers, hours=[0, 6, 12, 18])
    assert states.height == 744
    told = {(str(row[1]), row[2]): row[3:] for row in states.select(*silver.HOURS_SCHEMA).iter_rows()}
    nothing = (None, None, None)
    assert told["2025-01-01", 0] == ("observed", "", "B", 1, 1, 0)
    assert told["2025-01-01", 6] == ("gap", "empty", *nothing, 0)
    assert told["2025-01-01", 12] == ("unasked", "to be asked again", *nothing, 0)
    assert told["2025-01-01", 18] == ("gap", "implausible", *nothing, 0)
    assert told["2025-01-02", 1] == ("observed", "not in pattern", "B", 1, 1, 0)
    assert told["2025-01-02", 6] == ("gap", "empty", *nothing, 0)
    assert told["2025-01-03", 0] == ("unasked", "not asked", *nothing, 0)
    assert told["2025-01-03", 1] == ("unasked", "not in pattern", *nothing, 0)
    assert receipt["hours"] == {"observed": 1, "gap": 3, "unasked": 120}
    assert receipt["coverage"] == 1 / 124
    assert receipt["rows"] == {"read": 5, "summed": 2, "superseded": 0, "implausible": 3}
    assert found.height == 2


def test_an_answer_outside_the_pattern_gives_the_month_no_shape() -> None:
    answers = [answer("2025-01-01", 0, row_b()), answer("2025-01-01", 1, row_a())]
    assert build(answers, hours=[0, 6, 12, 18])[2]["shapes"] == {"B": 1}
    assert build(answers)[2]["shapes"] == {"A": 1, "B": 1}


def test_implausible_answers_count_where_a_person_accepted_them() -> None:
    odd = answer("2025-01-01", 18, row_b(), outcome="implausible")
    assert build([odd])[2]["rows"] == {"read": 1, "summed": 0, "superseded": 0, "implausible": 1}
    assert build([odd], accept=True)[2]["rows"] == {"read": 1, "summed": 1, "superseded": 0, "implausible": 0}


def test_columns_order_and_nulls() -> None:
    rows = [row_a("Caldera"), row_a(), row_a(inicio="1/1/2025")]
    found, _, _ = build(
        [answer("2025-01-29", 12, *rows), answer("2025-01-29", 11, *rows), answer("2025-01-30", 0, row_b())]
    )
    assert found.columns == [
        *silver.KEY, "fecha", "hora", "nombre_region", "nombre_comuna", "clientes_afectados", "clientes_reportados",
        "filas", "antiguedad_dias", *silver.FLAGS,
    ]  # fmt: skip
    assert found.equals(found.sort(silver.KEY))
    nulls = {name for name, count in found.null_count().to_dicts()[0].items() if count}
    assert nulls == {"fecha_inicio", "antiguedad_dias"}
    empty, states, receipt = build([])
    assert (empty.schema, empty.height, receipt["coverage"]) == (found.schema, 0, 0.0)
    assert set(states["estado"]) == {"unasked"}


def test_a_lost_row_or_customer_fails_the_month() -> None:
    reading = silver.read_answers([answer("2025-01-29", 12, row_a(), row_a("Caldera"))], False)
    observations, counts = silver.observe(reading, NAMES, {}, 7)
    states = silver.hour_states("2025-01", reading, observations, "all", month_end("2025-01"))
    with pytest.raises(OutagesError, match="CONSERVATION: 2025-01: source rows do not add up"):
        silver.reconcile("2025-01", reading, observations.head(1), states, counts, "all", THROUGH)
    changed = observations.with_columns(clientes_reportados=pl.col("clientes_reportados") + 1)
    with pytest.raises(OutagesError, match="CONSERVATION: 2025-01: 2 customers were reported, 4 are in silver"):
        silver.reconcile("2025-01", reading, changed, states, counts, "all", THROUGH)


def test_an_answer_that_no_longer_has_a_known_shape_is_named() -> None:
    odd = answer("2025-01-29", 12, row_a() | {"NUEVO": 1}, source="recorded", origin="x.json")
    with pytest.raises(Drift, match=r"x\.json, hour 2025-01-29T12: row 0 .*NUEVO"):
        silver.read_answers([odd], False)
