"""Which forecasts are asked for: recordings on their grid, eight origins over the last 40 %, pinned season lengths."""

import math
from pathlib import Path

import numpy as np
import pandas as pd

LEVELS = [0.1, 0.5, 0.8, 0.9, 0.95, 0.99]
DAY, WEEK = 86_400, 7 * 86_400
ORIGINS = 8
# A finer recording is forecast on this grid.
FINEST = 300
# What a referee sees before an origin, in days: of fine recordings, of daily ones.
WINDOW, DAILY_WINDOW = 28, 1460
# Rows of a forecast on a daily grid.
DAILY_ROWS = 30
# Gaps up to this many seconds are bridged by a straight line, longer ones by the same time of another week or day.
SHORT_GAP = 900


def recordings(folder, only, limit):
    """Paths by name, in order; files of events left out."""
    found = {}
    for path in sorted(Path(folder).glob("*.csv*")):
        name = path.name.removesuffix(".gz").removesuffix(".csv")
        wanted = not only or any(name.startswith(prefix) for prefix in only)
        if ".events" not in name and path.name.endswith((".csv", ".csv.gz")) and wanted:
            found[name] = path
    return dict(list(found.items())[: limit or None])


def read(path):
    """Seconds since the epoch, values and the spacing of a recording."""
    rows = pd.read_csv(path, usecols=["timestamp", "value"])
    time = pd.to_datetime(rows.timestamp, utc=True).astype("datetime64[ns, UTC]").astype("int64").to_numpy() // 10**9
    return time, rows.value.to_numpy(float), int(np.median(np.diff(time)))


def on_grid(time, values, native, step):
    """Start and means per step of the grid; a step with less than half of its recordings is missing (NaN)."""
    index = time // step
    length = int(index[-1] - index[0] + 1)
    sums = np.bincount(index - index[0], weights=values, minlength=length)
    counts = np.bincount(index - index[0], minlength=length)
    known = counts >= max(1, 0.5 * step / native)
    return int(index[0] * step), np.where(known, sums / np.maximum(counts, 1), np.nan)


def filled(grid, step):
    """The grid without gaps, since the referees take none."""
    values, missing = grid.copy(), np.isnan(grid)
    if not missing.any() or missing.all():
        return values
    places = np.arange(len(values))
    line = np.interp(places, places[~missing], values[~missing])
    edges = np.flatnonzero(np.diff(np.r_[0, missing.astype(int), 0]))
    for first, end in zip(edges[::2], edges[1::2]):
        if (end - first) * step <= SHORT_GAP:
            values[first:end] = line[first:end]
            continue
        for i in range(first, end):
            lags = (lag for lag in (WEEK // step, DAY // step, -(DAY // step), -(WEEK // step)) if lag)
            known = (values[i - lag] for lag in lags if 0 <= i - lag < len(values) and not np.isnan(values[i - lag]))
            values[i] = next(known, line[i])
    return values


class Plan:
    """One recording's questions; `None` of `refused` says that it can be asked."""

    def __init__(self, name, path):
        time, values, native = read(path)
        self.name, self.step = name, max(native, FINEST) if native < DAY else native
        self.start, self.grid = on_grid(time, values, native, self.step)
        self.daily = self.step >= DAY
        self.rows = DAILY_ROWS if self.daily else DAY // self.step
        self.window = (DAILY_WINDOW if self.daily else WINDOW) * DAY // self.step
        first, last = 0.6 * len(self.grid), len(self.grid) - self.rows
        before = first * self.step
        self.seasons = [7] if self.daily else [DAY // self.step]
        longer, enough = (365, 2 * 365 * DAY) if self.daily else (WEEK // self.step, 2 * WEEK)
        if before >= enough:
            self.seasons.append(longer)
        self.refused = None if last > first and before >= 2 * DAY else "shorter than its horizon and two days"
        places = [] if self.refused else np.linspace(first, last, ORIGINS).round().astype(int).tolist()
        # Nothing can be judged where nothing was recorded.
        self.origins = [at for at in places if np.isfinite(self.grid[at : at + self.rows]).any()]

    def past(self, origin):
        """What is known before an origin, without gaps."""
        return filled(self.grid[:origin], self.step)[-self.window :]

    def seconds(self, origin, back):
        """Starts of the steps from `back` before an origin to the end of its forecast."""
        return self.start + self.step * np.arange(origin - back, origin + self.rows)

    def actual(self, origin):
        """What came."""
        return [None if math.isnan(v) else float(v) for v in self.grid[origin : origin + self.rows]]

    def time(self, origin):
        """An origin as RFC 3339."""
        return pd.Timestamp(self.start + self.step * origin, unit="s").strftime("%Y-%m-%dT%H:%M:%SZ")
