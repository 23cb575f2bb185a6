//! Keys of another service: fetched once for many, not for strangers, and believed while it is away.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::routing::get;
use futures::future::join_all;
use serde_json::{Value, json};
use shop_kit::keys::{Keys, KeysError};
use shop_kit::peer::Peer;
use shop_kit::process::ThisProcess;
use shop_kit::signature::{SignatureError, Signer};
use shop_metrics::{Build, Calls, ShopMetrics};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A signer for each byte; the key is that byte, over and over.
fn signer(letter: char) -> Signer {
    Signer::new(&letter.to_string().repeat(43).parse().unwrap(), "note+jwt").unwrap()
}

/// Publishes the keys of these signers, and counts who asks.
async fn publish(signers: &[&Signer]) -> (Keys, Arc<AtomicU32>, JoinHandle<()>) {
    let published = json!({"keys": signers.iter().map(|s| s.public_key()).collect::<Vec<_>>()});
    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    let answer = async move || {
        counted.fetch_add(1, Ordering::Relaxed);
        axum::Json(published)
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let routes = axum::Router::new().route("/.well-known/jwks.json", get(answer));
    let serving = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    let mut metrics = ShopMetrics::new(&Build { service_name: "reader", version: "1" }, ThisProcess);
    let peer = Peer::new("issuer", &base, Duration::from_secs(30), Calls::register(&mut metrics)).unwrap();
    (Keys::of(peer), asked, serving)
}

#[tokio::test]
async fn many_that_come_at_once_and_a_flood_of_strangers_make_one_fetch() {
    let (ours, strange) = (signer('A'), signer('E'));
    let (keys, asked, serving) = publish(&[&ours]).await;
    let note = ours.sign(&json!({"says": "yes"})).unwrap();
    let believed = join_all((0..50).map(|_| keys.verify::<Value>(&note, "note+jwt"))).await;
    assert!(believed.iter().all(|note| note.as_ref().is_ok_and(|note| note["says"] == "yes")));
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    let forged = strange.sign(&json!({"says": "no"})).unwrap();
    for refused in join_all((0..200).map(|_| keys.verify::<Value>(&forged, "note+jwt"))).await {
        assert!(matches!(refused, Err(KeysError::Signature(SignatureError::Unaccepted))), "{refused:?}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1, "a flood of unknown keys is no flood of fetches");
    serving.abort();
    assert!(keys.verify::<Value>(&note, "note+jwt").await.is_ok(), "believed while the issuer is away");
}

#[tokio::test]
async fn without_any_key_nobody_knows() {
    let ours = signer('A');
    let (keys, _, serving) = publish(&[&ours]).await;
    serving.abort();
    // The listener goes with its task.
    let _ = serving.await;
    let note = ours.sign(&json!({})).unwrap();
    assert!(matches!(keys.verify::<Value>(&note, "note+jwt").await, Err(KeysError::Unavailable)));
    let junk = keys.verify::<Value>("junk", "note+jwt").await;
    assert!(matches!(junk, Err(KeysError::Signature(SignatureError::Malformed))), "{junk:?}");
}
