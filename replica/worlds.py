"""The two worlds that can be served: the demo's, where something happens every month, and a plain one."""

from datetime import date

from replica.generate import AUGUST_2024, Hour, Storm, World, chilquinta_ghosts, hours_between

CENTRE_SOUTH = ("Maule", "Ñuble", "Biobio", "La Araucania")
DEMO_SWITCH = date(2025, 5, 1)
DEMO_STORMS = (
    *AUGUST_2024,
    Storm((date(2025, 3, 20), 4), 30, ("Los Rios", "Los Lagos"), 0.10),
    Storm((date(2025, 6, 11), 3), 60, CENTRE_SOUTH, 0.20),
    Storm((date(2025, 6, 11), 8), 48, ("O`Higgins", "Los Rios", "Metropolitana"), 0.04),
)
DEMO_HOLES = hours_between((date(2025, 3, 14), 3), (date(2025, 3, 14), 7))
DEMO_TINY: frozenset[Hour] = frozenset({(date(2025, 5, 17), 2)})
DEMO_REVISIONS: frozenset[Hour] = frozenset(
    (date(2025, 6, day), hora) for day, hora in ((20, 6), (20, 12), (20, 18), (21, 0), (21, 9), (21, 15), (22, 3))
)
# The holes of the real service that are known from outside.
KNOWN_HOLES = hours_between((date(2018, 10, 1), 0), (date(2019, 7, 31), 23)) | hours_between(
    (date(2025, 1, 3), 3), (date(2025, 1, 3), 7)
)


def demo_world(seed: int = 1, switch: date | None = DEMO_SWITCH) -> World:
    """March to June 2025: two storms, the change of shape, ghosts, a hole, a broken answer, revisions."""
    return World(
        seed,
        switch,
        storms=DEMO_STORMS,
        holes=DEMO_HOLES,
        tiny=DEMO_TINY,
        revisions=DEMO_REVISIONS,
        ghosts=chilquinta_ghosts(until=date(2025, 4, 30)),
    )


def plain_world(seed: int = 1, switch: date | None = None) -> World:
    """Calm years with the storm of August 2024, the known holes and the ghosts of early 2025."""
    return World(seed, switch, holes=KNOWN_HOLES)
