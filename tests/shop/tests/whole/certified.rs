//! Services that know each other by their certificates: who may call whom, and that all of it changes under load
//! without a request that fails.

use std::path::Path;
use std::time::Duration;

use loadgen::journey::run::run;
use loadgen::progress::Progress;
use presale_shop::{Authority, Shop, believe};
use test_kit::{Answer, Client, KitError};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::open::open_certified;
use crate::plan::{failures, steady};

/// Time for every service to have read its files again.
const READ_AGAIN: Duration = Duration::from_millis(700);
/// A payment that there is none of.
const PAYMENT: &str = "/v1/payments/01900000-0000-7000-8000-000000000009";

/// Asks the service `callee` as somebody with this certificate and this token.
async fn ask(
    shop: &Shop,
    callee: &str,
    (authority, shown): (&Authority, Option<&[String; 2]>),
    (method, path, token): (&str, &str, &str),
) -> Result<Answer, KitError> {
    let base = format!("https://{}", shop.services[callee].address);
    let shown = shown.map(|pair| pair.concat());
    let client = Client::certified(base, &authority.pem(), shown.as_deref())?;
    client.send(method, path, &[("authorization", token)], None).await
}

#[tokio::test]
async fn a_caller_is_who_its_certificate_says_and_certificates_change_under_load() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let [first, second] = [Authority::new()?, Authority::new()?];
    first.issue(folder.path())?;
    believe(folder.path(), &[&first])?;
    let shop = open_certified(&[], Some(folder.path().to_owned())).await?;
    policy(&shop, &first, &second).await?;

    let sale = tokio::spawn(run(steady(shop.gateway, 12.0), Progress::Silent, CancellationToken::new()));
    sleep(Duration::from_secs(2)).await;
    changed(folder.path(), &first, &[&first]).await?;
    // The next authority is believed before it signs, the last one until nobody shows what it signed.
    changed(folder.path(), &first, &[&first, &second]).await?;
    changed(folder.path(), &second, &[&first, &second]).await?;
    changed(folder.path(), &second, &[&second]).await?;
    let verdict = sale.await??;
    let failed = failures(&verdict);
    assert!(verdict.orders.accepted > 0 && failed.is_empty(), "{}", verdict.table());
    assert_eq!(verdict.orders.lost, Vec::<String>::new());
    for caller in ["cart", "orders", "recommendations"] {
        let text = shop.services[caller].metrics().await?;
        let unanswered = r#"http_response_status_code="0"}"#;
        assert!(!text.contains(unanswered), "a call of {caller}'s had no answer: {text}");
    }
    policy(&shop, &second, &first).await?;
    shop.close().await
}

/// New certificates by this authority, while these are believed.
async fn changed(folder: &Path, by: &Authority, believed: &[&Authority]) -> anyhow::Result<()> {
    believe(folder, believed)?;
    sleep(READ_AGAIN).await;
    by.issue(folder)?;
    sleep(READ_AGAIN).await;
    Ok(())
}

/// Who is let in where `authority` is believed and `stranger` is not.
async fn policy(shop: &Shop, authority: &Authority, stranger: &Authority) -> anyhow::Result<()> {
    let look = ("GET", PAYMENT, "Bearer orders-token");
    let orders = authority.certify("orders")?;
    assert_eq!(ask(shop, "payments", (authority, Some(&orders)), look).await?.status, 404, "the right caller");
    for (name, callee) in
        [("cart", "payments"), ("recommendations", "payments"), ("orders", "catalog"), ("nobody", "cart")]
    {
        let certificate = authority.certify(name)?;
        let answer = ask(shop, callee, (authority, Some(&certificate)), look).await?;
        assert_eq!(
            (answer.status, answer.problem().map(|(slug, _)| slug).as_deref()),
            (403, Some("forbidden")),
            "{name}"
        );
    }
    let cart = authority.certify("cart")?;
    let quote = ("GET", "/v1/events/upcoming", "Bearer orders-token");
    assert_eq!(ask(shop, "pricing", (authority, Some(&cart)), quote).await?.status, 403, "a token in other hands");
    unknown(shop, authority, stranger).await
}

/// Who shows nothing that is believed is not even answered.
async fn unknown(shop: &Shop, authority: &Authority, stranger: &Authority) -> anyhow::Result<()> {
    let look = ("GET", PAYMENT, "Bearer orders-token");
    let forged = stranger.certify("orders")?;
    for shown in [None, Some(&forged)] {
        let refused = ask(shop, "payments", (authority, shown), look).await;
        assert!(refused.is_err(), "{shown:?} is no certificate here");
    }
    let clear = Client::new(format!("http://{}", shop.services["payments"].address))?;
    assert!(clear.send("GET", PAYMENT, &[], None).await.is_err(), "nothing is said in the clear");
    Ok(())
}
