//! The Kubernetes adapter: observe, apply, status, events, convert, lease; makes no choices.
