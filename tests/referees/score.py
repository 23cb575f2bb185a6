"""Presale's forecasts at the referees' origins, and everybody's loss beside the seasonal naive's.

Asks `presale forecast` at the origins of `run.py` (OUT/presale/RECORDING.jsonl; made anew every time), then prints for each
horizon the weighted quantile loss at six levels relative to the weekly seasonal naive (the daily one where it has no
forecast), pooled as a geometric mean over the recordings that everybody answered, and writes it to OUT/scores.json.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from methods import METHODS, mstl_ets
from protocol import DAY, LEVELS, Plan, recordings

HORIZONS = {"15 min": 900, "1 h": 3600, "24 h": DAY}
LEVEL = np.array(LEVELS)
# Values that were stored as f32 may miss an equal one by a rounding.
SLACK = 1e-4
# Fits of which the cost is the mean.
FITS = 3


def ask(presale, plan, path, out):
    """Presale's forecasts of one recording."""
    words = [presale, "forecast", "--trace", path, "--step", f"{plan.step}s", "--horizon", f"{plan.step * plan.rows}s", "--json"]
    words += ["--levels", ",".join(map(str, LEVELS))]
    events = path.parent / f"{plan.name}.events.csv"
    words += ["--events", events] if events.exists() else []
    for origin in plan.origins:
        words += ["--origin", plan.time(origin)]
    answer = subprocess.run(words, stdout=subprocess.PIPE, text=True)
    if answer.returncode:
        sys.exit(f"{plan.name}: presale forecast failed")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(answer.stdout)


def forecasts(path):
    """Quantiles [origin, step, level] by origin, in order."""
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return {line["origin"]: np.array(line["rows"], float) for line in lines}


def loss(rows, actual):
    """Weighted quantile loss, and the shares at or below the 95 % quantile and inside of the 10 to 90 % band."""
    known = ~np.isnan(actual)
    rows, actual = rows[known], actual[known]
    off = actual[:, None] - rows
    slack = SLACK * np.abs(rows)
    below = actual[:, None] <= rows + slack
    inside = below[:, 3] & (actual >= rows[:, 0] - slack[:, 0])
    total = 2 * np.maximum(LEVEL * off, (LEVEL - 1) * off).sum()
    return total, np.abs(actual).sum(), below[:, 4].sum(), inside.sum(), len(actual)


def score(plan, out, seconds):
    """Sums of everybody on one recording, up to that horizon; empty where it is coarser than the horizon."""
    steps = min(seconds // plan.step, plan.rows)
    sums = {}
    for who in ["presale", *METHODS]:
        told = forecasts(out / who / f"{plan.name}.jsonl")
        if steps < 1 or len(told) < len(plan.origins):
            continue
        each = [
            loss(told[plan.time(at)][:steps], np.array(plan.actual(at)[:steps], float)) for at in plan.origins
        ]
        sums[who] = np.sum(each, axis=0)
    return sums


def pool(plans, out, seconds):
    """Rows of the table: who, relative loss, shares; and the best referee of each recording in hindsight."""
    relative, shares, best = {}, {}, []
    for plan in plans:
        sums = score(plan, out, seconds)
        reference = sums.get("snaive_week" if len(plan.seasons) > 1 else "snaive_day")
        if reference is None or not reference[0] > 0:
            continue
        ratios = {who: one[0] / reference[0] for who, one in sums.items()}
        for who, ratio in ratios.items():
            relative.setdefault(who, []).append(ratio)
            shares.setdefault(who, []).append(sums[who][2:])
        best.append(min(ratio for who, ratio in ratios.items() if who != "presale"))
    mean = lambda ratios: float(np.exp(np.mean(np.log(ratios))))
    rows = []
    for who, ratios in relative.items():
        below, inside, points = np.sum(shares[who], axis=0)
        rows.append({"who": who, "wql": mean(ratios), "recordings": len(ratios), "q95": below / points, "inside": inside / points})
    rows.sort(key=lambda row: row["wql"])
    return rows + [{"who": "best referee of each recording, in hindsight", "wql": mean(best), "recordings": len(best)}]


def cost(plan):
    """CPU seconds of one fit and forecast of MSTL + AutoETS on the last 28 days before the last origin."""
    past = plan.past(plan.origins[-1])
    mstl_ets(plan, past, None)
    begun = time.process_time()
    for _ in range(FITS):
        mstl_ets(plan, past, None)
    return (time.process_time() - begun) / FITS


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--traces", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--presale", required=True, type=Path)
    parser.add_argument("--only", default="", help="prefixes of names, separated by commas")
    parser.add_argument("--limit", default=0, type=int, help="recordings at most")
    given = parser.parse_args()
    only = [prefix.strip() for prefix in given.only.split(",") if prefix.strip()]
    found = recordings(given.traces, only, given.limit)
    plans = []
    for number, (name, path) in enumerate(found.items(), 1):
        plan = Plan(name, path)
        if plan.refused or plan.daily:
            continue
        print(f"[{number}/{len(found)}] {name}", file=sys.stderr, flush=True)
        ask(given.presale, plan, path, given.out / "presale" / f"{name}.jsonl")
        plans.append(plan)
    if not plans:
        sys.exit(f"referees: no recording of {given.traces} can be asked")
    told = {}
    for horizon, seconds in HORIZONS.items():
        told[horizon] = pool(plans, given.out, seconds)
        print(f"\n| up to {horizon} | relative WQL | recordings | at or below q95 | in the 80 % band |\n|---|--:|--:|--:|--:|")
        for row in told[horizon]:
            shares = f"{row['q95']:.3f} | {row['inside']:.3f}" if "q95" in row else "– | –"
            print(f"| {row['who']} | {row['wql']:.3f} | {row['recordings']} | {shares} |")
    longest = max((plan for plan in plans if plan.step == 300), key=lambda plan: len(plan.grid), default=None)
    if longest:
        told["mstl_ets_cpu_seconds"] = cost(longest)
        print(f"\nMSTL + AutoETS, 28 days in steps of 5 min ({longest.name}): {told['mstl_ets_cpu_seconds']:.2f} CPU seconds a fit")
    (given.out / "scores.json").write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
