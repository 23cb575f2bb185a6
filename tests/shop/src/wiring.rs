//! What each service is told of the others: addresses, and whom it believes. All of it goes by environment variables,
//! so that no secret stands in a list of processes and a flag of the caller counts before it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngCore;
use test_kit::{Client, Postgres};

use crate::authority;

/// The ten services, in the order in which requests go through them.
pub const NAMES: [&str; 10] = [
    "gateway",
    "accounts",
    "catalog",
    "pricing",
    "inventory",
    "cart",
    "orders",
    "payments",
    "recommendations",
    "notifications",
];
/// The one service without a database.
const STATELESS: &str = "gateway";
/// Services that ask others on their own behalf.
const CALLERS: [&str; 2] = ["orders", "cart"];
/// Who is told of whom beside the gateway, which is told of everybody; all others are told of the database server and the
/// broker, too.
const CALLS: [(&str, &[&str]); 5] = [
    ("orders", &["accounts", "pricing", "inventory", "payments"]),
    ("cart", &["accounts", "pricing"]),
    ("recommendations", &["accounts"]),
    ("payments", &["psp-sim"]),
    ("psp-sim", &["payments"]),
];
/// Where nobody is.
const NOWHERE: &str = "http://127.0.0.1:1";

/// Who reaches whom: two services, or a service and `postgres` or `nats`.
pub type Link = (&'static str, &'static str);

/// Every link of the shop, customers' to the gateway left aside.
pub fn links() -> Vec<Link> {
    let through = NAMES[1..].iter().map(|to| (NAMES[0], *to));
    let calls = CALLS.iter().flat_map(|(from, to)| to.iter().map(|to| (*from, *to)));
    let stores = NAMES[1..].iter().flat_map(|from| ["postgres", "nats"].map(|to| (*from, to)));
    through.chain(calls).chain(stores).collect()
}

/// What must not be known outside of the shop.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// Bearer token of administrators.
    pub admin: String,
    /// Bearer token of each service that asks others, by its name.
    pub callers: BTreeMap<&'static str, String>,
    /// Key that seals all other keys of accounts, as VERSION:KEY.
    pub master: String,
    /// Key that signs quotes.
    pub quote: String,
    /// Secret that the payment provider signs its notices with.
    pub notice: String,
    /// Password of each service at its own database.
    pub passwords: BTreeMap<&'static str, String>,
}

impl Secrets {
    /// New ones.
    pub fn drawn(random: &mut impl RngCore) -> Self {
        let mut key = || {
            let mut bytes = [0; 32];
            random.fill_bytes(&mut bytes);
            URL_SAFE_NO_PAD.encode(bytes)
        };
        Self {
            admin: key(),
            callers: CALLERS.into_iter().map(|name| (name, key())).collect(),
            master: format!("1:{}", key()),
            quote: key(),
            notice: key(),
            passwords: NAMES.into_iter().map(|name| (name, key())).collect(),
        }
    }

    /// Ones that tests know by heart.
    pub fn known() -> Self {
        let key = URL_SAFE_NO_PAD.encode([1; 32]);
        Self {
            admin: "admin-token".to_owned(),
            callers: CALLERS.into_iter().map(|name| (name, format!("{name}-token"))).collect(),
            master: format!("1:{key}"),
            quote: key,
            notice: "notice-secret".to_owned(),
            passwords: NAMES.into_iter().map(|name| (name, format!("{name}-password"))).collect(),
        }
    }

    /// Makes a database for each service that has one, and returns its URL with the credential of its owner.
    pub(crate) async fn databases(&self, postgres: &Postgres) -> anyhow::Result<BTreeMap<&'static str, String>> {
        let mut databases = BTreeMap::new();
        for name in NAMES.into_iter().filter(|name| *name != STATELESS) {
            databases.insert(name, postgres.owned(name, &self.passwords[name]).await?);
        }
        Ok(databases)
    }

    fn of(&self, caller: &str) -> String {
        self.callers.get(caller).cloned().unwrap_or_default()
    }

    /// As a service is told who may call: NAME=TOKEN,…
    fn believed(&self) -> String {
        let pairs: Vec<String> = self.callers.iter().map(|(name, token)| format!("{name}={token}")).collect();
        pairs.join(",")
    }
}

/// Where everybody is, and what they believe.
#[derive(Debug, Clone)]
pub struct Wiring {
    /// URL of the broker.
    pub nats: String,
    /// Where the services are, as far as it is known, and the payment provider, as `psp-sim`.
    pub places: BTreeMap<String, SocketAddr>,
    /// Where those are told that others are who do not reach them directly.
    pub detours: BTreeMap<Link, SocketAddr>,
    /// Who publishes the keys that check customers' tokens, where that is not accounts.
    pub issuer: Option<SocketAddr>,
    /// The gateway's table of routes, and its file of endpoints.
    pub tables: Option<[PathBuf; 2]>,
    /// Folder with a certificate of each service, where they are to know each other by it.
    pub certificates: Option<PathBuf>,
    /// Secrets.
    pub secrets: Secrets,
}

