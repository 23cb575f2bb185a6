//! The API as the real API server enforces it: what it refuses, what it takes, and how it explains itself.
#![expect(clippy::expect_used, reason = "the makers of test data are not test functions")]

mod api_accepts;
mod api_refuses;
mod cases;
