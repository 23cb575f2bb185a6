//! The Prometheus adapter: queries in, classified readings and series out.