/// Services that may call `name`.
const fn callers(name: &str) -> &'static str {
    match name.as_bytes() {
        b"accounts" => "gateway,cart,orders,recommendations",
        b"pricing" => "gateway,cart,orders,presale",
        b"inventory" | b"payments" => "gateway,orders",
        _ => "gateway",
    }
}

impl Wiring {
    /// Nobody is anywhere yet.
    pub fn new(nats: String, secrets: Secrets) -> Self {
        Self {
            nats,
            places: BTreeMap::new(),
            detours: BTreeMap::new(),
            issuer: None,
            tables: None,
            certificates: None,
            secrets,
        }
    }

    /// URL of a service; nobody answers there where its place is not known.
    pub fn url(&self, name: &str) -> String {
        let scheme = if self.is_certified(name) { "https" } else { "http" };
        self.places.get(name).map_or_else(|| NOWHERE.to_owned(), |address| format!("{scheme}://{address}"))
    }

    /// Whether callers must show who they are: behind the gateway, where there are certificates.
    pub fn is_certified(&self, name: &str) -> bool {
        self.certificates.is_some() && NAMES[1..].contains(&name)
    }

    /// A client of the service `name` at this address, which calls as the gateway does.
    ///
    /// # Errors
    /// Where the gateway's certificate cannot be used.
    pub fn client(&self, name: &str, address: SocketAddr) -> anyhow::Result<Client> {
        match self.certificates.as_deref().filter(|_| self.is_certified(name)) {
            None => Ok(Client::new(format!("http://{address}"))?),
            Some(folder) => {
                let [shown, believed] = authority::shown(folder, "gateway")?;
                Ok(Client::certified(format!("https://{address}"), &believed, Some(&shown))?)
            }
        }
    }

    /// Where a service finds its certificate, and who may call it.
    fn certified(&self, name: &str) -> Vec<(&'static str, String)> {
        let Some(folder) = self.certificates.as_deref().filter(|_| NAMES.contains(&name)) else { return Vec::new() };
        let files = authority::files(name).map(|file| folder.join(file).display().to_string());
        let names = ["SHOP_PEER_CERTIFICATE", "SHOP_PEER_KEY", "SHOP_PEER_AUTHORITIES"];
        let mut told: Vec<_> = names.into_iter().zip(files).collect();
        told.push(("SHOP_PEER_CALLERS", callers(name).to_owned()));
        told.push(("SHOP_PEER_WATCH_PERIOD", "100ms".to_owned()));
        told
    }

    /// URL of the service `to` as `from` is told it.
    fn told_of(&self, from: &str, to: &str) -> String {
        self.detour(from, to).map_or_else(|| self.url(to), |address| format!("http://{address}"))
    }

    fn detour(&self, from: &str, to: &str) -> Option<SocketAddr> {
        self.detours.iter().find(|((one, other), _)| (*one, *other) == (from, to)).map(|(_, address)| *address)
    }

    /// URL of a database or of the broker, which is `to`, as `from` is told it.
    pub fn store(&self, from: &str, to: &str, url: &str) -> String {
        self.detour(from, to).map_or_else(|| url.to_owned(), |by| url.replacen(authority(url), &by.to_string(), 1))
    }

