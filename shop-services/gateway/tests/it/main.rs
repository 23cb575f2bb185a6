//! The running gateway on real sockets: in front of small services that do as a test tells them, and of the cluster's
//! own API server.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod alone;
mod balancing;
mod charted;
mod encrypting;
mod exposing;
mod following;
mod forwarding;
mod framing;
mod holding;
mod knowing;
mod limiting;
mod running;
mod service;
