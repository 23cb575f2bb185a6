//! The alerts: the operator's own state, and the promise that it keeps for a shop.

use presale_metrics::names as presale;

use crate::recording::{FAILED_1H, FAILED_5M, UNUSABLE};
use crate::{Alert, Severity};

/// All of them, the most urgent first.
pub fn alerts() -> Vec<Alert> {
    vec![
        no_leader(),
        capacity_short(),
        requests_failing(),
        signal_lost(),
        at_maximum(),
        reconcile_failing(),
        pods_sick(),
        model_old(),
        forecast_untrusted(),
    ]
}

fn no_leader() -> Alert {
    Alert {
        name: "PresaleNoLeader",
        severity: Severity::Critical,
        expr: format!("absent({} == 1)", presale::LEADER),
        hold: "2m",
        summary: "No Presale operator holds the lease",
        meaning: "No running operator reports that it leads: none runs, none is scraped, or none can renew its lease.",
        impact: "Replicas stay as they are. Nothing is scaled, no promotion is prepared, no sick pod is put away.",
        diagnosis: &[
            "kubectl -n presale get pods,lease",
            "kubectl -n presale logs deploy/presale --tail=50",
            "kubectl presale doctor",
        ],
        mitigation: "Bring the operator back (`kubectl -n presale rollout restart deploy/presale`). Until then raise \
                     replicas by hand where load is coming; the operator holds what a hand set.",
    }
}

fn capacity_short() -> Alert {
    Alert {
        name: "PresaleCapacityShort",
        severity: Severity::Critical,
        expr: format!("{} < {}", presale::REPLICAS_READY, presale::REPLICAS_DESIRED),
        hold: "5m",
        summary: "{{ $labels.namespace }}/{{ $labels.service }} has fewer Ready pods than decided",
        meaning: "Pods that were asked for have not become Ready for five minutes.",
        impact: "The service may be too small for its load, now or when a promotion starts.",
        diagnosis: &[
            "kubectl -n NAMESPACE describe shop SERVICE",
            "kubectl -n NAMESPACE get pods,events --sort-by=.lastTimestamp",
            "kubectl -n NAMESPACE get resourcequota",
        ],
        mitigation: "Pending pods: add nodes or raise the quota. Crashing pods: roll back the image. Slow starts: check \
                     the readiness probe and what it waits for.",
    }
}

fn requests_failing() -> Alert {
    Alert {
        name: "ShopRequestsFailing",
        severity: Severity::Critical,
        // 14.4 times the budget of 99.9 %: two percent of a month's failures within an hour, and still going on.
        expr: format!("{FAILED_1H} > 14.4 * 0.001 and {FAILED_5M} > 14.4 * 0.001"),
        hold: "2m",
        summary: "{{ $labels.namespace }}/{{ $labels.service }} fails more requests than its promise allows",
        meaning: "More than 1.44 % of the requests failed over the last hour and over the last five minutes: the error \
                  budget of 99.9 % is burning fourteen times too fast.",
        impact: "Customers see errors.",
        diagnosis: &[
            "kubectl presale top",
            "kubectl -n NAMESPACE describe shop SERVICE",
            "kubectl -n NAMESPACE logs -l app.kubernetes.io/name=SERVICE --since=10m | grep -i error",
        ],
        mitigation: "If all pods are slow the service is too small: `kubectl presale pin SERVICE N`. If one pod fails, \
                     delete it. If it began with a rollout, roll back.",
    }
}

fn signal_lost() -> Alert {
    Alert {
        name: "PresaleSignalLost",
        severity: Severity::Warning,
        expr: format!("{UNUSABLE} > 0.9"),
        hold: "5m",
        summary: "The load of {{ $labels.namespace }}/{{ $labels.service }} cannot be read",
        meaning: "For minutes nearly every reading of the load was stale, partial, empty, no number or an error.",
        impact: "The service is scaled by its forecast and its promotions only, and is never made smaller.",
        diagnosis: &[
            "kubectl presale doctor",
            "kubectl -n NAMESPACE get shop SERVICE -o jsonpath='{.status.conditions}'",
            "kubectl -n presale logs deploy/presale --since=10m | grep -i prometheus",
        ],
        mitigation: "Error: check Prometheus's address, token and health. Empty: check that the source in \
                     spec.scaling.signal is what the service exports. Partial: check the scrape targets that are down.",
    }
}