    /// The environment of the service `name`, but for its own addresses and its database.
    pub fn told(&self, name: &str) -> Vec<(String, String)> {
        let Secrets { admin, callers: _, master, quote, notice, passwords: _ } = &self.secrets;
        let keys = self.issuer.map_or_else(|| self.told_of(name, "accounts"), |issuer| format!("http://{issuer}"));
        let mut told = self.certified(name);
        told.push(("SHOP_NATS_URL", self.store(name, "nats", &self.nats)));
        let admin = ("SHOP_ADMIN_TOKEN", admin.clone());
        let callers = ("SHOP_SERVICE_TOKENS", self.secrets.believed());
        let keys = ("SHOP_TOKEN_KEYS_URL", keys);
        match name {
            "accounts" => told.extend([("SHOP_MASTER_KEYS", master.clone()), callers]),
            "catalog" | "notifications" => told.push(admin),
            "pricing" => told.extend([admin, callers, ("SHOP_QUOTE_KEY", quote.clone())]),
            "inventory" => told.extend([admin, callers]),
            "payments" => told.extend([
                callers,
                ("SHOP_PSP_URL", self.told_of(name, "psp-sim")),
                ("SHOP_PSP_NOTICE_SECRET", notice.clone()),
            ]),
            "orders" => {
                told.extend([admin, keys]);
                for (url, token, callee) in [
                    ("SHOP_PRICING_URL", "SHOP_PRICING_TOKEN", "pricing"),
                    ("SHOP_INVENTORY_URL", "SHOP_INVENTORY_TOKEN", "inventory"),
                    ("SHOP_PAYMENTS_URL", "SHOP_PAYMENTS_TOKEN", "payments"),
                ] {
                    told.extend([(url, self.told_of(name, callee)), (token, self.secrets.of("orders"))]);
                }
            }
            "cart" => {
                let token = self.secrets.of("cart");
                told.extend([keys, ("SHOP_PRICING_URL", self.told_of(name, "pricing")), ("SHOP_PRICING_TOKEN", token)]);
            }
            "recommendations" => told.push(keys),
            "gateway" => {
                told.extend([admin, keys]);
                if let Some([routes, endpoints]) = &self.tables {
                    told.push(("SHOP_ROUTES", routes.display().to_string()));
                    told.push(("SHOP_ENDPOINTS", endpoints.display().to_string()));
                }
            }
            "psp-sim" => {
                // It is nobody of ours, so it comes as everybody does where services know each other.
                let door = if self.is_certified("payments") { "gateway" } else { "payments" };
                let url = format!("{}/v1/webhooks/psp", self.told_of(name, door));
                told.extend([("PSP_NOTICE_SECRET", notice.clone()), ("PSP_NOTICE_URL", url)]);
            }
            _ => {}
        }
        told.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The gateway's file of endpoints: one place of each service.
    pub fn endpoints(&self) -> String {
        let behind = self.places.iter().filter(|(name, _)| NAMES[1..].contains(&name.as_str()));
        let reached = |name: &str, address: &SocketAddr| self.detour("gateway", name).unwrap_or(*address);
        let lines: Vec<String> =
            behind.map(|(name, address)| format!("{name} = [\"{}\"]\n", reached(name, address))).collect();
        lines.concat()
    }
}

/// HOST:PORT of a URL.
pub(crate) fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or(rest);
    host.rsplit_once('@').map_or(host, |(_, host)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(told: &[(String, String)], name: &str) -> Option<String> {
        told.iter().find(|(one, _)| one == name).map(|(_, value)| value.clone())
    }

    #[test]
    fn who_is_not_there_yet_is_nowhere_and_callers_have_the_tokens_that_callees_believe() {
        let mut wiring = Wiring::new("nats://127.0.0.1:4222".into(), Secrets::known());
        assert_eq!(of(&wiring.told("orders"), "SHOP_PRICING_URL"), Some(NOWHERE.to_owned()));
        wiring.places.insert("pricing".into(), ([127, 0, 0, 1], 8081).into());
        let orders = wiring.told("orders");
        assert_eq!(of(&orders, "SHOP_PRICING_URL").as_deref(), Some("http://127.0.0.1:8081"));
        let believed = of(&wiring.told("pricing"), "SHOP_SERVICE_TOKENS").unwrap();
        let token = of(&orders, "SHOP_PRICING_TOKEN").unwrap();
        assert!(believed.contains(&format!("orders={token}")), "{believed}");
        assert_eq!(wiring.endpoints(), "pricing = [\"127.0.0.1:8081\"]\n");
    }
    #[test]
    fn every_link_can_be_led_past_another_address_and_there_is_no_other() {
        let mut wiring = Wiring::new("nats://127.0.0.1:4222".into(), Secrets::known());
        for (name, port) in NAMES.into_iter().chain(["psp-sim"]).zip(8_000..) {
            wiring.places.insert(name.to_owned(), ([127, 0, 0, 1], port).into());
        }
        for (link, port) in links().into_iter().zip(9_000..) {
            wiring.detours.insert(link, ([127, 0, 0, 2], port).into());
        }
        let database = |name: &str| wiring.store(name, "postgres", "postgres://a:b@127.0.0.1:5432/a");
        let told = |name: &str| -> String {
            let told = wiring.told(name).into_iter().map(|(_, value)| value);
            told.chain([database(name)]).collect::<Vec<_>>().join(" ")
        };
        for name in NAMES.into_iter().chain(["psp-sim"]) {
            let words = if name == "gateway" { wiring.endpoints() + &told(name) } else { told(name) };
            for (_, address) in wiring.detours.iter().filter(|((from, _), _)| *from == name) {
                assert!(words.contains(&address.to_string()), "{name} is not told of {address}: {words}");
            }
            let direct = words.matches("127.0.0.1:").count();
            // Gateway and provider have neither database nor broker.
            let stores = if matches!(name, "gateway" | "psp-sim") { 2 } else { 0 };
            assert_eq!(direct, stores, "{name}: {words}");
        }
        assert_eq!(database("cart"), format!("postgres://a:b@{}/a", wiring.detours[&("cart", "postgres")]));
    }
}
