//! Who may ask: customers by tokens whose keys rotate, administrators by theirs, strangers what is public.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::future::join_all;
use serde_json::json;
use shop_kit::access::{ACCESS_TYPE, AccessClaims};
use shop_kit::signature::{PublicKey, Signer};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::running::{ADMIN, Files, Gateway, NOW, until};
use crate::service::Service;

const ROUTES: &str = r#"
    [[route]]
    path = "/v1/open"
    service = "things"
    audience = "public"
    [[route]]
    path = "/v1/cart"
    service = "things"
    audience = "guest"
    [[route]]
    path = "/v1/orders"
    service = "things"
    audience = "customer"
    [[route]]
    path = "/v1/stock"
    service = "things"
    audience = "admin"
    [[route]]
    path = "/v1/reservations"
    service = "things"
    audience = "internal"
"#;

/// Whoever signs tokens: the published keys, and how often they were fetched.
struct Issuer {
    address: SocketAddr,
    published: Arc<Mutex<Vec<PublicKey>>>,
    fetched: Arc<AtomicUsize>,
}

impl Issuer {
    async fn start(signers: &[&Signer]) -> Self {
        let published: Arc<Mutex<Vec<PublicKey>>> = Arc::default();
        let fetched = Arc::new(AtomicUsize::new(0));
        let (keys, count) = (Arc::clone(&published), Arc::clone(&fetched));
        let answer = async move || {
            count.fetch_add(1, Ordering::SeqCst);
            axum::Json(json!({"keys": *keys.lock().unwrap()}))
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = axum::Router::new().route("/.well-known/jwks.json", get(answer));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let issuer = Self { address, published, fetched };
        issuer.publish(signers);
        issuer
    }

    fn publish(&self, signers: &[&Signer]) {
        *self.published.lock().unwrap() = signers.iter().map(|signer| signer.public_key()).collect();
    }
}

fn signer(byte: u8, typ: &'static str) -> Signer {
    Signer::new(&URL_SAFE_NO_PAD.encode([byte; 32]).parse().unwrap(), typ).unwrap()
}

fn token(signer: &Signer, (iss, aud, nbf, exp): (&str, &str, i64, i64)) -> String {
    let claims = AccessClaims { iss: iss.into(), aud: aud.into(), sub: Uuid::from_u128(7), nbf, exp };
    format!("Bearer {}", signer.sign(&claims).unwrap())
}

async fn status(gateway: &Gateway, path: &str, token: Option<&str>) -> u16 {
    let headers: Vec<_> = token.map(|token| ("authorization", token)).into_iter().collect();
    gateway.client.send("GET", path, &headers, None).await.unwrap().status
}

#[tokio::test]
async fn each_route_opens_to_its_callers_alone() -> anyhow::Result<()> {
    let (ours, other, quote) = (signer(1, ACCESS_TYPE), signer(2, ACCESS_TYPE), signer(1, "quote+jwt"));
    let issuer = Issuer::start(&[&ours]).await;
    let service = Service::start().await;
    let files = Files::new(ROUTES, &[("things", &[service.address])]);
    let gateway = files.gateway(&[&format!("--token-keys-url=http://{}", issuer.address)]).await;
    let good = token(&ours, ("accounts", "shop", NOW - 60, NOW + 60));
    let [_, claims, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("{good}") };
    let kid = ours.public_key().kid;
    let alg = |alg: &str| {
        let header = URL_SAFE_NO_PAD.encode(json!({"alg": alg, "typ": ACCESS_TYPE, "kid": kid}).to_string());
        format!("Bearer {header}.{claims}.{signature}")
    };
    let strangers = [
        "Bearer wrong".to_owned(),
        "Basic eDp5".to_owned(),
        alg("none"),
        alg("HS256"),
        token(&other, ("accounts", "shop", NOW - 60, NOW + 60)),
        token(&quote, ("accounts", "shop", NOW - 60, NOW + 60)),
        token(&ours, ("someone", "shop", NOW - 60, NOW + 60)),
        token(&ours, ("accounts", "elsewhere", NOW - 60, NOW + 60)),
        token(&ours, ("accounts", "shop", NOW - 60, NOW)),
        token(&ours, ("accounts", "shop", NOW + 60, NOW + 120)),
    ];
    for stranger in strangers.iter().map(String::as_str).chain([ADMIN]) {
        for (path, expected) in [("/v1/open", 200), ("/v1/cart", 401), ("/v1/orders", 401), ("/v1/reservations", 404)] {
            assert_eq!(status(&gateway, path, Some(stranger)).await, expected, "{path} with {stranger}");
        }
        if stranger != ADMIN {
            assert_eq!(status(&gateway, "/v1/stock", Some(stranger)).await, 401, "{stranger}");
        }
    }
    for (path, nobody, customer, admin) in [
        ("/v1/open", 200, 200, 200),
        ("/v1/cart", 200, 200, 401),
        ("/v1/orders", 401, 200, 401),
        ("/v1/stock", 401, 401, 200),
        ("/v1/reservations", 404, 404, 404),
    ] {
        assert_eq!(status(&gateway, path, None).await, nobody, "{path}");
        assert_eq!(status(&gateway, path, Some(&good)).await, customer, "{path}");
        assert_eq!(status(&gateway, path, Some(ADMIN)).await, admin, "{path}");
    }
    let headers = [("authorization", good.as_str())];
    let seen = gateway.client.send("GET", "/v1/orders", &headers, None).await?.json();
    assert_eq!(seen["headers"]["authorization"], good, "the service checks it again");
    Ok(())
}

#[tokio::test]
async fn keys_rotate_without_a_wrong_answer_and_strange_ones_are_no_flood_of_fetches() -> anyhow::Result<()> {
    let (old, new, strange) = (signer(1, ACCESS_TYPE), signer(2, ACCESS_TYPE), signer(3, ACCESS_TYPE));
    let issuer = Issuer::start(&[&old]).await;
    let service = Service::start().await;
    let files = Files::new(ROUTES, &[("things", &[service.address])]);
    let gateway = files.gateway(&[&format!("--token-keys-url=http://{}", issuer.address)]).await;
    let [old_token, new_token, strange] =
        [&old, &new, &strange].map(|signer| token(signer, ("accounts", "shop", NOW - 60, NOW + 60)));
    let all_work = async |token: &str| {
        let statuses = join_all((0..50).map(|_| status(&gateway, "/v1/orders", Some(token)))).await;
        statuses.iter().all(|status| *status == 200)
    };
    assert!(all_work(&old_token).await);
    assert_eq!(issuer.fetched.load(Ordering::SeqCst), 1);
    issuer.publish(&[&old, &new]);
    until("the new key is known", async || status(&gateway, "/v1/orders", Some(&new_token)).await == 200).await;
    assert!(all_work(&old_token).await && all_work(&new_token).await);
    let fetched = issuer.fetched.load(Ordering::SeqCst);
    let flood = join_all((0..300).map(|_| status(&gateway, "/v1/orders", Some(&strange)))).await;
    assert!(flood.iter().all(|status| *status == 401));
    assert!(issuer.fetched.load(Ordering::SeqCst) - fetched <= 2, "at most one fetch in ten seconds");
    Ok(())
}