fn at_maximum() -> Alert {
    Alert {
        name: "PresaleAtMaximum",
        severity: Severity::Warning,
        expr: format!("{} >= {}", presale::REPLICAS_DESIRED, presale::REPLICAS_MAX),
        hold: "10m",
        summary: "{{ $labels.namespace }}/{{ $labels.service }} is at its maximum",
        meaning: "The decision has been the upper bound for ten minutes: more load cannot be met with more pods.",
        impact: "Requests queue and are shed if the load rises further.",
        diagnosis: &["kubectl presale explain SERVICE -n NAMESPACE", "kubectl presale forecast SERVICE -n NAMESPACE"],
        mitigation: "Raise spec.replicas.max if the nodes and the database can carry it; else shed low priorities.",
    }
}

fn reconcile_failing() -> Alert {
    Alert {
        name: "PresaleReconcileFailing",
        severity: Severity::Warning,
        expr: format!("sum by (kind, reason) (rate({}[10m])) > 0", presale::ERRORS),
        hold: "15m",
        summary: "Presale keeps failing to reconcile {{ $labels.kind }}: {{ $labels.reason }}",
        meaning: "The operator's calls to Kubernetes have been failing for a quarter of an hour.",
        impact: "The objects concerned are not scaled or not kept up to date; what runs keeps running.",
        diagnosis: &["kubectl -n presale logs deploy/presale --since=15m | grep -i error", "kubectl presale doctor"],
        mitigation: "Forbidden: reinstall the chart's RBAC. Conflict: another owner has the object, see its \
                     Conflict condition. Timeouts: check the API server.",
    }
}

fn pods_sick() -> Alert {
    Alert {
        name: "PresalePodsSick",
        severity: Severity::Warning,
        expr: format!("{} > 0", presale::SICK_PODS),
        hold: "10m",
        summary: "{{ $labels.namespace }}/{{ $labels.service }} has {{ $value }} pods that are sick and not replaced",
        meaning: "Pods do worse than their peers at the same load, and replacing them did not help or was not allowed.",
        impact: "A share of the requests is slow or fails.",
        diagnosis: &[
            "kubectl -n NAMESPACE describe shop SERVICE",
            "kubectl -n NAMESPACE get events --field-selector reason=Evicted",
            "kubectl -n NAMESPACE get pods -o wide",
        ],
        mitigation: "If all are on one node, cordon it. If the restart budget is used up, find the cause before \
                     raising it: a pod that falls sick again and again is no accident.",
    }
}

fn model_old() -> Alert {
    Alert {
        name: "PresaleModelOld",
        severity: Severity::Warning,
        expr: format!("time() - {} > 2 * 86400", presale::TRAINED),
        hold: "1h",
        summary: "The model of {{ $labels.namespace }}/{{ $labels.service }} has not been trained for two days",
        meaning: "Training is due daily and has not succeeded since.",
        impact: "The forecast drifts from what customers do now; its trust will be withdrawn when it errs too much.",
        diagnosis: &["kubectl -n presale logs deploy/presale --since=24h | grep -i train", "kubectl presale doctor"],
        mitigation: "Check that Prometheus still holds the lookback's history and answers range queries in time.",
    }
}

fn forecast_untrusted() -> Alert {
    Alert {
        name: "PresaleForecastUntrusted",
        severity: Severity::Info,
        expr: format!("{} == 0", presale::FORECAST_TRUSTED),
        hold: "1d",
        summary: "The forecast of {{ $labels.namespace }}/{{ $labels.service }} may not act",
        meaning: "For a day its forecast has not beaten last week's same hour, or its bands have not held.",
        impact: "The service is scaled by live load and promotions only; daily rises are met late.",
        diagnosis: &["kubectl presale forecast SERVICE -n NAMESPACE"],
        mitigation: "Nothing is broken. With less than two weeks of history wait; else look for a change of what \
                     customers do, such as a move of the daily rise.",
    }
}
