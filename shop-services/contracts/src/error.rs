//! The one catalogue of errors that callers may rely on: slug, title and status of each.

/// A refusal with a stable name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// No product has this id, or it is retired.
    ProductNotFound,
    /// No category has this slug.
    UnknownCategory,
    /// The cursor was not made by this service for this kind of listing.
    BadCursor,
    /// A field breaks its documented bounds.
    InvalidField,
    /// Another product sells this SKU already.
    SkuTaken,
}

impl ErrorCode {
    /// Every code.
    pub const ALL: &[Self] =
        &[Self::ProductNotFound, Self::UnknownCategory, Self::BadCursor, Self::InvalidField, Self::SkuTaken];

    /// Last segment of the problem type.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::ProductNotFound => "product-not-found",
            Self::UnknownCategory => "unknown-category",
            Self::BadCursor => "bad-cursor",
            Self::InvalidField => "invalid-field",
            Self::SkuTaken => "sku-taken",
        }
    }

    /// Title of the problem, the same for every occurrence.
    pub const fn title(self) -> &'static str {
        match self {
            Self::ProductNotFound => "No such product",
            Self::UnknownCategory => "No such category",
            Self::BadCursor => "The cursor is not valid here",
            Self::InvalidField => "A field is out of bounds",
            Self::SkuTaken => "The SKU belongs to another product",
        }
    }

    /// HTTP status.
    pub const fn status(self) -> u16 {
        match self {
            Self::ProductNotFound => 404,
            Self::UnknownCategory | Self::BadCursor => 400,
            Self::InvalidField => 422,
            Self::SkuTaken => 409,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_own_slug_and_a_client_error_status() {
        let mut slugs: Vec<_> = ErrorCode::ALL.iter().map(|e| e.slug()).collect();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), ErrorCode::ALL.len());
        assert!(ErrorCode::ALL.iter().all(|e| (400..500).contains(&e.status()) && !e.title().is_empty()));
    }
}
