"""One storm in Polars: customers out hour by hour and region, and how long it took until supply was back.

python examples/polars_storm.py [RESULTS] [RANK] [FILE]

RESULTS: results folder of a finished run, by default demo/results. RANK: 1, the largest at its peak, to 10. FILE: where
the hourly table goes, by default storm.csv beside RESULTS. The cells (# %%) run one by one in editors that know them.
"""

# %%
import json
import sys
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

WORDS = [word for word in sys.argv[1:] if not word.startswith("-")]  # an editor passes words of its own
RESULTS, RANK = (*WORDS[:2], *("demo/results", "1")[len(WORDS) :])
FILE = WORDS[2] if len(WORDS) > 2 else Path(RESULTS).parent / "storm.csv"
GOLD, SILVER = Path(RESULTS) / "gold", Path(RESULTS) / "silver"

# %% Storms are episodes that join communes of one region (docs/methodology.md). The ten largest have a curve.
about = json.loads((GOLD / "_meta.json").read_text())[0]
months = [month["month"] for month in about["months"]]
if about["synthetic"]:
    print("SYNTHETIC: these answers come from the replica of the source, and no figure here is real.")
storms = pl.DataFrame(json.loads((GOLD / "storms.json").read_text()), infer_schema_length=None)
ranked = storms.sort("peak_customers", "begin", "nombre_region", descending=[True, False, False])
if not 1 <= int(RANK) <= ranked.height:
    sys.exit(f"There are {ranked.height} storms in {GOLD / 'storms.json'}: no rank {RANK}.")
storm = ranked.row(int(RANK) - 1, named=True)
region = storm["nombre_region"]
begin, peak, end = (datetime.fromisoformat(storm[key]) for key in ("begin", "peak_at", "end"))
print(f"Storm {RANK}: {region}, {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC, coverage {storm['coverage']:.1%}")
print(f"Peak: {storm['peak_customers']:,} customers out at {peak:%Y-%m-%d %H:%M} UTC in {storm['communes']} communes")

# %% Every hour that is asked, from a day before to a week after or as far as the payload follows it, with its state.
told = json.loads((GOLD / "restoration.json").read_text())
of_this = next((one for one in told if one["nombre_region"] == region and one["peak_at"] == storm["peak_at"]), None)
followed = peak + timedelta(hours=of_this["curve"][-1]["hours"] if of_this else 0)
around = pl.col("hora_utc").is_between(begin - timedelta(days=1), max(end + timedelta(days=7), followed))
hours = (
    pl.scan_parquet([SILVER / f"{month}.hours.parquet" for month in months])
    .filter(around, pl.col("motivo") != "not in pattern")
    .select("hora_utc", "estado")
    .sort("hora_utc")
    .collect()
)

# %% Customers out of each region. An observed hour that does not name a region has 0 there; in a gap, or an hour that
# was not asked, nothing is known: null, never 0. Hence the hours come first, and the regions are joined to them.
out = (
    pl.scan_parquet([SILVER / f"{month}.parquet" for month in months])
    .filter(around)
    .group_by("hora_utc", "nombre_region")
    .agg(pl.col("clientes_afectados").sum())
    .collect()
)
regions = sorted(out["nombre_region"].unique())
wide = out.pivot("nombre_region", index="hora_utc", values="clientes_afectados")
curve = hours.join(wide, on="hora_utc", how="left", maintain_order="left").select(
    "hora_utc",
    "estado",
    *(pl.when(pl.col("estado") == "observed").then(pl.col(name).fill_null(0)).alias(name) for name in regions),
)
known = curve.filter(pl.col("estado") == "observed").height
print(f"{known:,} of {curve.height:,} hours around it were observed; the others are empty in {FILE}")

# %% Hours from the peak until half, 90 and 95 % of what exceeds the usual are back, as far as the payload follows it:
# until 95 % are back, the next storm, a long gap or the end of the data. Behind a gap it may have been sooner.
if of_this is None:
    print("Restoration is told for the ten largest storms only.")
else:
    after = curve.filter(pl.col("hora_utc").is_between(peak, followed), pl.col(region).is_not_null())
    usual = storm["background"] or 0
    for share in (50, 90, 95):
        left = (100 - share) * (storm["peak_customers"] - usual)
        back = after.filter(100 * (pl.col(region) - usual) <= left)["hora_utc"].min()
        text = "not seen" if back is None else f"after {int((back - peak) / timedelta(hours=1))} hours at most"
        print(f"{share} % back {text}")
    print(f"Followed for {of_this['curve'][-1]['hours']} hours: {of_this['ended']}")

# %% The table for a plot: one row per hour, one column per region.
curve.write_csv(FILE, datetime_format="%Y-%m-%dT%H:%M:%SZ")
print(f"Written: {FILE}")
