//! What accounts is told: its subcommands and their flags, each with an environment variable.

use std::time::Duration;

use clap::{Args, Subcommand};
use shop_kit::auth::ServiceToken;
use shop_kit::command::MigrateConfig;
use shop_kit::config::{BrokerConfig, duration};
use shop_kit::{DatabaseConfig, Secret, ServerConfig, TelemetryConfig};

use crate::error::AccountsError;

/// What accounts can do.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Serve the API until SIGTERM; brings the schema up to date first.
    Serve(Box<ServeConfig>),
    /// Bring the schema up to date and exit.
    Migrate(MigrateConfig),
    /// Publish a new key that signs tokens after the lead, and exit; every replica follows.
    RotateKeys(RotateConfig),
}

impl Command {
    /// Logs and traces, whatever the subcommand.
    pub fn telemetry(&self) -> &TelemetryConfig {
        match self {
            Self::Serve(config) => &config.telemetry,
            Self::Migrate(config) => &config.telemetry,
            Self::RotateKeys(config) => &config.telemetry,
        }
    }
}

/// Settings of `serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeConfig {
    /// Listeners, limits, drain.
    #[command(flatten)]
    pub server: ServerConfig,
    /// Accounts' own database.
    #[command(flatten)]
    pub database: DatabaseConfig,
    /// Events.
    #[command(flatten)]
    pub broker: BrokerConfig,
    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
    /// Keys of keys.
    #[command(flatten)]
    pub masters: MasterConfig,
    /// Keys of tokens.
    #[command(flatten)]
    pub signing: SigningConfig,
    /// Tokens.
    #[command(flatten)]
    pub tokens: TokenConfig,
    /// Passwords.
    #[command(flatten)]
    pub passwords: PasswordConfig,
    /// Wrong credentials.
    #[command(flatten)]
    pub attempts: AttemptConfig,
    /// A service that may have tokens of its own, and its secret, as NAME=SECRET; a name may come twice, with its old
    /// and its new one.
    #[arg(long, env = "SHOP_SERVICE_TOKENS", value_delimiter = ',')]
    pub service_token: Vec<ServiceToken>,
    /// Pause between two rounds of housekeeping: sessions that ended, old attempts, keys of an old master key.
    #[arg(long, env = "SHOP_SWEEP_PERIOD", default_value = "1m", value_parser = duration)]
    pub sweep_period: Duration,
}

/// Settings of `rotate-keys`.
#[derive(Debug, Clone, Args)]
pub struct RotateConfig {
    /// Accounts' own database.
    #[command(flatten)]
    pub database: DatabaseConfig,
    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
    /// Keys of keys.
    #[command(flatten)]
    pub masters: MasterConfig,
    /// Keys of tokens.
    #[command(flatten)]
    pub signing: SigningConfig,
    /// As `serve` has it.
    #[arg(long, env = "SHOP_ACCESS_TTL", default_value = "10m", value_parser = duration)]
    pub access_ttl: Duration,
}

/// The keys that seal all other keys.
#[derive(Debug, Clone, Args)]
pub struct MasterConfig {
    /// Master key as VERSION:KEY, KEY 32 random bytes in base64url. The first one seals, the others only open: to
    /// rotate, pass the new one last everywhere, then first, then alone once the log says that all keys are wrapped.
    #[arg(long, env = "SHOP_MASTER_KEYS", value_delimiter = ',')]
    pub master_key: Vec<Secret>,
}

/// How the keys that sign tokens change.
#[derive(Debug, Clone, Copy, Args)]
pub struct SigningConfig {
    /// How long a key signs before the next one.
    #[arg(long, env = "SHOP_KEY_ROTATION", default_value = "720h", value_parser = duration)]
    pub key_rotation: Duration,
    /// How long a key is published before it signs: longer than whoever checks tokens keeps the keys, 5m in the shop.
    #[arg(long, env = "SHOP_KEY_LEAD", default_value = "15m", value_parser = duration)]
    pub key_lead: Duration,
    /// Pause between two looks at the keys; at most half of the lead.
    #[arg(long, env = "SHOP_KEY_PERIOD", default_value = "30s", value_parser = duration)]
    pub key_period: Duration,
}

