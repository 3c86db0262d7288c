"""Communes as the source spells them, the companies that serve them, and invented customers (places.csv)."""

import csv
from functools import cache
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).with_name("places.csv")

# Share of each region in the rows of a calm answer of shape A.
REGION_ACTIVITY = {
    "Metropolitana": 0.265,
    "Los Lagos": 0.13,
    "La Araucania": 0.12,
    "Biobio": 0.105,
    "Los Rios": 0.07,
    "Coquimbo": 0.065,
    "Maule": 0.06,
    "O`Higgins": 0.06,
    "Ñuble": 0.035,
    "Valparaiso": 0.03,
    "Antofagasta": 0.015,
    "Atacama": 0.015,
    "Arica y Parinacota": 0.008,
    "Tarapaca": 0.008,
    "Aysén": 0.008,
    "Magallanes": 0.006,
}

# The names that GetClientesRegional asks for, with the region's number and its name in the answers.
LONG_NAMES = {
    "Region de Tarapaca": (1, "Tarapaca"),
    "Region de Antofagasta": (2, "Antofagasta"),
    "Region de Atacama": (3, "Atacama"),
    "Region de Coquimbo": (4, "Coquimbo"),
    "Region de Valparaiso": (5, "Valparaiso"),
    "Region del Libertador General Bernardo O'Higgins": (6, "O`Higgins"),
    "Region del Maule": (7, "Maule"),
    "Region del Biobio": (8, "Biobio"),
    "Region de La Araucania": (9, "La Araucania"),
    "Region de Los Lagos": (10, "Los Lagos"),
    "Region de Aysen del General Carlos Ibanez del Campo": (11, "Aysén"),
    "Region de Magallanes y de la Antartica Chilena": (12, "Magallanes"),
    "Region Metropolitana de Santiago": (13, "Metropolitana"),
    "Region de Los Rios": (14, "Los Rios"),
    "Region de Arica y Parinacota": (15, "Arica y Parinacota"),
    "Region de Nuble": (16, "Ñuble"),
}


class Place(NamedTuple):
    """One commune; `commune` keeps the trailing blank that shape A has and shape B has not."""

    code: str
    region: str
    commune: str
    companies: tuple[str, ...]
    customers: int


@cache
def places() -> tuple[Place, ...]:
    """All 346 communes, in the order of their codes."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        return tuple(
            Place(
                row["codigo_comuna"],
                row["region"],
                row["commune"],
                tuple(row["companies"].split(";")),
                int(row["customers"]),
            )
            for row in rows
        )


@cache
def customers_by_region() -> dict[str, int]:
    """Invented customers of each region, by the name it has in the answers."""
    totals: dict[str, int] = {}
    for place in places():
        totals[place.region] = totals.get(place.region, 0) + place.customers
    return totals
