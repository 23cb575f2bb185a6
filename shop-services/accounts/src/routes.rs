//! The HTTP API of accounts and its OpenAPI document, both from the same declarations.

mod addresses;
mod me;
mod open;
mod tokens;

use axum::response::Response;
use axum::{Json, Router};
use http::Method;
use shop_contracts::ErrorCode;
use shop_kit::auth::Callers;
use shop_kit::{Database, Identity, Priority, Problem};
use shop_metrics::Events;
use sqlx::PgConnection;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::account::{Accounts, Held};
use crate::attempts::Attempts;
use crate::error::known;
use crate::issue::Issuer;
use crate::password::Hasher;
use crate::session::Sessions;
use crate::vault::{AccountKey, Vault};

/// What the handlers work with.
#[derive(Debug, Clone)]
pub struct Desk {
    /// Accounts' own database.
    pub database: Database,
    /// Who there is.
    pub accounts: Accounts,
    /// How often somebody was wrong.
    pub attempts: Attempts,
    /// Services that may have tokens.
    pub callers: Callers,
    /// Idempotency counts.
    pub events: Events,
    /// Passwords.
    pub hasher: Hasher,
    /// Ids and times.
    pub identity: Identity,
    /// Access tokens.
    pub issuer: Issuer,
    /// Grants.
    pub metrics: shop_metrics::Accounts,
    /// Refresh tokens.
    pub sessions: Sessions,
    /// Blind indexes.
    pub vault: Vault,
}

type Outcome = Result<Response, Problem>;

impl Desk {
    /// The account of the customer who calls, and its key.
    async fn account(&self, connection: &mut PgConnection, id: Uuid) -> Result<(Held, AccountKey), Problem> {
        let found = self.accounts.read(connection, id).await?;
        found.ok_or_else(|| known(ErrorCode::AccountNotFound, "it has been erased"))
    }

    /// A body as it is recognised when it comes again, without a trace of what is in it.
    fn recognised(&self, body: &impl serde::Serialize) -> Result<Vec<u8>, Problem> {
        let text = serde_json::to_string(body).map_err(|_| Problem::internal())?;
        Ok(self.vault.blind("idempotency", &text))
    }
}

/// How much a request matters: keys without which nobody is believed, then who stands at the door.
pub fn priority(method: &Method, route: &str) -> Priority {
    match (method.is_safe(), route) {
        (_, "/.well-known/jwks.json") => Priority::Critical,
        (true, _) => Priority::Normal,
        (false, _) => Priority::High,
    }
}

/// All routes, `/openapi.json` among them.
pub fn router(desk: Desk) -> Router {
    let (router, api) = parts().split_for_parts();
    let document = described(api);
    router.with_state(desk).route("/openapi.json", axum::routing::get(async move || Json(document)))
}

/// The OpenAPI document.
pub fn openapi() -> OpenApi {
    described(parts().into_openapi())
}

fn parts() -> OpenApiRouter<Desk> {
    let door = OpenApiRouter::new()
        .routes(routes!(open::open_account))
        .routes(routes!(tokens::token))
        .routes(routes!(tokens::revoke))
        .routes(routes!(tokens::keys));
    door.merge(of_customers())
}

/// What a customer's token opens.
fn of_customers() -> OpenApiRouter<Desk> {
    OpenApiRouter::new()
        .routes(routes!(me::get_me, me::patch_me, me::delete_me))
        .routes(routes!(me::export_me))
        .routes(routes!(addresses::list_addresses, addresses::add_address))
        .routes(routes!(addresses::get_address, addresses::put_address, addresses::delete_address))
}

fn described(mut api: OpenApi) -> OpenApi {
    api.info = InfoBuilder::new()
        .title("accounts")
        .description(Some("Accounts, sessions and the keys that check customers' tokens."))
        .version(env!("CARGO_PKG_VERSION"))
        .build();
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    api.components.get_or_insert_default().security_schemes.insert("user".to_owned(), bearer.into());
    api
}
