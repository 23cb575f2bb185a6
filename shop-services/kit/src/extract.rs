//! Extractors that refuse bad input with problem+json instead of plain text.

use axum::extract::{FromRequest, FromRequestParts};

use crate::problem::Problem;

/// A JSON body; 400, 413, 415 or 422 as a problem.
#[derive(Debug, Clone, Copy, FromRequest)]
#[from_request(via(axum::Json), rejection(Problem))]
pub struct Json<T>(pub T);

/// A query string; 400 as a problem.
#[derive(Debug, Clone, Copy, FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Problem))]
pub struct Query<T>(pub T);

/// Path parameters; 400 as a problem.
#[derive(Debug, Clone, Copy, FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Problem))]
pub struct Path<T>(pub T);