impl SigningConfig {
    /// Passes where every replica has a key before it signs.
    ///
    /// # Errors
    /// Names the setting and what would pass.
    pub fn check(&self) -> Result<(), AccountsError> {
        let Self { key_rotation, key_lead, key_period } = self;
        let refused = |text: String| Err(AccountsError::Settings(text));
        if key_period.is_zero() || *key_period > *key_lead / 2 {
            return refused(format!("key-period is {key_period:?}; more than 0 and up to {:?} pass", *key_lead / 2));
        }
        if key_rotation <= key_lead {
            return refused(format!("key-rotation is {key_rotation:?}; more than key-lead, {key_lead:?}, passes"));
        }
        Ok(())
    }
}

/// What tokens say, and for how long.
#[derive(Debug, Clone, Args)]
pub struct TokenConfig {
    /// The `iss` of tokens.
    #[arg(long, env = "SHOP_TOKEN_ISSUER", default_value = "accounts")]
    pub token_issuer: String,
    /// The `aud` of customers' tokens.
    #[arg(long, env = "SHOP_TOKEN_AUDIENCE", default_value = "shop")]
    pub token_audience: String,
    /// The `aud` of services' tokens; another than the customers', so that none passes for the other.
    #[arg(long, env = "SHOP_SERVICE_AUDIENCE", default_value = "shop-services")]
    pub service_audience: String,
    /// How long an access token is valid.
    #[arg(long, env = "SHOP_ACCESS_TTL", default_value = "10m", value_parser = duration)]
    pub access_ttl: Duration,
    /// How long a session lasts, however often its tokens are exchanged.
    #[arg(long, env = "SHOP_SESSION_TTL", default_value = "720h", value_parser = duration)]
    pub session_ttl: Duration,
}

impl TokenConfig {
    /// Passes where no token passes for another.
    ///
    /// # Errors
    /// Names the setting and what would pass.
    pub fn check(&self) -> Result<(), AccountsError> {
        if self.service_audience == self.token_audience {
            let text = format!("service-audience is the token-audience, {}; another one passes", self.token_audience);
            return Err(AccountsError::Settings(text));
        }
        Ok(())
    }
}

/// How passwords are hashed: the memory of all at work is `hash-limit` times `hash-memory`.
#[derive(Debug, Clone, Copy, Args)]
pub struct PasswordConfig {
    /// Memory of one hash, in KiB; 19 MiB is the least that OWASP advises.
    #[arg(long, env = "SHOP_HASH_MEMORY", default_value_t = 19_456, value_parser = clap::value_parser!(u32).range(19_456..=1_048_576))]
    pub hash_memory: u32,
    /// Passes over it.
    #[arg(long, env = "SHOP_HASH_PASSES", default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=64))]
    pub hash_passes: u32,
    /// Lanes.
    #[arg(long, env = "SHOP_HASH_LANES", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
    pub hash_lanes: u32,
    /// Passwords hashed at the same time.
    #[arg(long, env = "SHOP_HASH_LIMIT", default_value_t = 2)]
    pub hash_limit: usize,
    /// Passwords that may wait for their turn; the rest is turned away with 503.
    #[arg(long, env = "SHOP_HASH_QUEUE", default_value_t = 16)]
    pub hash_queue: usize,
}

/// How many wrong credentials are answered; right ones do not count.
#[derive(Debug, Clone, Copy, Args)]
pub struct AttemptConfig {
    /// Wrong passwords for one account in a window.
    #[arg(long, env = "SHOP_ATTEMPTS_PER_ACCOUNT", default_value_t = 10)]
    pub attempts_per_account: u32,
    /// Wrong credentials and taken e-mail addresses from one network in a window.
    #[arg(long, env = "SHOP_ATTEMPTS_PER_ADDRESS", default_value_t = 100)]
    pub attempts_per_address: u32,
    /// The window.
    #[arg(long, env = "SHOP_ATTEMPT_WINDOW", default_value = "15m", value_parser = duration)]
    pub attempt_window: Duration,
    /// Proxies of ours in front, whose X-Forwarded-For is believed; 1 behind the gateway.
    #[arg(long, env = "SHOP_TRUSTED_HOPS", default_value_t = 0)]
    pub trusted_hops: usize,
}
