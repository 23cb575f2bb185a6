//! Our baselines beside the real autoscalers: generated histories go through both, and every count must be the same.
#![expect(clippy::expect_used, clippy::panic, reason = "the makers of test data are not test functions")]

mod hpa;
mod knative;
mod replay;
