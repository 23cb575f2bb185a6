//! Server, config, telemetry, health, drain and problem+json for shop services; knows no business word.
