//! Signed webhooks: only who knows the secret can send one, and only lately.
//!
//! **Source**: the scheme of Stripe's webhooks: `t=SECONDS,v1=HEX`, an HMAC-SHA256 over `SECONDS.BODY`.

use aws_lc_rs::hmac;
use jiff::Timestamp;

use crate::config::Secret;
use crate::problem::Problem;

/// How far the sender's time may be from ours, in seconds.
pub const TOLERANCE: i64 = 300;

/// Checks the signatures of one sender.
#[derive(Debug, Clone)]
pub struct WebhookKey(hmac::Key);

impl WebhookKey {
    /// Takes the secret shared with the sender.
    pub fn new(secret: &Secret) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes()))
    }

    /// Passes where `header` signs `body` and was made lately.
    ///
    /// # Errors
    /// 401 otherwise, without saying more than what is missing.
    pub fn check(&self, header: Option<&str>, body: &[u8], now: Timestamp) -> Result<(), Problem> {
        let refused = || Problem::unauthorized("the webhook is not signed, or not lately");
        let parts = header.ok_or_else(refused)?.split(',').filter_map(|part| part.split_once('='));
        let (mut second, mut signature) = (None, None);
        for (name, value) in parts {
            match name.trim() {
                "t" => second = value.parse::<i64>().ok(),
                "v1" => signature = bytes(value),
                _ => {}
            }
        }
        let (Some(second), Some(signature)) = (second, signature) else { return Err(refused()) };
        let mut signed = format!("{second}.").into_bytes();
        signed.extend_from_slice(body);
        hmac::verify(&self.0, &signed, &signature).map_err(|_| refused())?;
        if now.as_second().abs_diff(second) > TOLERANCE.unsigned_abs() {
            return Err(refused());
        }
        Ok(())
    }
}

/// Bytes from lower-case or upper-case hexadecimal digits.
fn bytes(hex: &str) -> Option<Vec<u8>> {
    if !hex.is_ascii() || !hex.len().is_multiple_of(2) {
        return None;
    }
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(secret: &str, second: i64, body: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let tag = hmac::sign(&key, format!("{second}.{body}").as_bytes());
        let digits = |byte: &u8| [byte >> 4, byte & 15].map(|four| char::from_digit(four.into(), 16).unwrap());
        format!("t={second},v1={}", tag.as_ref().iter().flat_map(digits).collect::<String>())
    }

    #[test]
    fn only_the_sender_passes_and_only_lately() {
        let key = WebhookKey::new(&"s3cret".parse().unwrap());
        let now = Timestamp::from_second(1_000_000).unwrap();
        let check =
            |header: &str, body: &str| key.check(Some(header), body.as_bytes(), now).map_err(|p| p.status().as_u16());
        for second in [999_700, 1_000_000, 1_000_300] {
            assert_eq!(check(&header("s3cret", second, "{}"), "{}"), Ok(()));
        }
        for second in [999_699, 1_000_301, i64::MIN, i64::MAX] {
            assert_eq!(check(&header("s3cret", second, "{}"), "{}"), Err(401), "{second}");
        }
        assert_eq!(check(&header("guess", 1_000_000, "{}"), "{}"), Err(401));
        assert_eq!(check(&header("s3cret", 1_000_000, "{}"), "{} "), Err(401));
        for junk in ["", "t=1", "v1=00", "t=x,v1=00", "t=1000000,v1=0", "t=1000000,v1=zz", "t=1000000,v1=ää"] {
            assert_eq!(check(junk, "{}"), Err(401), "{junk}");
        }
        assert_eq!(key.check(None, b"{}", now).unwrap_err().status(), 401);
    }
}
