//! The API as the real API server enforces it: what it refuses, what it takes, and how it explains itself.

mod api_accepts;
mod api_refuses;
mod cases;
