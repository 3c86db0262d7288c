"""The two shapes, by exact fields and values; everything else is drift that names row, field and value."""

import json

import pytest
from outages.shapes import Drift, communes, parse

from .answers import body, row_a, row_b


def test_both_shapes_and_the_empty_array() -> None:
    shape, rows = parse(body(row_a(), row_a()))
    assert (shape, len(rows), rows[0].NOMBRE_EMPRESA) == ("A", 2, "CGE")
    shape, rows = parse(body(row_b("A"), row_b("B"), row_b("A")))
    assert (shape, len(rows), communes(rows)) == ("B", 3, 2)
    assert parse(" [] ") == (None, [])


@pytest.mark.parametrize("value", [0, 1, "12", "", None])
def test_customers_that_are_allowed(value: object) -> None:
    assert value == parse(body(row_b(clientes=value)))[1][0].CLIENTES_AFECTADOS


@pytest.mark.parametrize("value", [-1, 1.5, 1.0, True, "x", "-3", "1.5", [1], {"n": 1}, 2**31, 10**30])
@pytest.mark.parametrize("make", [row_a, row_b])
def test_customers_that_are_drift(make: object, value: object) -> None:
    with pytest.raises(Drift) as caught:
        parse(body(make(), make(clientes=value)))  # type: ignore[operator]
    assert caught.value.code == "DRIFT_VALUE"
    assert caught.value.facts["row"] == 1
    assert caught.value.facts["field"] == "CLIENTES_AFECTADOS"


@pytest.mark.parametrize("field", sorted(row_a()))
def test_each_field_of_shape_a_is_needed_and_typed(field: str) -> None:
    without = {name: value for name, value in row_a().items() if name != field}
    with pytest.raises(Drift, match=f"row 1 .*{field}"):
        parse(body(row_a(), without))
    with pytest.raises(Drift, match=f"row 1, field {field}"):
        parse(body(row_a(), row_a() | {field: {"nested": 1}}))


@pytest.mark.parametrize("field", ["DIA_INT", "MES_INT", "ANHO_INT", "HORA", "DIA", "MES", "ANHO"])
def test_numbers_that_no_answer_about_chile_holds_are_drift(field: str) -> None:
    for value in (2**31, 10**30, -(2**31) - 1):
        with pytest.raises(Drift, match=f"row 0, field {field}"):
            parse(body(row_a(**{field: value})))


def test_a_place_named_as_a_field_and_an_escaped_field_do_not_mislead() -> None:
    assert parse(body(row_b("NOMBRE_EMPRESA")))[0] == "B"
    assert parse(body(row_a()).replace('"NOMBRE_EMPRESA"', '"NOMBRE_\\u0045MPRESA"'))[0] == "A"


def test_what_drift_tells_can_be_written_to_a_log() -> None:
    with pytest.raises(Drift) as caught:
        parse('[{"\\ud800": 1}]')
    assert json.dumps([str(caught.value), caught.value.facts], ensure_ascii=False).encode()


@pytest.mark.parametrize("field", ["CLIENTES_AFECTADOS", "DIA_INT", "HORA"])
def test_half_a_surrogate_pair_where_a_number_belongs_is_drift(field: str) -> None:
    with pytest.raises(Drift, match=f"row 1, field {field}") as caught:
        parse(json.dumps([row_a(), row_a() | {field: "5\ud800"}]))
    assert json.dumps([str(caught.value), caught.value.facts], ensure_ascii=False).encode()


def test_values_nested_about_as_deep_as_python_follows_are_drift() -> None:
    for depth in range(900, 1000):
        with pytest.raises(Drift):
            parse(body(row_b(clientes="@")).replace('"@"', "[" * depth + "]" * depth))


def test_added_and_renamed_fields_are_named() -> None:
    with pytest.raises(Drift, match=r"row 0 is not of shape B: it adds \['X'\]"):
        parse(body(row_b() | {"X": 1}))
    renamed = row_b()
    renamed["COMUNA"] = renamed.pop("NOMBRE_COMUNA")
    with pytest.raises(Drift, match=r"lacks \['NOMBRE_COMUNA'\] and adds \['COMUNA'\]"):
        parse(body(renamed))
    with pytest.raises(Drift, match="row 1 is not of shape A"):
        parse(body(row_a(), row_b()))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "DRIFT_EMPTY_BODY"),
        ("  \n", "DRIFT_EMPTY_BODY"),
        ("<!doctype html><p>Mantenimiento", "DRIFT_HTML"),
        (body(row_b(), row_b())[:-20], "DRIFT_NOT_JSON"),
        (json.dumps({"d": [row_b()]}), "DRIFT_NOT_A_LIST"),
        ("null", "DRIFT_NOT_A_LIST"),
        ("[1]", "DRIFT_ROW"),
        ("[" * 100_000, "DRIFT_NOT_JSON"),
        ('[{"NOMBRE_REGION":"\\ud800","NOMBRE_COMUNA":"","CLIENTES_AFECTADOS":1}]', "DRIFT_SHAPE"),
    ],
)
def test_bodies_that_are_no_answers(text: str, code: str) -> None:
    with pytest.raises(Drift) as caught:
        parse(text)
    assert caught.value.code == code
