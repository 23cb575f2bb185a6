"""Forecasts of every referee at every origin, as the JSON lines that `presale forecast --json` prints.

Writes OUT/METHOD/RECORDING.jsonl and OUT/refused.json with what ran into its time-out, failed or is not feasible, and why.
What is there already is kept: delete a file to have it made anew.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import argparse
import json
import logging
import multiprocessing
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from methods import METHODS, NotFeasible
from protocol import LEVELS, Plan, recordings


def answer(method, plan, origin, pipe):
    """One forecast, in a process of its own that can be stopped."""
    warnings.filterwarnings("ignore")
    logging.getLogger("prophet").setLevel(logging.CRITICAL)
    try:
        past = plan.past(origin)
        rows = METHODS[method](plan, past, plan.seconds(origin, len(past)))
        rows = np.maximum.accumulate(np.maximum(rows, 0), axis=1)
        pipe.send(("rows", rows.tolist()) if np.isfinite(rows).all() else ("refused", "the forecast is not finite"))
    except NotFeasible as refused:
        pipe.send(("refused", str(refused)))
    except Exception as failed:
        pipe.send(("failed", repr(failed)[:200]))


def within(timeout, method, plan, origin):
    """The answer, or that it took too long."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    worker = multiprocessing.get_context("fork").Process(target=answer, args=(method, plan, origin, theirs))
    worker.start()
    theirs.close()
    try:
        if not ours.poll(timeout):
            return "timed out", f"took longer than {timeout} s"
        return ours.recv()
    except EOFError:
        return "failed", "the process died"
    finally:
        worker.terminate()
        worker.join()


def recording(plan, out, timeout, refusals):
    """All referees on one recording."""
    for method in METHODS:
        file = out / method / f"{plan.name}.jsonl"
        if file.exists():
            continue
        lines, begun = [], time.monotonic()
        for origin in plan.origins:
            kind, what = within(timeout, method, plan, origin)
            if kind == "rows":
                line = {"origin": plan.time(origin), "step_seconds": plan.step, "levels": LEVELS, "rows": what}
                lines.append(json.dumps(line | {"actual": plan.actual(origin)}))
            else:
                reason = {"recording": plan.name, "referee": method, "origin": plan.time(origin), kind: what}
                refusals.append(reason)
                # What is refused or too slow once is so at the other origins of this recording as well.
                if kind != "failed":
                    break
        if lines:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("\n".join(lines) + "\n")
        took = time.monotonic() - begun
        print(f"  {method:12} {len(lines)} of {len(plan.origins)} origins, {took:.1f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--traces", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--only", default="", help="prefixes of names, separated by commas")
    parser.add_argument("--limit", default=0, type=int, help="recordings at most")
    parser.add_argument("--timeout", default=120, type=float, help="seconds for one forecast")
    given = parser.parse_args()
    only = [prefix.strip() for prefix in given.only.split(",") if prefix.strip()]
    found = recordings(given.traces, only, given.limit)
    if not found:
        sys.exit(f"referees: no recording of {given.traces} is named so")
    given.out.mkdir(parents=True, exist_ok=True)
    refusals = []
    for number, (name, path) in enumerate(found.items(), 1):
        plan = Plan(name, path)
        print(f"[{number}/{len(found)}] {name}: {plan.step} s, seasons {plan.seasons}", flush=True)
        if plan.refused:
            refusals.append({"recording": name, "refused": plan.refused})
            print(f"  left out: {plan.refused}", flush=True)
            continue
        recording(plan, given.out, given.timeout, refusals)
        (given.out / "refused.json").write_text(json.dumps(refusals, indent=1) + "\n")
    print(f"{len(refusals)} refusals and time-outs, in {given.out / 'refused.json'}; forecasts in {given.out}/REFEREE/RECORDING.jsonl")


if __name__ == "__main__":
    main()
