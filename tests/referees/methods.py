"""The referees: each takes a past and answers with one row per step and one column per level."""

import logging
import math

import numpy as np
import pandas as pd

from protocol import DAY, LEVELS, WEEK

# Two-sided intervals whose bounds are our levels.
INTERVALS = [60, 80, 90, 98]
COLUMNS = ["lo-80", "mean", "hi-60", "hi-80", "hi-90", "hi-98"]
# AutoTheta sees this many days of a fine grid: of 28 it takes 13 s a fit, and is no better.
THETA_DAYS = 14
# ETS takes no season above this.
LONGEST_ETS = 24


class NotFeasible(Exception):
    """The referee does not take such a past."""


def columns(model, past, rows):
    forecast = model.forecast(y=past, h=rows, level=INTERVALS)
    return np.stack([np.asarray(forecast[column], float) for column in COLUMNS], 1)


def seasonal_naive(lag, least, plan, past):
    from statsforecast.models import SeasonalNaive

    if len(past) * plan.step < least:
        raise NotFeasible("the past is shorter than its season and a day")
    return columns(SeasonalNaive(lag), past, plan.rows)


def snaive_day(plan, past, _):
    if plan.daily:
        raise NotFeasible("a daily grid has no season of a day")
    return seasonal_naive(plan.seasons[0], 2 * DAY, plan, past)


def snaive_week(plan, past, _):
    return seasonal_naive(max(WEEK // plan.step, 1), 8 * DAY, plan, past)


def mstl_ets(plan, past, _):
    from statsforecast.models import MSTL, AutoETS

    # R's default of stl: loess at every tenth point, interpolated between.
    jump = max(1, math.ceil(plan.seasons[0] / 10))
    jumps = {"trend_jump": jump, "low_pass_jump": jump} if jump > 3 else {}
    model = MSTL(plan.seasons, trend_forecaster=AutoETS(model="ZZN"), stl_kwargs=jumps)
    return columns(model, past, plan.rows)


def autoets(plan, past, _):
    from statsforecast.models import AutoETS

    season = plan.seasons[0]
    return columns(AutoETS(season_length=season if season <= LONGEST_ETS else 1), past, plan.rows)


def autotheta(plan, past, _):
    from statsforecast.models import AutoTheta

    seen = THETA_DAYS * DAY // plan.step if plan.step < 3600 else len(past)
    return columns(AutoTheta(season_length=plan.seasons[0]), past[-seen:], plan.rows)


def prophet(plan, past, seconds):
    from prophet import Prophet

    logging.getLogger("cmdstanpy").disabled = True
    yearly = plan.daily and len(past) >= 730
    model = Prophet(
        uncertainty_samples=1000, daily_seasonality=not plan.daily, weekly_seasonality=True, yearly_seasonality=yearly
    )
    time = pd.to_datetime(seconds, unit="s")
    model.fit(pd.DataFrame({"ds": time[: len(past)], "y": past}), seed=7)
    np.random.seed(7)
    samples = model.predictive_samples(pd.DataFrame({"ds": time[len(past) :]}))["yhat"]
    return np.quantile(samples, LEVELS, axis=1).T


METHODS = {
    "snaive_day": snaive_day,
    "snaive_week": snaive_week,
    "mstl_ets": mstl_ets,
    "autoets": autoets,
    "autotheta": autotheta,
    "prophet": prophet,
}
