//! CEL rules that several fields share; each message names the field and what would pass.
//!
//! The API server bounds the cost of CEL per rule from `maxLength`, `maxItems` and `maxProperties`, so every string,
//! list and map that a rule looks at is bounded where it is declared.

use kube::core::Rule;

/// Shape of a duration: whole numbers with units in falling order, each at most once.
const DURATION_SHAPE: &str = "^([0-9]{1,6}d)?([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?([0-9]{1,6}ms)?$";

/// Shape of a Kubernetes object name (RFC 1123 subdomain).
const NAME_SHAPE: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

/// Shape of an IANA zone name. Whether the zone exists is asked of the API server's time zone database.
const ZONE_SHAPE: &str = "^(UTC|[A-Z][A-Za-z]+(/[A-Za-z][A-Za-z0-9_+-]*)+)$";

/// CEL expression for the duration that the string `text` means; `text` must have the shape of a duration. CEL itself
/// knows no days, and turning a number into text would make the cost unbounded: days are a distance of instants.
pub(crate) fn duration_value(text: &str) -> String {
    let days = format!("timestamp(int({text}.find('^[0-9]+')) * 86400) - timestamp(0)");
    format!("(duration('0s' + {text}.find('[0-9hms]*$')) + ({text}.contains('d') ? {days} : duration('0s')))")
}

/// CEL expression: the string `text` has the shape of a duration.
pub(crate) fn is_duration(text: &str) -> String {
    format!("{text}.matches('{DURATION_SHAPE}')")
}

/// A duration from `low` to `high`, both in CEL's form (hours at most: CEL knows no days) and inclusive.
pub(crate) fn duration_between(field: &str, low: &str, high: &str, example: &str) -> Rule {
    let (shape, value) = (is_duration("self"), duration_value("self"));
    Rule::new(format!("{shape} && {value} >= duration('{low}') && {value} <= duration('{high}')")).message(&*format!(
        "{field} must be a duration from {low} to {high}, written with units d, h, m, s, ms, such as \"{example}\""
    ))
}

/// A quantity above `low` and at most `high`.
pub(crate) fn quantity_above(field: &str, low: &str, high: &str, example: &str) -> Rule {
    Rule::new(format!(
        "isQuantity(self) && quantity(self).isGreaterThan(quantity('{low}')) && !quantity(self).isGreaterThan(quantity('{high}'))"
    ))
    .message(&*format!("{field} must be a quantity above {low} and at most {high}, such as \"{example}\""))
}

/// The name of a Kubernetes object.
pub(crate) fn object_name(field: &str) -> Rule {
    Rule::new(format!("self.matches('{NAME_SHAPE}')")).message(&*format!(
        "{field} must be the name of an object: lower-case letters, digits, '-' and '.', such as \"checkout\""
    ))
}

/// Text that says something.
pub(crate) fn not_blank(field: &str, example: &str) -> Rule {
    Rule::new("self.trim().size() > 0").message(&*format!("{field} must not be blank: write for example {example:?}"))
}

/// A path of an HTTP request on the service's port.
pub(crate) fn http_path(field: &str) -> Rule {
    Rule::new("self.matches('^/[^ \\t\\r\\n]*$')")
        .message(&*format!("{field} must be an HTTP path that starts with '/', such as \"/readyz\""))
}

/// An IANA time zone that the API server knows.
pub(crate) fn known_zone(field: &str) -> [Rule; 2] {
    let cure = format!("{field} must be an IANA time zone such as \"Europe/Berlin\" or \"UTC\"");
    [
        Rule::new(format!("self.matches('{ZONE_SHAPE}') && !self.startsWith('posix/')"))
            .message(&*format!("{cure}; offsets and abbreviations do not say when clocks change")),
        // An unknown zone makes getHours fail; the server then refuses the object with this rule's message.
        Rule::new(format!("!self.matches('{ZONE_SHAPE}') || timestamp('2026-01-01T00:00:00Z').getHours(self) >= 0"))
            .message(&*format!("{cure}; this name is in no time zone database that the API server has")),
    ]
}

/// Drops what an enum says of itself from its schema, since the field that uses it says more: unit, default, meaning.
pub(crate) fn described_by_field(schema: &mut schemars::Schema) {
    schema.remove("description");
}
