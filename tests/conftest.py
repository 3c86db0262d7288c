"""What every test shares: how hypothesis looks for examples."""

from hypothesis import HealthCheck, settings

# Slow examples come from a busy machine, not from a fault: no deadline. Nothing is kept between runs.
settings.register_profile(
    "repeatable", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("random", settings.get_profile("repeatable"), derandomize=False)
settings.load_profile("repeatable")
