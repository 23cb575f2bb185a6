//! One key, one effect.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::response::IntoResponse;
use futures::future::join_all;
use http::StatusCode;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use shop_kit::idempotency::{Begun, IdempotencyKey};
use shop_kit::{DatabaseError, Problem, keep};

use crate::places::{Place, place};

#[derive(Debug)]
struct Refused(u16);

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self(problem.status().as_u16())
    }
}

impl From<DatabaseError> for Refused {
    fn from(error: DatabaseError) -> Self {
        panic!("{error:?}")
    }
}

async fn key(key: &str) -> IdempotencyKey {
    let request = http::Request::post("/v1/effects").header("idempotency-key", key).body(()).unwrap();
    IdempotencyKey::from_request_parts(&mut request.into_parts().0, &()).await.unwrap()
}

/// Makes one row and answers its number; fails after the effect where it is told to.
async fn make(place: &Place, with: &str, body: &Value, fail: bool) -> Result<(u16, bool, Value), Refused> {
    let call = key(with).await.call("tester", body);
    let response = match call.begin::<Refused>(&place.database, &place.events).await? {
        Begun::Replay(stored) => stored.into_response(),
        Begun::Execute(mut execution) => {
            let insert = sqlx::query_scalar::<_, i64>("INSERT INTO effects DEFAULT VALUES RETURNING number");
            let number = insert.fetch_one(execution.tx()).await.unwrap();
            let outcome = if fail { Err(Refused(599)) } else { Ok(json!({"number": number})) };
            execution.settle(StatusCode::CREATED, outcome).await?.into_response()
        }
    };
    let (status, replayed) = (response.status().as_u16(), response.headers().contains_key("idempotency-replayed"));
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    Ok((status, replayed, serde_json::from_slice(&bytes).unwrap()))
}

async fn effects() -> anyhow::Result<Place> {
    let place = place().await?;
    place.run("CREATE TABLE effects (number bigserial)").await;
    Ok(place)
}

const EFFECTS: &str = "SELECT count(*) FROM effects";

#[tokio::test]
async fn a_hundred_at_once_with_one_key_have_one_effect_and_one_answer() -> anyhow::Result<()> {
    let place = effects().await?;
    let body = json!({"a": 1});
    let answers = join_all((0..100).map(|_| make(&place, "k", &body, false))).await;
    assert_eq!(place.count(EFFECTS).await, 1);
    assert_eq!(answers.iter().filter(|a| matches!(a, Ok((201, false, _)))).count(), 1);
    for answer in answers {
        match answer {
            Ok((status, _, body)) => assert_eq!((status, body), (201, json!({"number": 1}))),
            Err(Refused(status)) => assert_eq!(status, 409),
        }
    }
    let (status, replayed, again) = make(&place, "k", &body, false).await.unwrap();
    assert_eq!((status, replayed, again), (201, true, json!({"number": 1})));
    Ok(())
}

#[tokio::test]
async fn another_body_is_422_and_a_first_try_that_rolled_back_is_no_try() -> anyhow::Result<()> {
    let place = effects().await?;
    let body = json!({"a": 1});
    assert_eq!(make(&place, "k", &body, true).await.unwrap_err().0, 599);
    assert_eq!(place.count(EFFECTS).await, 0);
    assert_eq!(make(&place, "k", &body, false).await.unwrap().0, 201);
    assert_eq!(make(&place, "k", &json!({"a": 2}), false).await.unwrap_err().0, 422);
    assert_eq!(make(&place, "other", &json!({"a": 2}), false).await.unwrap().0, 201);
    assert_eq!(place.count(EFFECTS).await, 2);
    let text = place.metrics.render()?;
    assert!(text.contains(r#"shop_idempotency_total{outcome="mismatched"} 1"#), "{text}");
    Ok(())
}

#[tokio::test]
async fn what_is_old_is_swept_and_what_is_not_stays() -> anyhow::Result<()> {
    let place = effects().await?;
    for with in ["old", "young"] {
        make(&place, with, &json!({}), false).await.unwrap();
    }
    place
        .run(
            "UPDATE idempotency_keys SET created_at = created_at - interval '2 days' WHERE key = 'old';
             INSERT INTO inbox (event_id, kind, applied_at) VALUES
                 (gen_random_uuid(), 'a.b', now() - interval '2 days'), (gen_random_uuid(), 'a.b', now());
             INSERT INTO outbox (id, kind, body, created_at, published_at) VALUES
                 (gen_random_uuid(), 'a.b', '{}', now() - interval '3 days', now() - interval '2 days'),
                 (gen_random_uuid(), 'a.b', '{}', now() - interval '3 days', NULL)",
        )
        .await;
    assert_eq!(keep::round(&place.database, Duration::from_hours(24)).await?, 3);
    assert_eq!(place.count("SELECT count(*) FROM idempotency_keys WHERE key = 'young'").await, 1);
    assert_eq!(place.count("SELECT count(*) FROM outbox WHERE published_at IS NULL").await, 1);
    assert_eq!(place.count("SELECT count(*) FROM inbox").await, 1);
    Ok(())
}
