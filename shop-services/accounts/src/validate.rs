//! Bounds of what customers send, and the one form of an e-mail address; each refusal names the field and what passes.

use shop_contracts::ErrorCode;
use shop_contracts::accounts::{Hidden, PASSWORD_LENGTH, PostalAddress};
use shop_kit::Problem;

use crate::error::known;

type Checked = Result<(), Problem>;

/// Longest e-mail address, and the longest part before its `@`.
///
/// **Source**: RFC 5321 §4.5.3.1.
const EMAIL_LENGTH: (usize, usize) = (254, 64);

/// An e-mail address in the one form in which addresses are compared: lower case. Only ASCII passes, so that no two
/// addresses look the same and differ.
///
/// # Errors
/// `invalid-field`.
pub fn email(text: &str) -> Result<String, Problem> {
    let normal = text.trim().to_ascii_lowercase();
    let parts = normal.rsplit_once('@').filter(|(local, domain)| {
        normal.len() <= EMAIL_LENGTH.0
            && is_local_part(local)
            && domain.contains('.')
            && domain.split('.').all(is_label)
    });
    if parts.is_none() {
        return Err(invalid("email passes as in anna@example.com, with ASCII characters only"));
    }
    Ok(normal)
}

fn is_local_part(local: &str) -> bool {
    let atom = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
    };
    local.len() <= EMAIL_LENGTH.1 && local.split('.').all(atom)
}

fn is_label(label: &str) -> bool {
    let allowed = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    allowed && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
}

/// A new password.
///
/// # Errors
/// `invalid-field`, which does not repeat it.
pub fn password(password: &Hidden) -> Checked {
    if PASSWORD_LENGTH.contains(&password.0.chars().count()) {
        return Ok(());
    }
    let (least, most) = (PASSWORD_LENGTH.start(), PASSWORD_LENGTH.end());
    Err(invalid(format!("a password passes with {least} to {most} characters")))
}

/// How a customer is called.
///
/// # Errors
/// `invalid-field`.
pub fn name(name: &str) -> Checked {
    text("name", name, 100)
}

/// An address.
///
/// # Errors
/// `invalid-field`, naming the first field out of bounds.
pub fn postal(address: &PostalAddress) -> Checked {
    let PostalAddress { recipient, line1, line2, postal_code, city, country } = address;
    text("recipient", recipient, 100)?;
    text("line1", line1, 200)?;
    line2.as_ref().map_or(Ok(()), |line2| text("line2", line2, 200))?;
    text("postal_code", postal_code, 20)?;
    text("city", city, 100)?;
    if country.len() != 2 || !country.bytes().all(|b| b.is_ascii_uppercase()) {
        return Err(invalid("country passes as two letters of ISO 3166-1, for example DE"));
    }
    Ok(())
}

fn text(field: &str, text: &str, most: usize) -> Checked {
    let length = text.chars().count();
    if !(1..=most).contains(&length) || text.trim().is_empty() || text.chars().any(char::is_control) {
        return Err(invalid(format!(
            "{field} passes with 1 to {most} characters, none a control character and not all blank"
        )));
    }
    Ok(())
}

/// A field out of bounds.
pub fn invalid(detail: impl Into<String>) -> Problem {
    known(ErrorCode::InvalidField, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_differ_in_case_are_the_same_and_what_is_none_is_refused() {
        assert_eq!(email(" Anna.Lamp+shop@Example.COM ").unwrap(), "anna.lamp+shop@example.com");
        let (long_local, long_label) =
            (format!("{}@b.example", "a".repeat(65)), format!("a@{}.example", "b".repeat(64)));
        let long = format!("a@{}example", "b.".repeat(130));
        for bad in [
            "",
            "a",
            "@b.example",
            "a@",
            "a@b",
            "a@b..example",
            "a@-b.example",
            "a@b.example.",
            "a b@c.example",
            ".a@b.example",
            "a..b@c.example",
            "a@b.example\n x",
            "ä@b.example",
            "a@bücher.example",
            "а@b.example",
            "a@b@c.example",
            "\"a\"@b.example",
            "a@[127.0.0.1]",
            "a\0@b.example",
            &long_local,
            &long_label,
            &long,
        ] {
            assert_eq!(email(bad).unwrap_err().status(), 422, "{bad:?}");
        }
    }

    #[test]
    fn passwords_are_counted_in_characters_and_never_repeated() {
        for good in ["ten chars!", "ÄÖÜÄÖÜÄÖÜß", &"x".repeat(128)] {
            password(&Hidden(good.to_owned())).unwrap();
        }
        for bad in ["", "nine char", &"x".repeat(129)] {
            let refused = password(&Hidden(bad.to_owned())).unwrap_err();
            assert!(bad.is_empty() || !refused.detail().contains(bad), "{}", refused.detail());
        }
    }
}
