//! TLS at the door: HTTP/2 and HTTP/1.1, and a certificate that changes without dropping a connection.

use rcgen::{CertifiedKey, generate_simple_self_signed};
use reqwest::{Certificate, Client, Version};

use crate::running::{Files, Gateway, until};
use crate::service::Service;

const ROUTES: &str = "[[route]]\npath = \"/v1/things\"\nservice = \"things\"\naudience = \"public\"\n";

/// Writes a new certificate for `localhost`; a client that believes it and no other.
fn certify(files: &Files, versions: fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder) -> Client {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    files.write("key.pem", &signing_key.serialize_pem());
    files.write("chain.pem", &cert.pem());
    shop_kit::peer::install_tls_provider();
    let believed = Certificate::from_pem(cert.pem().as_bytes()).unwrap();
    versions(Client::builder().no_proxy().tls_certs_only([believed])).build().unwrap()
}

async fn status(gateway: &Gateway, client: &Client) -> Option<(u16, Version, bool)> {
    let url = format!("https://localhost:{}/v1/things", gateway.public.port());
    let answer = client.get(url).send().await.ok()?;
    let strict = answer.headers().contains_key("strict-transport-security");
    Some((answer.status().as_u16(), answer.version(), strict))
}

#[tokio::test]
async fn both_versions_are_spoken_and_a_new_certificate_drops_nobody() -> anyhow::Result<()> {
    let service = Service::start().await;
    let files = Files::new(ROUTES, &[("things", &[service.address])]);
    let old = certify(&files, |client| client);
    let pem = |name: &str| files.path(name).display().to_string();
    let flags = [format!("--tls-certificate={}", pem("chain.pem")), format!("--tls-key={}", pem("key.pem"))];
    let gateway = files.gateway(&[&flags[0], &flags[1]]).await;
    assert_eq!(status(&gateway, &old).await, Some((200, Version::HTTP_2, true)));
    let seen = service.seen();
    let new = certify(&files, reqwest::ClientBuilder::http1_only);
    until("the new certificate is shown", async || status(&gateway, &new).await.is_some()).await;
    assert_eq!(status(&gateway, &new).await, Some((200, Version::HTTP_11, true)));
    assert_eq!(status(&gateway, &old).await, Some((200, Version::HTTP_2, true)), "its connection is still there");
    assert!(service.seen() >= seen + 3);
    let clear = gateway.client.send("GET", "/v1/things", &[], None).await;
    assert!(clear.is_err(), "nothing is answered in the clear");
    let told =
        Client::builder().no_proxy().build()?.get(format!("https://localhost:{}/v1/things", gateway.public.port()));
    assert!(told.send().await.is_err(), "who does not believe the certificate does not connect");
    Ok(())
}

#[tokio::test]
async fn answers_in_flight_are_finished_when_the_gateway_stops() -> anyhow::Result<()> {
    let service = Service::start().await;
    service.works_for(std::time::Duration::from_millis(500));
    let files = Files::new(ROUTES, &[("things", &[service.address])]);
    let gateway = files.gateway(&[]).await;
    let answers = futures::future::join_all((0..10).map(|_| gateway.get("/v1/things")));
    let stop = async {
        until("all are in flight", async || service.seen() == 10).await;
        gateway.stop();
    };
    let (answers, ()) = tokio::join!(answers, stop);
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.header("connection") == "close"));
    gateway.ended().await?;
    Ok(())
}
