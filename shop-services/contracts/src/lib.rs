//! Wire types and the error catalogue of the shop.
