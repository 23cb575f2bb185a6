//! What each service is told of the others: addresses, and whom it believes. All of it goes by environment variables,
//! so that no secret stands in a list of processes and a flag of the caller counts before it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngCore;
use test_kit::Client;

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
/// Services that ask others on their own behalf.
const CALLERS: [&str; 2] = ["orders", "cart"];
/// Where nobody is.
const NOWHERE: &str = "http://127.0.0.1:1";

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
        Self { nats, places: BTreeMap::new(), issuer: None, tables: None, certificates: None, secrets }
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

    /// The environment of the service `name`, but for its own addresses and its database.
    pub fn told(&self, name: &str) -> Vec<(String, String)> {
        let Secrets { admin, callers: _, master, quote, notice, passwords: _ } = &self.secrets;
        let keys = self.issuer.map_or_else(|| self.url("accounts"), |issuer| format!("http://{issuer}"));
        let mut told = self.certified(name);
        told.push(("SHOP_NATS_URL", self.nats.clone()));
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
                ("SHOP_PSP_URL", self.url("psp-sim")),
                ("SHOP_PSP_NOTICE_SECRET", notice.clone()),
            ]),
            "orders" => {
                told.extend([admin, keys]);
                for (url, token, callee) in [
                    ("SHOP_PRICING_URL", "SHOP_PRICING_TOKEN", "pricing"),
                    ("SHOP_INVENTORY_URL", "SHOP_INVENTORY_TOKEN", "inventory"),
                    ("SHOP_PAYMENTS_URL", "SHOP_PAYMENTS_TOKEN", "payments"),
                ] {
                    told.extend([(url, self.url(callee)), (token, self.secrets.of("orders"))]);
                }
            }
            "cart" => {
                let token = self.secrets.of("cart");
                told.extend([keys, ("SHOP_PRICING_URL", self.url("pricing")), ("SHOP_PRICING_TOKEN", token)]);
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
                let url = format!("{}/v1/webhooks/psp", self.url(door));
                told.extend([("PSP_NOTICE_SECRET", notice.clone()), ("PSP_NOTICE_URL", url)]);
            }
            _ => {}
        }
        told.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The gateway's file of endpoints: one place of each service.
    pub fn endpoints(&self) -> String {
        let behind = self.places.iter().filter(|(name, _)| NAMES[1..].contains(&name.as_str()));
        let lines: Vec<String> = behind.map(|(name, address)| format!("{name} = [\"{address}\"]\n")).collect();
        lines.concat()
    }
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
}
