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
    /// A sum of money does not fit, or its currencies differ.
    AmountOutOfRange,
    /// No price is valid now for an SKU in this currency.
    PriceUnknown,
    /// Nothing is delivered to this country in this currency.
    NoRate,
    /// The coupon does not exist, is not valid now, or does not apply to this basket.
    CouponInvalid,
    /// The coupon has been redeemed as often as it may be.
    CouponUsedUp,
    /// No coupon has this code.
    CouponNotFound,
    /// A coupon with this code exists.
    CouponExists,
    /// No promotion has this id, or it has been withdrawn.
    PromotionNotFound,
    /// The quote was not signed by pricing.
    QuoteInvalid,
    /// The quote is older than it may be.
    QuoteExpired,
    /// The order was cancelled, so nothing more is done for it.
    OrderClosed,
    /// Not enough of an SKU can be sold.
    OutOfStock,
    /// The stock of this SKU is not kept.
    SkuUnknown,
    /// No reservation has this id.
    ReservationNotFound,
    /// The reservation has expired, or was settled the other way.
    ReservationClosed,
    /// The caller was overtaken by another that took over its work.
    StaleFence,
    /// The adjustment would take away what is reserved.
    StockCommitted,
    /// No payment has this id.
    PaymentNotFound,
    /// The payment is not in a state in which this can be done.
    PaymentState,
    /// The order has a payment of another amount or method.
    OrderPaid,
    /// More would be given back than was taken.
    RefundTooLarge,
    /// No operation of ours has this key.
    UnknownOperation,
    /// The caller has no order with this id.
    OrderNotFound,
    /// The order is not in a state in which this can be done.
    OrderState,
    /// The cart has as many lines as it may have.
    CartFull,
    /// Nothing is in the cart.
    CartEmpty,
    /// Another account has this e-mail address.
    EmailTaken,
    /// The password, token or secret is not right; it is not told which part of it.
    CredentialsRefused,
    /// Too many wrong credentials for this account, or from this address.
    TooManyAttempts,
    /// The account does not exist, or has been erased.
    AccountNotFound,
    /// The caller has no address with this id.
    AddressNotFound,
    /// The account has as many addresses as it may have.
    TooManyAddresses,
}

impl ErrorCode {
    /// Every code.
    pub const ALL: &[Self] = &[
        Self::ProductNotFound,
        Self::UnknownCategory,
        Self::BadCursor,
        Self::InvalidField,
        Self::SkuTaken,
        Self::AmountOutOfRange,
        Self::PriceUnknown,
        Self::NoRate,
        Self::CouponInvalid,
        Self::CouponUsedUp,
        Self::CouponNotFound,
        Self::CouponExists,
        Self::PromotionNotFound,
        Self::QuoteInvalid,
        Self::QuoteExpired,
        Self::OrderClosed,
        Self::OutOfStock,
        Self::SkuUnknown,
        Self::ReservationNotFound,
        Self::ReservationClosed,
        Self::StaleFence,
        Self::StockCommitted,
        Self::PaymentNotFound,
        Self::PaymentState,
        Self::OrderPaid,
        Self::RefundTooLarge,
        Self::UnknownOperation,
        Self::OrderNotFound,
        Self::OrderState,
        Self::CartFull,
        Self::CartEmpty,
        Self::EmailTaken,
        Self::CredentialsRefused,
        Self::TooManyAttempts,
        Self::AccountNotFound,
        Self::AddressNotFound,
        Self::TooManyAddresses,
    ];

    /// Last segment of the problem type.
    pub const fn slug(self) -> &'static str {
        self.row().0
    }

    /// Title of the problem, the same for every occurrence.
    pub const fn title(self) -> &'static str {
        self.row().1
    }

    /// HTTP status.
    pub const fn status(self) -> u16 {
        self.row().2
    }

    const fn row(self) -> (&'static str, &'static str, u16) {
        match self {
            Self::ProductNotFound => ("product-not-found", "No such product", 404),
            Self::UnknownCategory => ("unknown-category", "No such category", 400),
            Self::BadCursor => ("bad-cursor", "The cursor is not valid here", 400),
            Self::InvalidField => ("invalid-field", "A field is out of bounds", 422),
            Self::SkuTaken => ("sku-taken", "The SKU belongs to another product", 409),
            Self::AmountOutOfRange => ("amount-out-of-range", "The sum of money has no right result", 422),
            Self::PriceUnknown => ("price-unknown", "No price for an SKU", 422),
            Self::NoRate => ("no-rate", "No delivery there", 422),
            Self::CouponInvalid => ("coupon-invalid", "The coupon does not apply", 422),
            Self::CouponUsedUp => ("coupon-used-up", "The coupon is used up", 409),
            Self::CouponNotFound => ("coupon-not-found", "No such coupon", 404),
            Self::CouponExists => ("coupon-exists", "The code is taken", 409),
            Self::PromotionNotFound => ("promotion-not-found", "No such promotion", 404),
            Self::QuoteInvalid => ("quote-invalid", "The quote is not genuine", 422),
            Self::QuoteExpired => ("quote-expired", "The quote has expired", 409),
            Self::OrderClosed => ("order-closed", "The order is cancelled", 409),
            Self::OutOfStock => ("out-of-stock", "Not enough in stock", 409),
            Self::SkuUnknown => ("sku-unknown", "No stock is kept of an SKU", 404),
            Self::ReservationNotFound => ("reservation-not-found", "No such reservation", 404),
            Self::ReservationClosed => ("reservation-closed", "The reservation is no longer held", 409),
            Self::StaleFence => ("stale-fence", "The caller was overtaken", 409),
            Self::StockCommitted => ("stock-committed", "The stock is promised", 409),
            Self::PaymentNotFound => ("payment-not-found", "No such payment", 404),
            Self::PaymentState => ("payment-state", "Not in this state", 409),
            Self::OrderPaid => ("order-paid", "The order has another payment", 409),
            Self::RefundTooLarge => ("refund-too-large", "More than was taken", 422),
            Self::UnknownOperation => ("unknown-operation", "No such operation", 404),
            Self::OrderNotFound => ("order-not-found", "No such order", 404),
            Self::OrderState => ("order-state", "Not in this state", 409),
            Self::CartFull => ("cart-full", "The cart is full", 409),
            Self::CartEmpty => ("cart-empty", "The cart is empty", 409),
            Self::EmailTaken => ("email-taken", "The e-mail address has an account", 409),
            Self::CredentialsRefused => ("credentials-refused", "The credentials are not right", 401),
            Self::TooManyAttempts => ("too-many-attempts", "Too many wrong credentials", 429),
            Self::AccountNotFound => ("account-not-found", "No such account", 404),
            Self::AddressNotFound => ("address-not-found", "No such address", 404),
            Self::TooManyAddresses => ("too-many-addresses", "No more addresses", 409),
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
